"""Commands and reports say what is missing from a table, and when it shows little but failures."""

import json

import pytest
from support.commands import RATE, STUDY, command

from experiments.cli.commands import report
from seqjax.records.plan import NAME as PLAN

pytestmark = pytest.mark.slow

BIAS = "init.bias.f"


def drop_lines(file, keep):
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(line for line in lines if keep(json.loads(line))))


def test_a_report_of_a_partial_workdir_names_the_missing_runs(finished):
    drop_lines(finished / "records.jsonl", lambda record: record["point"][BIAS] == 0.0)
    result = command(f"--workdir={finished}", program=report)
    assert f"INCOMPLETE: 4 of 8 runs; missing: {BIAS}=1 {RATE}=0.1 (seeds 0, 1)" in result.out
    (finished / PLAN).unlink()  # nothing then shows that there was another bias
    assert "4 of 4 runs" in command(f"--workdir={finished}", program=report).out
    drop_lines(
        finished / "records.jsonl", lambda record: record["point"][RATE] == 1 or not record["seed"]
    )
    result = command(f"--workdir={finished}", program=report)
    assert f"INCOMPLETE: 3 of 4 runs; missing: {BIAS}=0 {RATE}=0.1 (seed 1)" in result.out


def test_the_plan_of_a_workdir_has_its_runs(first):
    points = json.loads((first[0] / PLAN).read_text())["runs"]
    assert sum(len(point["seeds"]) for point in points) == 8
    assert "8 of 8 runs." in first[1].out and "INCOMPLETE" not in first[1].out


def test_tuning_that_was_stopped_is_reported_without_a_table(tmp_path):
    study = (*STUDY[:2], f"--sweep={RATE}=0.1,1", "--tuning_seeds=1", "--seeds=1")
    assert command(*study, f"--workdir={tmp_path}").code == 0
    drop_lines(tmp_path / "records.jsonl", lambda record: record["purpose"] == "tuning")
    result = command(f"--workdir={tmp_path}", program=report)
    assert result.code == 0 and "|" not in result.out and "tuning is not finished" in result.err


def test_a_study_of_failed_runs_says_so_in_its_last_line(tmp_path):
    failing = (*STUDY[:2], f"--sweep={RATE}=1e30", "--seeds=2", f"--workdir={tmp_path}")
    for result in (command(*failing), command(f"--workdir={tmp_path}", program=report)):
        assert result.code == 0
        assert "| failed (above chance) (2/2) @1e+30 |" in result.out
        last = result.err.splitlines()[-1]
        assert "2 of 2 runs failed: 2 above chance (" in last and "CHANCE: " in last
    shard = command(*failing, "--seeds=5", "--shard=0/2")
    assert "left to other shards" in shard.err.splitlines()[-2]
    assert "runs failed" in shard.err.splitlines()[-1]
