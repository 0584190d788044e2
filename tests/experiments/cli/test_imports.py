"""Cells, tasks and studies of modules outside the package: --import, entry points, mistakes."""

import itertools
import sys
import textwrap
from unittest import mock

import pytest
from support.commands import command, refused

from experiments import REGISTERED
from experiments.cli.commands import report
from seqjax.cells import CELLS
from seqjax.records import jsonl
from seqjax.tasks import TASKS
from seqjax.training.overrides import all_fields

NUMBER = itertools.count()
HEAD = """\
    import dataclasses
    import jax
    import jax.numpy as jnp
    import seqjax
    from experiments import register_study
    from seqjax import Batch, Cell, Gate, Hidden

"""
CELL = """\
    def equation(act, z, carry, p):
        return Hidden(act("h", z.h))

    seqjax.register_cell(Cell("echo", (Gate("h", "tanh"),), equation))

"""
TASK = """\
    @seqjax.register_task
    @dataclasses.dataclass(frozen=True)
    class Nothing(seqjax.GeneratedTask):
        \"\"\"Recall the first of ``depth`` bits.\"\"\"

        depth: int = 3
        name, inputs, outputs, symbols = "nothing", 2, 2, True

        def sample(self, key, batch_size):
            bits = jax.random.randint(key, (self.depth, batch_size), 0, 2, jnp.int32)
            return Batch(bits, bits[0], jnp.ones(batch_size))

"""
STUDY = """\
    register_study(seqjax.Study(
        name="nothing_at_all",
        question="Is it nothing?",
        base={"task.name": "nothing", "model.cell": "echo", "model.hidden": 2,
              "train.steps": 2, "train.batch_size": 4},
        axes=(seqjax.Axis("task.depth", (1, 2), label="deep"),),
        seeds=1,
    ))
"""
WHOLE = HEAD + CELL + TASK + STUDY


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Function that writes a module into the working directory; registries are restored."""
    before = {*sys.modules}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(text):
        path = tmp_path / f"own_{next(NUMBER)}.py"
        path.write_text(textwrap.dedent(text))
        return path

    with mock.patch.dict(CELLS), mock.patch.dict(TASKS), mock.patch.dict(REGISTERED):
        yield write
    for name in {*sys.modules} - before:
        if name.startswith("own_"):
            del sys.modules[name]


def test_names_of_a_module_are_listed_and_accepted(module, tmp_path):
    path = module(WHOLE)
    for given in (path.name, path.stem, f"./{path.name}", path):
        flag = f"--import={given}"
        assert "nothing_at_all: Is it nothing?" in command(flag, "--list").out
        assert "\nnothing: Recall the first of depth bits.\n" in command(flag, "--list=tasks").out
        assert "\necho: gates h\n" in command(flag, "--list=cells").out
        planned = command(flag, "--study=nothing_at_all", "--dry_run")
        assert planned.code == 0 and "echo of 2 units on nothing" in planned.out
    assert "task.depth=3" in command("--list=fields").out and "task.depth" in all_fields()
    other = ("--set=task.name=nothing", "--sweep=init.bias.h=0,1", "--arms=gru")
    assert command(flag, "--study=gate_bias", *other, "--dry_run").code == 2  # a GRU has no gate h
    error = command(flag, "--study=nothing_at_al").err
    assert "did you mean 'nothing_at_all'" in error


@pytest.mark.slow
def test_a_workdir_is_reported_with_and_without_the_module(module, tmp_path):
    flag = f"--import={module(WHOLE).name}"
    workdir = f"--workdir={tmp_path / 'runs'}"
    ran = command(flag, "--study=nothing_at_all", workdir)
    assert ran.code == 0, ran.err
    assert "Is it nothing?" in ran.out and "| deep |" in ran.out
    assert f"{flag}\n" in (tmp_path / "runs" / "flags.txt").read_text()
    assert command(flag, workdir, program=report).out == ran.out
    for registry, name in ((CELLS, "echo"), (TASKS, "nothing"), (REGISTERED, "nothing_at_all")):
        del registry[name]
    alone = command(workdir, program=report)
    assert alone.code == 0 and flag in alone.err and alone.err.count("\n") == 1
    (record, _) = jsonl.read_all(tmp_path / "runs")
    assert f"{record.test['accuracy']:.3f}" in alone.out
    assert "Is it nothing?" not in alone.out and "| task.depth |" in alone.out
    assert "fixed split" not in alone.out


MISTAKES = {
    # name: (text of the module, words of the error)
    "syntax": (HEAD + "    def f(:\n", ("line 8", "SyntaxError")),
    "missing import": ("    import nothing_like_it\n", ("line 1", "ModuleNotFoundError")),
    "exception": (HEAD + "    jnp.zeros(-1)\n", ("line 8", "Error: ")),
    "exit": ("    raise SystemExit(3)\n", ("line 1", "SystemExit: 3")),
    "taken cell": (HEAD + CELL.replace("echo", "lstm"), ("line 11", "cell lstm", "taken")),
    "taken task": (HEAD + TASK.replace('"nothing"', '"adding"'), ("task adding", "taken")),
    "taken study": (WHOLE.replace("nothing_at_all", "claims"), ("study claims", "taken")),
    "twice": (HEAD + CELL + CELL, ("line 16", "cell echo", "taken")),
    "name": (HEAD + CELL.replace("echo", "an echo"), ("'an echo'", "letters, digits")),
    "undefined": (HEAD + CELL.replace("z.h", "y.h"), ("line 9", "cell echo", "NameError", "'y'")),
    "unknown gate": (HEAD + CELL.replace("z.h", "z.f"), ("cell echo", "combine", "'f'")),
    "shape": (
        HEAD + CELL.replace("z.h)", "z.h)[:, :1]"),
        ("cell echo", "h: expected", "(3, 4)", "(3, 1)"),
    ),
    "carry": (
        HEAD + CELL.replace("Hidden(act", "(act"),
        ("cell echo", "expected Hidden(h)", "an array"),
    ),
    "activation": (HEAD + CELL.replace('"tanh"', '"tahn"'), ("gate h", "'tahn'", "sigmoid, tanh")),
    "no gates": (HEAD + CELL.replace('Gate("h", "tanh"),', ""), ("cell echo", "gates")),
    "no cell": (HEAD + "    seqjax.register_cell(len)\n", ("line 8", "a Cell such as")),
    "no sample": (HEAD + TASK.replace("sample", "simple"), ("task nothing", "sample")),
    "no outputs": (HEAD + TASK.replace("outputs,", "out,"), ("task nothing", "outputs")),
    "sample fails": (HEAD + TASK.replace("(bits,", "(bit,"), ("line 18", "sample", "'bit'")),
    "no dataclass": (
        HEAD + TASK.replace("    @dataclasses.dataclass(frozen=True)\n", ""),
        ("task nothing", "frozen dataclass"),
    ),
    "no default": (HEAD + TASK.replace(" = 3", ""), ("task nothing: depth", "default")),
    "type": (HEAD + TASK.replace("int = 3", "list = None"), ("depth", "int, float, bool or str")),
    "another type": (
        HEAD + TASK.replace("depth", "length").replace("length: int = 3", "length: float = 3.0"),
        ("length", "int as type", "float"),
    ),
    "no task": (HEAD + "    seqjax.register_task(len)\n", ("line 8", "subclass of Task")),
    "no study": (HEAD + "    register_study(len)\n", ("line 8", "expected a Study")),
    "unknown setting": (
        WHOLE.replace("model.hidden", "model.width"),
        ("line 25", "'model.hidden'"),
    ),
}


@pytest.mark.parametrize(("text", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_module_is_reported_with_its_line(module, tmp_path, text, words):
    path = module(text)
    place = f"error: --import: {path.name}, line "
    refused(tmp_path / "new", f"--import={path.name}", "--study=leak", words=(place, *words))
    result = command(f"--import={path.name}", f"--workdir={tmp_path}", program=report)
    assert result.code == 2 and place in result.err and result.err.count("\n") == 1


@pytest.mark.parametrize("given", ["nothing_here", "nothing_here.py", "folder/nothing", "", "."])
def test_a_module_that_is_not_there_is_named(module, tmp_path, given):
    refused(tmp_path / "new", f"--import={given}", "--list", words=("--import", given))


def test_a_file_with_the_name_of_another_module_is_refused(module, tmp_path):
    (tmp_path / "random.py").write_text("")
    refused(tmp_path / "new", "--import=random.py", "--list", words=("random.py", "rename"))


def test_packages_register_by_entry_points(module, tmp_path, monkeypatch):
    good, bad = module(HEAD + CELL), module("    1 / 0\n")
    package = tmp_path / "own_package-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: own_package\nVersion: 1\n")
    points = f"[seqjax]\ngood = {good.stem}\nbad = {bad.stem}\n"
    (package / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path)
    result = command("--list=cells")
    assert result.code == 0 and "\necho: gates h\n" in result.out
    assert result.err.count("\n") == 1
    assert f"bad = {bad.stem}" in result.err and "ZeroDivisionError" in result.err


def test_what_a_notebook_runs_again_replaces_what_it_registered():
    import seqjax

    def equation(act, z, carry, p):
        return seqjax.Hidden(act("h", z.h))

    with mock.patch.dict(CELLS):
        for activation in ("tanh", "relu"):
            equation.__module__ = "__main__"
            cell = seqjax.Cell("echo", (seqjax.Gate("h", activation),), equation)
            assert seqjax.register_cell(cell) is cell is CELLS["echo"]
