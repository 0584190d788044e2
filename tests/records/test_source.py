"""Digests of code: edited equations change them, comments and layout do not."""

import dataclasses
import importlib.util
import sys

import pytest
from support.commands import command, refused

from seqjax.cells import CELLS
from seqjax.records import jsonl, source
from seqjax.tasks import TASKS

TASK = '''
import dataclasses

from seqjax.tasks.synthetic.adding import Adding

SHIFT = 0.0


def shifted(value):
    """Some value."""
    return value + SHIFT


@dataclasses.dataclass(frozen=True)
class Edited(Adding):
    """A task whose code is edited."""

    name = "edited"

    def sample(self, key, batch_size: int):
        # a comment
        batch = super().sample(key, batch_size)
        return batch._replace(y=shifted(batch.y))
'''
SAME = {
    "comment": ("# a comment", "# another one"),
    "docstring": ("A task whose code is edited.", "It was edited."),
    "docstring of a helper": ("Some value.", "Another value."),
    "layout": ("key, batch_size: int", "key,\n        batch_size: int,\n    "),
    "annotation": ("batch_size: int", "batch_size"),
    "another function": ("SHIFT = 0.0", "SHIFT = 0.0\n\n\ndef other():\n    return 1"),
}
OTHER = {
    "equation": ("shifted(batch.y)", "2 * shifted(batch.y)"),
    "helper": ("value + SHIFT", "value - SHIFT"),
    "constant": ("SHIFT = 0.0", "SHIFT = 0.5"),
    "field": ('name = "edited"', 'name = "edited"\n    every_step = True'),
}


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """Function that writes and imports the task's module with one edit, and registers the task."""

    def load(old="", new=""):
        assert old in TASK
        path = tmp_path / "edited_task.py"
        path.write_text(TASK.replace(old, new, 1), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("edited_task", path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "edited_task", module)
        spec.loader.exec_module(module)
        monkeypatch.setitem(TASKS, "edited", module.Edited)
        return module.Edited

    return load


@pytest.mark.parametrize("edit", SAME.values(), ids=SAME)
def test_what_does_not_change_a_task_keeps_its_digest(edited, edit):
    digest = source.digest_of_task(edited())
    assert len(digest) == 16 and source.digest_of_task(edited(*edit)) == digest


@pytest.mark.parametrize("edit", OTHER.values(), ids=OTHER)
def test_edited_code_changes_the_digest_of_a_task(edited, edit):
    assert source.digest_of_task(edited()) != source.digest_of_task(edited(*edit))


def test_every_task_and_cell_has_a_digest():
    tasks = [source.digest_of_task(task) for task in TASKS.values()]
    cells = [source.digest_of_cell(cell) for cell in CELLS.values()]
    assert all(tasks) and all(cells)
    assert len({*cells}) == len(CELLS) and len({*tasks}) == len(TASKS)


def test_the_gate_table_and_the_equation_are_parts_of_the_digest_of_a_cell():
    lstm = CELLS["lstm"]
    gates = (dataclasses.replace(lstm.gates[0], activation="tanh"), *lstm.gates[1:])
    changed = [
        dataclasses.replace(lstm, gates=gates),
        dataclasses.replace(lstm, combine=CELLS["lstm_noaf"].combine),  # another closure
    ]
    digests = {source.digest_of_cell(cell) for cell in (lstm, *changed)}
    assert len(digests) == 3


def test_code_without_a_source_has_no_digest():
    scope = {"Adding": TASKS["adding"], "__name__": "nowhere"}
    exec("class Typed(Adding):\n    name = 'typed'", scope)
    assert source.digest_of_task(scope["Typed"]) == ""


@pytest.mark.slow
def test_a_workdir_is_continued_by_the_same_code_alone(edited, tmp_path):
    workdir = tmp_path / "workdir"
    study = (
        "--study=init_by_clip",
        "--set=task.name=edited; task.length=4; train.steps=2; train.eval_every=2;"
        "train.batch_size=2; model.hidden=4",
        "--sweep=optim.learning_rate=0.1",
    )
    digest = source.digest_of_task(edited())
    assert command(*study, "--seeds=1", f"--workdir={workdir}").code == 0
    (record,) = jsonl.read_all(workdir)
    assert record.source.task == digest
    assert record.source.cell == source.digest_of_cell(CELLS["lstm"])
    edited(*SAME["comment"])
    result = command(*study, "--seeds=2", f"--workdir={workdir}")
    assert result.code == 0, result.err
    edited(*OTHER["equation"])
    refused(workdir, *study, "--seeds=3", words=("--workdir", "task edited", digest, "another"))
