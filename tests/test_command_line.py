"""The command line end to end, on a study so small that it trains in no time.

Commands run in this process where they can: ``command`` gives what a shell would see.
"""

import contextlib
import csv
import io
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
from absl.testing import flagsaver

from experiments import CLAIMS, STUDIES, environment, flags, progress, report, run
from experiments.workdir import identity
from seqjax import records, rules
from seqjax.study import Axis, Study, plan

ROOT = pathlib.Path(__file__).parents[1]
RATE = "optim.learning_rate"
STUDY = (
    "--study=init_by_clip",
    "--set=train.steps=6; train.eval_every=3; train.batch_size=8; model.hidden=4",
    f"--sweep=init.bias.f=0,1; {RATE}=0.1,1",
    "--seeds=2",
)


class Result(NamedTuple):
    """What a shell sees of a command."""

    code: int
    out: str
    err: str


def command(*arguments, program=run) -> Result:
    argv = [program.__file__, *map(str, arguments)]
    code, out, err = 0, io.StringIO(), io.StringIO()
    with (
        flagsaver.flagsaver(),
        mock.patch.object(sys, "argv", argv),
        mock.patch.dict(os.environ),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            program.main(getattr(program, "parser", flags.parser)(argv))
        except SystemExit as stop:
            code = stop.code
    return Result(code, out.getvalue(), err.getvalue())


def start(*arguments, program="run", **variables) -> subprocess.Popen:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", f"experiments.{program}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> Result:
    out, err = process.communicate(timeout=120)
    return Result(process.returncode, out, err)


def contents(folder: pathlib.Path) -> dict:
    """Every file with its bytes and the time of its last change."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def recorded(workdir: pathlib.Path) -> dict[str, dict]:
    """The records by run, without what differs between equal runs."""
    found = {record["id"]: record for record in records.read_all(workdir)}
    return {name: {**record, "seconds": None} for name, record in found.items()}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The workdir of the first run of the study, and what the command said."""
    workdir = tmp_path_factory.mktemp("first") / "new" / "workdir"
    return workdir, command(*STUDY, f"--workdir={workdir}")


@pytest.fixture
def finished(first, tmp_path):
    """A copy of the finished workdir that a test may change."""
    return shutil.copytree(first[0], tmp_path / "finished")


FIGURES = ("heat_map", "clipped", "learning_curves", "heat_map_untuned")
TABLES = ("table.md", "table.csv", "table.tex")
MADE = (*TABLES, *(f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")))


@pytest.mark.core
def test_a_study_runs_to_its_table(first):
    workdir, result = first
    assert result.code == 0, result.err
    table = (workdir / "table.md").read_text(encoding="utf-8")
    assert result.out == f"{table}\n"
    assert "**init_by_clip**" in table and f"**init_by_clip at {RATE} = 1**" in table
    assert "| forget bias | result " in table and " (2/" in table and " @" in table
    assert "compiling" in result.err and "100 %" in result.err

    kept = {"config.json", "flags.txt", "environment.json", "records.jsonl", "curves", ".locks"}
    assert {path.name for path in workdir.iterdir()} == kept | set(MADE)
    assert all(path.stat().st_size for path in workdir.iterdir())
    config = json.loads((workdir / "config.json").read_text(), parse_constant=pytest.fail)
    here = json.loads((workdir / "environment.json").read_text(), parse_constant=pytest.fail)
    assert config["seeds"] == [0, 1] and config["tune"] == RATE
    assert config["runs_per_device"] == [1] and config["environment"] == here
    assert here["devices"] == 2 and {"jaxlib", "device", "threads"} <= here.keys()

    lines = (workdir / "records.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert len(found) == 8 == len({record["id"] for record in found})
    assert len(list((workdir / "curves").iterdir())) == 8
    for record in found:
        loss, *others = np.load(workdir / record["curve_file"])
        assert [values.shape for values in (loss, *others)] == [(6,)] * 4
        assert np.float32(record["curve"]["training_loss"][0]) == np.mean(loss[:3])
        assert record["environment"] == here and record["seconds"] > 0
        assert record["settings"]["train.steps"] == 6 and record["settings"]["model.hidden"] == 4


def test_the_table_is_made_of_the_records(first):
    workdir, _ = first
    found = records.read_all(workdir)
    rows = list(csv.reader((workdir / "table.csv").read_text(encoding="utf-8").splitlines()))
    entries = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    main, fixed = entries[:2], entries[2:]
    assert [row["init.bias.f"] for row in main] == ["0.0", "1.0"]
    for row in main:
        tried = {0.1: [], 1.0: []}
        for record in found:
            if record["point"]["init.bias.f"] == float(row["init.bias.f"]):
                tried[record["point"][RATE]].append(record)
        best = rules.selected(tried)
        assert (row["tuned"], float(row["chosen"]), row["runs"]) == (RATE, best, "2")
        mean = np.mean([rules.entered(record, "test") for record in tried[best]])
        assert float(row["mean"]) == pytest.approx(mean, rel=1e-12)
    assert [row["table"] for row in fixed] == [f"init_by_clip at {RATE} = 1"] * 2
    latex = (workdir / "table.tex").read_text(encoding="utf-8")
    assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") == 2


def test_tables_and_figures_are_rebuilt_from_the_records_alone(first, tmp_path):
    workdir, result = first
    shutil.copy2(workdir / "records.jsonl", tmp_path)
    rebuilt = finish(start(f"--workdir={tmp_path}", program="report"))
    assert (rebuilt.code, rebuilt.err) == (0, "")
    assert rebuilt.out == result.out
    for name in MADE:
        assert (tmp_path / name).read_bytes() == (workdir / name).read_bytes(), name


def test_the_same_command_again_trains_nothing(finished):
    before = contents(finished)
    result = command(*STUDY, f"--workdir={finished}")
    assert result.code == 0 and "compiling" not in result.err
    after = contents(finished)
    assert after.keys() == before.keys()
    for path, (content, time_of_change) in before.items():
        if path.name == "flags.txt":  # names the workdir, which is a copy
            continue
        assert after[path][0] == content, path
        if "curves" in path.parts or path.suffix == ".jsonl":
            assert after[path][1] == time_of_change


def test_the_flags_that_are_kept_repeat_the_command(first, tmp_path):
    workdir, result = first
    kept = tmp_path / "kept.flags"
    shutil.copy(workdir / "flags.txt", kept)
    assert f"--workdir={workdir}\n" in kept.read_text(encoding="utf-8")
    before = contents(workdir)
    again = command(f"--flagfile={kept}")
    assert (again.code, again.out) == (0, result.out)
    assert {path: file[0] for path, file in contents(workdir).items()} == {
        path: file[0] for path, file in before.items()
    }


def test_settings_over_several_lines_are_kept_as_one(monkeypatch, tmp_path):
    argv = [
        "run",
        "--study=gate_bias",
        "--set=train.steps=7;\n  model.hidden=5",
        "--set=task.length=9",
    ]
    monkeypatch.setattr(sys, "argv", argv)
    with flagsaver.flagsaver():
        flags.parser(argv)
        study, text = flags.asked("gate_bias").study, flags.as_text()
    assert "--set=train.steps=7; model.hidden=5\n" in text
    kept = tmp_path / "kept.flags"
    kept.write_text(text)
    again = ["run", f"--flagfile={kept}"]
    with flagsaver.flagsaver():
        flags.parser(again)
        assert flags.asked("gate_bias").study == study


@pytest.mark.core
def test_a_half_finished_workdir_is_finished(first, finished):
    file = finished / "records.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:3], lines[3][:99]]))  # the fourth was being written
    for name in MADE:
        (finished / name).unlink()
    result = command(*STUDY, f"--workdir={finished}")
    assert (result.code, result.out) == (0, first[1].out)
    assert file.read_bytes().startswith(b"".join(lines[:3]))
    assert recorded(finished) == recorded(first[0])


def test_shards_that_share_a_workdir_leave_the_same_records(first, tmp_path):
    (tmp_path / "curves").mkdir()  # another shard has just begun
    for shard, left in (("1/2", "4 of 8 runs are left to other shards"), ("0/2", "")):
        result = command(*STUDY, f"--workdir={tmp_path}", f"--shard={shard}")
        assert result.code == 0 and left in result.err
    assert {
        path.name: len(path.read_bytes().splitlines()) for path in tmp_path.glob("*.jsonl")
    } == {
        "records-0-of-2.jsonl": 4,
        "records-1-of-2.jsonl": 4,
    }
    assert recorded(tmp_path) == recorded(first[0])
    for name in TABLES:
        assert (tmp_path / name).read_bytes() == (first[0] / name).read_bytes()
    assert result.out == first[1].out


def test_a_shard_without_runs_has_nothing_to_do(tmp_path):
    result = command(*STUDY, f"--workdir={tmp_path}", "--shard=8/9")
    assert result.code == 0 and "8 of 8 runs are left to other shards" in result.err


def test_more_seeds_extend_a_workdir(first, finished):
    before = (finished / "records.jsonl").read_bytes()
    assert command(*STUDY, "--seeds=3", f"--workdir={finished}").code == 0
    assert (finished / "records.jsonl").read_bytes().startswith(before)
    found = recorded(finished)
    assert len(found) == 12 and found.items() >= recorded(first[0]).items()
    assert records.loads((finished / "config.json").read_text(), "")["seeds"] == [0, 1, 2]
    assert " (3/" in (finished / "table.md").read_text(encoding="utf-8")
    refused(finished, *STUDY, said=("--seeds", "0 to 2", "0 to 1"))


def refused(workdir, *arguments, said=()):
    """The command is refused in one line that says all this, and leaves the workdir as it was."""
    before = contents(workdir) if workdir.is_dir() else None
    result = command(*arguments, f"--workdir={workdir}")
    assert result.code == 2, result
    assert result.out == "" and result.err.count("\n") == 1, result.err
    for words in said:
        assert str(words) in result.err
    assert (contents(workdir) if workdir.is_dir() else None) == before


BAD = {
    # arguments: what the line must say
    "--sed=3": ("unknown flag --sed", "did you mean --se"),
    "--noseeds": ("unknown flag --noseeds",),
    "--study=init_by_clp": ("--study", "'init_by_clp'", "'init_by_clip'", "gate_bias"),
    "--set=model.cell=lsmt": ("model.cell", "'lsmt'", "did you mean 'lstm'"),
    "--set=task.name=digit_rows": ("task.name", "'digit_rows'", "did you mean 'digits_rows'"),
    "--set=model.hiden=4": ("'model.hiden'", "did you mean 'model.hidden'"),
    "--sweep=init.bias.x=1": ("'init.bias.x'", "did you mean 'init.bias.", "init.bias.f"),
    "--set=model.cell=gru": ("init.bias.f", "did you mean 'init.bias."),  # it is swept
    "--set=task.length=5": ("'task.length'", "known: "),  # digits have no length
    "--arms=al": ("--arms", "'al'", "did you mean 'all'"),
    # wrong type
    "--set=model.hidden=4.5": ("model.hidden", "a whole number", "'4.5'"),
    "--set=model.bidirectional=maybe": ("model.bidirectional", "true or false", "'maybe'"),
    f"--sweep={RATE}=fast": (RATE, "a number", "'fast'"),
    "--seeds=three": ("--seeds", "three"),
    "--checkpoint_every=nan": ("--checkpoint_every", "0 or more"),
    "--checkpoint_every=-1": ("--checkpoint_every", "0 or more"),
    "--seeds=0": ("--seeds", "0", "positive"),
    "--seed_start=-1": ("--seed_start", "-1"),
    "--seeds": ("--seeds", "Missing value"),
    "--dry_run=perhaps": ("--dry_run", "perhaps"),
    "--set=model.hidden='4'": ("model.hidden", "'4'", "no quotation marks"),
    '--set="model.hidden=4"': ("model.hidden", "did you mean"),
    "--set=model.hidden": ("--set", "path=value", "'model.hidden'"),
    "--set=model.hidden=": ("--set", "path=value", "'model.hidden='"),
    "--set=": ("--set", "path=value"),
    # axes
    "--sweep=": ("--sweep", "path=value"),
    f"--sweep={RATE}=": ("--sweep", f"'{RATE}='", "path=value"),
    f"--sweep={RATE}=0.1,,1": (RATE, "an empty value", "value,value"),
    f"--sweep={RATE}=0.1,1e-1": (RATE, "0.1 twice"),
    f"--sweep={RATE}=0.1; {RATE}=1": ("--sweep", RATE, "twice"),
    f"--sweep={RATE}=0.1,nan": (RATE, "'nan'", "a number"),
    "--sweep=optim.final=0.1": ("optim.final", "no arm of init_by_clip has a use for it"),
    "--sweep=task.name=adding,temporal_order": ("task.name", "mse", "accuracy"),
    f"--set={RATE}=0.1": (RATE, "both set and swept"),
    "--tune=clip.threshold": ("--tune", "'clip.threshold'", "an axis of the sweep"),
    # out of range
    "--set=clip.threshold=0": ("clip.threshold", "a positive number", "0"),
    "--sweep=clip.threshold=1,-1": ("clip.threshold", "a positive number", "-1"),
    "--set=model.hidden=-4": ("model.hidden", "at least 1", "-4"),
    "--set=train.steps=-1": ("train.steps", "at least 1", "-1"),
    "--set=train.batch_size=0": ("train.batch_size", "at least 1", "0"),
    "--set=train.batch_size=1001": ("train.batch_size", "at most 1000", "1001"),
    "--shard=2/2": ("--shard", "0 <= I < N", "'2/2'"),
    "--shard=-1/2": ("--shard", "I/N", "'-1/2'"),
    "--shard=1": ("--shard", "I/N", "'1'"),
    "--shard=0/0": ("--shard", "'0/0'"),
    "--data_dir=/nowhere/at/all": ("--data_dir", "a folder", "'/nowhere/at/all'"),
    "more": ("unexpected argument", "'more'"),
    "seeds=3": ("unexpected argument", "'seeds=3'"),
}


@pytest.mark.core
@pytest.mark.parametrize(("argument", "said"), BAD.items(), ids=BAD)
def test_bad_input_is_refused_in_one_line(first, tmp_path, argument, said):
    arguments = [argument] if argument == "--seeds" else [*STUDY, argument]
    for workdir in (first[0], tmp_path / "new"):
        if argument == "--seeds":  # the last one, without its value
            result = command(*STUDY, f"--workdir={workdir}", *arguments)
            assert result.code == 2 and all(words in result.err for words in said)
        else:
            refused(workdir, *arguments, said=said)
    assert not (tmp_path / "new").exists()


FLAGFILES = {
    "a bare word": ("--seeds=2\nseeds\n", "{}:2: ", "'seeds'"),
    "an indented comment": ("# a\n\n  # b\n", "{}:3: ", "# b"),
    "an indented flag": (" --seeds=2\n", "{}:1: ", "--seeds=2"),
    "one hyphen": ("//\n-seeds=2\n", "{}:2: ", "'-seeds=2'"),
    "an unknown flag": ("--sedes=2\n", "{}:1: ", "--sedes", "did you mean --seeds"),
    "a value of the wrong type": ("--seeds=few\n", "--seeds", "few"),
    "one that is missing": ("--flagfile=/nowhere/x.flags\n", "--flagfile", "/nowhere/x.flags"),
    "itself": ("--flagfile={}\n", "--flagfile", "includes itself"),
    "not text": (b"--seeds=\xff\n", "--flagfile", "not UTF-8"),
    "a flag and its value apart": ("--seeds 2\n", "{}:1: ", "'--seeds 2'"),
}


@pytest.mark.parametrize("lines", FLAGFILES.values(), ids=FLAGFILES)
def test_a_bad_flagfile_is_refused_by_file_and_line(tmp_path, lines):
    path, outer = tmp_path / "bad.flags", tmp_path / "outer.flags"
    content, *said = lines
    path.write_bytes(content if isinstance(content, bytes) else content.format(path).encode())
    outer.write_text(f"# this one is good\n--flagfile={path}\n")
    said = [words.format(path) for words in said]
    for file in (path, outer):
        refused(tmp_path / "new", *STUDY, f"--flagfile={file}", said=said)
    refused(tmp_path / "new", *STUDY, "--flagfile", path, said=said)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("path", ["nowhere.flags", ".", ""])
def test_a_flagfile_that_cannot_be_read_is_refused(tmp_path, path):
    where = tmp_path / path if path else ""
    refused(tmp_path / "new", f"--flagfile={where}", said=("--flagfile: cannot read", where))


def test_flagfiles_and_the_command_line_add_up(tmp_path, monkeypatch):
    inner, outer = tmp_path / "inner.flags", tmp_path / "outer.flags"
    inner.write_text("# inner\n\n--set=train.steps=7; model.hidden=5\n--sweep=clip.threshold=1\n")
    outer.write_text(f"// outer\n--study=init_by_clip\n--flagfile={inner}\n--seeds=4\n")
    argv = ["run", f"--flagfile={outer}", "--set=train.steps=8", f"--sweep={RATE}=0.1,1"]
    monkeypatch.setattr(sys, "argv", argv)
    with flagsaver.flagsaver():
        flags.parser(argv)
        study = flags.asked("init_by_clip").study
        assert flags.workdir() == pathlib.Path("runs/outer")
        assert flags.seeds(study.seeds) == range(4)
    assert (study.base["train.steps"], study.base["model.hidden"]) == (8, 5)
    assert [(axis.path, axis.values) for axis in study.axes] == [(RATE, (0.1, 1.0))]


def test_the_default_workdir_is_named_after_the_study(monkeypatch):
    argv = ["run", "--study=gate_bias", "--seed_start=1000"]
    monkeypatch.setattr(sys, "argv", argv)
    with flagsaver.flagsaver():
        flags.parser(argv)
        assert flags.workdir() == pathlib.Path("runs/gate_bias")
        assert flags.seeds(3) == range(1000, 1003)
        assert flags.shard() == (0, 1)


OTHER = {
    "a field": ("--set=train.steps=7", ("train.steps", "6 there", "7 here")),
    "an axis": ("--sweep=init.bias.f=0,2", ("axes", "1.0 there", "2.0 here")),
    "fewer axes": ("--sweep=init.bias.f=0,1", ("axes", "there")),
    "another study": ("--study=gate_bias", ("study is init_by_clip there, gate_bias here",)),
    "fewer seeds": ("--seeds=1", ("--seeds", "0 to 1", "0 to 0")),
    "later seeds": ("--seed_start=1", ("--seeds", "0 to 1", "1 to 2")),
}


@pytest.mark.parametrize(("change", "said"), OTHER.values(), ids=OTHER)
def test_a_workdir_of_another_configuration_is_refused_with_the_difference(first, change, said):
    arguments = [*STUDY, change]
    if change == "--study=gate_bias":
        arguments = [change]
    refused(first[0], *arguments, said=(first[0], *said))


def test_a_default_that_is_spelt_out_is_the_same_configuration(first):
    result = command(*STUDY, "--set=model.layers=1", f"--workdir={first[0]}", "--dry_run")
    assert result.code == 0, result.err


def test_what_only_some_points_use_belongs_to_the_configuration_too():
    def same(threshold):
        base = {"clip.threshold": threshold}
        axes = (Axis("clip.kind", ("none", "norm")),)
        study = Study("made_up", "Why?", base, axes=axes)
        return identity(study, plan(study, range(2)))

    assert same(1.0) == same(1.0) != same(2.0)


@pytest.mark.parametrize("damage", ["cut off", "a field gone", "not UTF-8"])
def test_damaged_records_are_refused_by_line_before_anything_is_written(finished, damage):
    file = finished / "records.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[4] = {
        "cut off": lines[4][:50] + b"\n",
        "a field gone": lines[4].replace(b'"seed"', b'"need"'),
        "not UTF-8": lines[4].replace(b"init_by", b"init\xffby"),
    }[damage]
    file.write_bytes(b"".join(lines))
    (finished / "table.md").unlink()
    refused(finished, *STUDY, "--seeds=3", said=(f"{file}:5: ",))
    before = contents(finished)
    result = command(f"--workdir={finished}", program=report)
    assert result.code == 2 and f"{file}:5: " in result.err
    assert contents(finished) == before


FOREIGN = {
    "a file of ours that is damaged": {"config.json": b'{"same": '},
    "not text": {"config.json": b"\xff\xfe\xfd"},
    "someone else's config.json": {"config.json": b'{"model_type": "llama"}'},
    "a list": {"config.json": b"[]"},
    "other files": {"thesis.tex": b"x"},
}


@pytest.mark.parametrize("files", FOREIGN.values(), ids=FOREIGN)
def test_a_folder_of_something_else_is_refused(tmp_path, files):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    refused(tmp_path, *STUDY, said=(tmp_path,))


def test_a_workdir_that_cannot_be_made_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("kept")
    for workdir in (file, file / "below", pathlib.Path("/proc/none/here")):
        result = command(*STUDY, f"--workdir={workdir}")
        assert result.code == 2 and result.err.startswith("error: --workdir: "), result
        assert str(workdir) in result.err and result.err.count("\n") == 1
    assert file.read_text() == "kept" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["platform", "device", "jaxlib", "random"])
def test_a_workdir_of_another_environment_is_refused(finished, name):
    config = records.loads((finished / "config.json").read_text(), "")
    config["environment"][name] = "another"
    (finished / "config.json").write_text(records.dumps(config))
    refused(finished, *STUDY, said=(f"{name} another", "--allow_mixed"))


def test_a_workdir_of_another_jaxlib_is_refused_unless_mixing_is_allowed(finished):
    def other(text):
        return re.sub(r'"jaxlib": "[^"]*"', '"jaxlib": "0.0.1"', text)

    config, file = finished / "config.json", finished / "records.jsonl"
    config.write_text(other(config.read_text()))
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(map(other, lines[:3])))
    refused(finished, *STUDY, said=("jaxlib 0.0.1", "--allow_mixed"))
    result = command(*STUDY, "--allow_mixed", f"--workdir={finished}")
    assert result.code == 0
    assert "MIXED: records of different environments" in result.out
    assert "jaxlib 0.0.1 on" in result.out
    assert "MIXED" in (finished / "table.tex").read_text(encoding="utf-8")
    kept = records.loads(config.read_text(), "config.json")["environment"]
    assert kept["jaxlib"] == "0.0.1"  # as it was begun
    refused(finished, *STUDY, said=("jaxlib 0.0.1",))


def test_a_report_without_records_is_refused(tmp_path):
    for folder, said in ((tmp_path, "has no records"), (tmp_path / "none", "is not a folder")):
        result = command(f"--workdir={folder}", program=report)
        assert result.code == 2 and said in result.err and result.err.count("\n") == 1
    assert "--workdir: not given" in command(program=report).err
    assert not list(tmp_path.iterdir())


@pytest.mark.core
def test_an_unknown_flag_of_any_length_is_refused(tmp_path):
    name = "x" * 3000
    refused(tmp_path / "new", *STUDY, f"--{name}=1", said=("unknown flag --xxx",))
    (tmp_path / "long.flags").write_text(f"--{name}=1\n")
    refused(tmp_path / "new", *STUDY, f"--flagfile={tmp_path / 'long.flags'}", said=("unknown",))


def test_help_and_mistakes_in_a_process_of_its_own():
    shown, mistaken = start("--help"), start("--studdy=gate_bias")
    result = finish(shown)
    assert (result.code, result.err) == (0, "")
    for name in ("study", "set", "sweep", "tune", "arms", "seeds", "seed_start", "workdir"):
        assert f"--{name}:" in result.out or f"--[no]{name}:" in result.out
    result = finish(mistaken)
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: unknown flag --studdy; did you mean --study?\n"


def test_list_prints_each_study_with_its_question():
    result = command("--list")
    assert result.code == 0
    assert [line.split(":")[0] for line in result.out.splitlines()] == [*STUDIES, *CLAIMS]
    assert all(line.endswith("?") for line in result.out.splitlines())


def test_a_dry_run_compiles_nothing_and_makes_no_workdir(tmp_path):
    workdir = tmp_path / "new"
    result = finish(start(*STUDY, "--dry_run", f"--workdir={workdir}", JAX_LOG_COMPILES="1"))
    assert result.code == 0 and not workdir.exists()
    assert "Finished XLA compilation" not in result.err
    assert "group 1: 8 runs of 6 steps, lstm of 4 units on digits_rows" in result.out
    assert "8 runs, 48 steps, 1 group(s)" in result.out


def wait_for(condition, process):
    end = time.monotonic() + 200
    while not condition():
        assert process.poll() is None and time.monotonic() < end, finish(process)
        time.sleep(0.002)


def test_a_stopped_command_goes_on_as_if_it_had_not_been_stopped(tmp_path):
    many = (*STUDY[:2], f"--sweep={RATE}=0.1", "--seeds=150")
    workdir, file = tmp_path / "stopped", tmp_path / "stopped" / "records.jsonl"

    process = start(*many, f"--workdir={workdir}")  # stopped while it compiles
    assert "compiling first" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    result = finish(process)
    assert (result.code, result.out) == (75, "")
    assert result.err == "stopped by SIGINT; run the same command again\n"
    assert not file.exists()

    process = start(*many, f"--workdir={workdir}")  # stopped while it trains
    wait_for(lambda: file.exists() and file.stat().st_size, process)  # it exists before its line
    process.send_signal(signal.SIGTERM)
    result = finish(process)
    assert (result.code, result.out) == (75, "")
    saved = "stopping by SIGTERM" in result.err and "stopped with everything saved" in result.err
    assert saved or "stopped by SIGTERM" in result.err  # where nothing is unsaved: between batches
    assert "Traceback" not in result.err
    before = file.read_bytes()
    assert 1 <= before.count(b"\n") < 150 and before.endswith(b"\n")

    assert finish(start(*many, f"--workdir={workdir}")).code == 0
    assert file.read_bytes().startswith(before)
    assert finish(start(*many, f"--workdir={tmp_path / 'whole'}")).code == 0
    assert recorded(workdir) == recorded(tmp_path / "whole")
    assert len(recorded(workdir)) == 150


def test_a_command_that_was_stopped_before_it_began_can_be_repeated(tmp_path):
    def stopped(*arguments, **options):
        raise SystemExit(75)

    workdir = tmp_path / "new"
    for name in ("mkdir", "replace"):
        with mock.patch.object(pathlib.Path, name, stopped):
            assert command(*STUDY, f"--workdir={workdir}").code == 75
        result = command(*STUDY, "--dry_run", f"--workdir={workdir}")
        assert result.code == 0, result.err


def test_deterministic_operations_are_asked_of_xla(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_some=1")
    monkeypatch.setenv("NPROC", "8")
    environment.prepare(deterministic=True)
    assert os.environ["XLA_FLAGS"].split() == [
        "--xla_some=1",
        "--xla_gpu_deterministic_ops=true",
        "--xla_gpu_autotune_level=0",
    ]
    described = environment.describe()
    assert described["XLA_FLAGS"] == os.environ["XLA_FLAGS"] and described["threads"] == 8
    assert described["cores"] == len(os.sched_getaffinity(0)) and described["device"]


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(monkeypatch):
    for terminal in (True, False):
        screen = io.StringIO()
        monkeypatch.setattr(screen, "isatty", lambda terminal=terminal: terminal, raising=False)
        monkeypatch.setattr(sys, "stderr", screen)
        with progress.progress(40) as shown:
            assert isinstance(shown, progress.Bar if terminal else progress.Lines)
            shown.say("group 1 of 1")
            shown.advance(30)
            shown.advance(10)
        assert "group 1 of 1" in screen.getvalue() and "steps/s" in screen.getvalue()
        assert ("100 %  40 of 40 steps" in screen.getvalue()) == (not terminal)
        assert ("40/40" in screen.getvalue()) == terminal


# --- compiled programs are kept ---

COUNTING = """
import runpy, sys
import jax.monitoring
from experiments import signals
signals.leave = sys.exit
counts = dict.fromkeys(("hits", "misses"), 0)
def count(event, **_):
    kind = event.rpartition("_")[2]
    if event.startswith("/jax/compilation_cache/cache_"):
        counts[kind] += 1
jax.monitoring.register_event_listener(count)
sys.argv[0] = "run.py"
try:
    runpy.run_module("experiments.run", run_name="__main__")
finally:
    print(counts, file=sys.stderr)
"""


def counted(workdir, cache):
    """What a fresh process says of its cache, and the workdir's records without their times."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, *STUDY, f"--workdir={workdir}"],
        cwd=ROOT,
        env=dict(os.environ, SEQJAX_CACHE_DIR=str(cache)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = [{**r, "seconds": None} for r in records.read(workdir / "records.jsonl")]
    return re.search(r"\{.*\}", done.stderr.splitlines()[-1])[0], found


def test_a_second_start_compiles_nothing(tmp_path):
    first, records_1 = counted(tmp_path / "a", tmp_path / "cache")
    second, records_2 = counted(tmp_path / "b", tmp_path / "cache")
    assert first == "{'hits': 0, 'misses': 3}"
    assert second == "{'hits': 3, 'misses': 0}"
    assert records_1 == records_2


def test_a_cache_folder_that_cannot_be_made_is_told_and_does_not_stop(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with mock.patch.dict(os.environ, SEQJAX_CACHE_DIR=str(tmp_path / "file")):
        assert environment._programs() is None
    assert "compiled programs are not kept" in capsys.readouterr().err
