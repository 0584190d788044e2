"""A study on the command line: it runs to its table, and resumes where it was stopped."""

import json
import pathlib
import shutil
import signal
import time
from unittest import mock

import jax
import numpy as np
import pytest
from support.commands import RATE, STUDY, command, contents, finish, recorded, refused, start

from experiments.cli.commands import report
from experiments.cli.signals import RESUME
from seqjax.records import jsonl

FIGURES = ("heat_map", "learning_curves", "heat_map_untuned")
TABLES = ("table.md", "table.csv", "table.tex")
MADE = ("report.html", *TABLES, *(f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")))


@pytest.mark.core
def test_a_study_runs_to_its_table(first):
    workdir, result = first
    assert result.code == 0, result.err
    table = (workdir / "table.md").read_text(encoding="utf-8")
    assert result.out == f"{table}\n"
    assert "**init_by_clip (changed)**" in table  # without the axis of clipping
    assert f"**init_by_clip (changed) at {RATE} = 1**" in table
    assert "| forget bias | result " in table and " (2/" in table and " @" in table
    assert "compiling" in result.err and "100 %" in result.err
    assert "clip.threshold stays at inf\n" in result.err  # which STUDY does not sweep

    files = {"config.json", "plan.json", "flags.txt", "environment.json", "records.jsonl"}
    assert {path.name for path in workdir.iterdir()} == files | {"curves", ".locks", *MADE}
    assert all(path.stat().st_size for path in workdir.iterdir())
    config, here = (
        json.loads((workdir / name).read_text(), parse_constant=pytest.fail)
        for name in ("config.json", "environment.json")
    )
    assert config["seeds"] == [0, 1] and config["tune"] == RATE
    assert [*config["runs_per_device"].values()] == [1 if here["platform"] == "cpu" else 256]
    assert config["environment"] == here and here["devices"] == jax.local_device_count()
    assert {"jaxlib", "device", "threads"} <= here.keys()
    records = jsonl.read_all(workdir)
    assert len(records) == 8 == len({record.id for record in records})
    assert len(list((workdir / "curves").iterdir())) == 8
    for record in records:
        loss, *others = np.load(workdir / record.curve_file)
        assert [values.shape for values in (loss, *others)] == [(6,)] * 4
        assert np.float32(record.curve["training_loss"][0]) == np.mean(loss[:3])
        assert record.environment == here and record.seconds > 0
        assert record.settings["train.steps"] == 6 and record.settings["model.hidden"] == 4


def test_tables_and_figures_are_rebuilt_from_the_records_alone(first, tmp_path):
    workdir, result = first
    shutil.copy2(workdir / "records.jsonl", tmp_path)
    shutil.copy2(workdir / "flags.txt", tmp_path)  # the command that report.html names
    rebuilt = command(f"--workdir={tmp_path}", program=report)
    assert (rebuilt.code, rebuilt.err) == (0, "")
    assert rebuilt.out == result.out
    for name in MADE:
        assert (tmp_path / name).read_bytes() == (workdir / name).read_bytes(), name


def test_the_saved_flagfile_repeats_the_command_which_trains_nothing(first, tmp_path):
    workdir, result = first
    flagfile = shutil.copy(workdir / "flags.txt", tmp_path / "saved.flags")
    before = contents(workdir)
    again = command(f"--flagfile={flagfile}")
    assert (again.code, again.out) == (0, result.out) and "compiling" not in again.err
    assert "8 of 8 runs recorded" in again.err and "recorded" not in result.err
    after = contents(workdir)
    assert {path: file[0] for path, file in after.items()} == {
        path: file[0] for path, file in before.items()
    }
    for path in before:
        if "curves" in path.parts or path.name == "records.jsonl":
            assert after[path] == before[path]


@pytest.mark.core
def test_a_half_finished_workdir_is_finished(first, finished):
    file = finished / "records.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:3], lines[3][:99]]))  # the fourth was being written
    for name in MADE:
        (finished / name).unlink()
    result = command(*STUDY, f"--workdir={finished}")
    assert (result.code, result.out) == (0, first[1].out)
    assert "3 of 8 runs recorded" in result.err
    assert file.read_bytes().startswith(b"".join(lines[:3]))
    assert recorded(finished) == recorded(first[0])


@pytest.mark.slow
def test_shards_that_share_a_workdir_leave_the_same_records(first, tmp_path):
    (tmp_path / "curves").mkdir()  # another shard has just begun
    for shard, words in (("1/2", "4 of 8 runs are left to other shards"), ("0/2", "")):
        result = command(*STUDY, f"--workdir={tmp_path}", f"--shard={shard}")
        assert result.code == 0 and words in result.err
    for index in (0, 1):
        file = tmp_path / f"records-{index}-of-2.jsonl"
        assert len(file.read_bytes().splitlines()) == 4
    assert recorded(tmp_path) == recorded(first[0])
    for name in TABLES:
        assert (tmp_path / name).read_bytes() == (first[0] / name).read_bytes()
    assert result.out == first[1].out


def test_more_seeds_extend_a_workdir(first, finished):
    before = (finished / "records.jsonl").read_bytes()
    assert command(*STUDY, "--seeds=3", f"--workdir={finished}").code == 0
    assert (finished / "records.jsonl").read_bytes().startswith(before)
    records = recorded(finished)
    assert len(records) == 12 and records.items() >= recorded(first[0]).items()
    assert json.loads((finished / "config.json").read_text())["seeds"] == [0, 1, 2]
    assert " (3/" in (finished / "table.md").read_text(encoding="utf-8")
    refused(finished, *STUDY, words=("--seeds", "0 to 2", "0 to 1"))


def test_a_dry_run_compiles_nothing_and_creates_no_workdir(tmp_path, caplog):
    workdir = tmp_path / "new"
    unseen = STUDY[1].replace("model.hidden=4", "model.hidden=5")  # no other test compiled it
    with jax.log_compiles():
        result = command(STUDY[0], unseen, *STUDY[2:], "--dry_run", f"--workdir={workdir}")
    assert result.code == 0 and not workdir.exists()
    assert "Finished XLA compilation" not in caplog.text
    assert "group 1: 8 runs of 6 steps, lstm of 5 units on digits_rows" in result.out
    assert "8 runs, 48 steps, 1 group\n" in result.out
    *_, axes = STUDY[2].partition("=")
    design = [f"axes: {axes}", "arms: all", f"tuned: {RATE} on the reported seeds"]
    assert result.out.splitlines()[1:5] == [*design, f"workdir: {workdir}"]
    swept = command(STUDY[0], "--sweep=model.cell=lstm,gru", "--dry_run", f"--workdir={workdir}")
    assert f"{RATE} stays at 0.1; nothing is tuned" in swept.out
    fixed = command(STUDY[0], f"--set={RATE}=0.3", "--dry_run", f"--workdir={workdir}")
    assert f"{RATE} stays at 0.3; nothing is tuned" in fixed.out


@pytest.mark.slow
@pytest.mark.subprocess
def test_a_stopped_command_resumes_to_the_records_of_an_uninterrupted_one(tmp_path):
    study = (*STUDY[:2], f"--sweep={RATE}=0.1", "--seeds=40")
    workdir, file = tmp_path / "stopped", tmp_path / "stopped" / "records.jsonl"
    process = start(*study, f"--workdir={workdir}")
    while process.poll() is None and not (file.exists() and file.stat().st_size):
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    result = finish(process)
    assert (result.code, result.out) == (75, "")
    assert "SIGTERM" in result.err and f"stopped; {RESUME}\n" in result.err
    assert "Traceback" not in result.err
    before = file.read_bytes()
    assert 1 <= before.count(b"\n") < 40 and before.endswith(b"\n")
    rest = [start(*study, f"--workdir={path}") for path in (workdir, tmp_path / "whole")]
    assert [finish(process).code for process in rest] == [0, 0]
    assert file.read_bytes().startswith(before) and len(recorded(workdir)) == 40
    assert recorded(workdir) == recorded(tmp_path / "whole")


def test_a_command_that_was_stopped_before_it_began_can_be_repeated(tmp_path):
    def stopped(*arguments, **options):
        raise SystemExit(75)

    workdir = tmp_path / "new"
    for name in ("mkdir", "replace"):
        with mock.patch.object(pathlib.Path, name, stopped):
            assert command(*STUDY, f"--workdir={workdir}").code == 75
        result = command(*STUDY, "--dry_run", f"--workdir={workdir}")
        assert result.code == 0, result.err
