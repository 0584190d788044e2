"""Whatever stops a sweep, the same command finishes with the records of an uninterrupted one."""

import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess

import pytest
from support.harness import (
    MOMENTS,
    RUNS,
    Command,
    during_save,
    interrupted,
    records_of,
    run_to_end,
)

pytestmark = [pytest.mark.faults, pytest.mark.subprocess, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Records of a command that was not interrupted."""
    workdir = tmp_path_factory.mktemp("whole") / "workdir"
    outcome = run_to_end(workdir)
    records = records_of(workdir)
    assert outcome.code == 0 and len(records) == RUNS, outcome.err
    return records


def resumes(workdir, whole):
    """Assert that the same command finishes with all records, and return its errors."""
    outcome = run_to_end(workdir)
    assert outcome.code == 0, outcome.err
    assert "Traceback" not in outcome.err and "Exception" not in outcome.err
    assert records_of(workdir) == whole
    return outcome.err


def campaign(folder, whole, cases, capsys, code) -> None:
    """Send each signal at its moment, resume the command, and count; two cases at a time.

    Args:
      cases: (moment, signal).
      code: exit code of the interrupted commands.
    """

    def one(case):
        k, (moment, number) = case
        name = f"{k}-{moment.__name__}"
        draw = random.Random(name)
        workdir = folder / name / "workdir"
        workdir.parent.mkdir()
        for _ in range(4):  # a command that ended before the moment is tried again
            outcome = interrupted(workdir, moment, draw, number, str(workdir.parent / "cold"))
            if outcome is not None:
                break
            shutil.rmtree(workdir)
        assert outcome is not None, f"{name}: never at the moment"
        again = run_to_end(workdir)
        assert (outcome.code, again.code) == (code, 0), (name, outcome, again)
        assert "Traceback" not in outcome.err + again.err, (name, outcome, again)
        return records_of(workdir)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one, enumerate(cases)))
    counts = {
        "faults injected": len(results),
        "resumed": sum(found == whole for found in results),
        "records lost": sum(len(set(whole) - set(found)) for found in results),
        "records wrong": sum(len(set(found) - set(whole)) for found in results),
        "records twice": sum(len(found) - len(set(found)) for found in results),
    }
    with capsys.disabled():
        print("\n" + ", ".join(f"{what} {count}" for what, count in counts.items()))
    assert list(counts.values()) == [len(cases), len(cases), 0, 0, 0]


def test_killed_at_25_moments(tmp_path, whole, capsys):
    cases = [(moment, signal.SIGKILL) for moment in (MOMENTS * 5)[:25]]
    campaign(tmp_path, whole, cases, capsys, -signal.SIGKILL)


def test_asked_to_stop_at_10_moments(tmp_path, whole, capsys):
    numbers = (signal.SIGTERM, signal.SIGINT) * 5
    cases = list(zip((*MOMENTS, *MOMENTS[1:5]), numbers, strict=True))
    campaign(tmp_path, whole, cases, capsys, 75)


def test_a_second_signal_ends_at_once(tmp_path, whole):
    command = Command(tmp_path / "workdir")
    assert during_save(command, random.Random(0))
    command.process.send_signal(signal.SIGINT)
    command.process.send_signal(signal.SIGINT)
    outcome = command.wait()
    assert outcome.code == 75 and "Traceback" not in outcome.err
    resumes(tmp_path / "workdir", whole)


def test_a_signal_during_training_saves_and_the_command_resumes_there(tmp_path):
    long = (
        "--set=train.steps=6000; train.eval_every=20",
        "--sweep=optim.learning_rate=0.1",
        "--checkpoint_every=0.5",
    )
    command = Command(tmp_path / "workdir", *long)
    assert command.wait_until((_folder(command.workdir) / "0").exists)
    command.process.send_signal(signal.SIGUSR1)
    outcome = command.wait()
    assert outcome.code == 75, outcome.err
    assert "SIGUSR1: stopping" in outcome.err
    again = run_to_end(tmp_path / "workdir", *long)
    steps = re.search(r"2 run\(s\) resume from step ([\d,]+)", again.err)
    assert steps and int(steps[1].replace(",", "")) >= 20, again.err
    assert run_to_end(tmp_path / "whole", *long).code == 0
    assert records_of(tmp_path / "workdir") == records_of(tmp_path / "whole")


# --- corruption ---


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A workdir that was stopped with two checkpoints in it."""
    workdir = tmp_path_factory.mktemp("stopped") / "workdir"
    command = Command(workdir)
    assert command.wait_until((_folder(workdir) / "7").exists)
    command.process.kill()
    command.wait()
    return workdir


def _folder(workdir: pathlib.Path) -> pathlib.Path:
    return workdir / "checkpoints" / "0-of-1"


def _newest(workdir: pathlib.Path) -> list[pathlib.Path]:
    found = [path for path in _folder(workdir).iterdir() if path.name.isdecimal()]
    return sorted(found, key=lambda path: int(path.name), reverse=True)


def _truncate(folder: pathlib.Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)


def _flip(folder: pathlib.Path) -> None:
    for path in (folder / "state").rglob("d/*"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


@pytest.mark.parametrize("both", [False, True], ids=["newest", "both"])
@pytest.mark.parametrize(
    "corrupt",
    [_truncate, _flip, lambda folder: shutil.rmtree(folder / "state")],
    ids=["cut", "bit", "gone"],
)
def test_a_corrupt_checkpoint_is_reported_and_the_previous_one_used(
    tmp_path, stopped, whole, corrupt, both
):
    workdir = tmp_path / "workdir"
    shutil.copytree(stopped, workdir)
    corrupted = _newest(workdir) if both else _newest(workdir)[:1]
    for folder in corrupted:
        corrupt(folder)
    err = resumes(workdir, whole)
    assert err.count("is corrupt") == len(corrupted)
    assert ("resume from step" in err) == (not both)


@pytest.mark.parametrize("torn", [1, 100, -1])
def test_a_torn_record_is_set_aside_and_done_again(tmp_path, stopped, whole, torn):
    workdir = tmp_path / "workdir"
    shutil.copytree(stopped, workdir)
    path = workdir / "records.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    line = (json.dumps({"id": "torn"}) * 50).encode()
    path.write_bytes(b"".join(lines) + line[:torn])
    resumes(workdir, whole)
    assert path.with_suffix(".torn").read_bytes() == line[:torn] + b"\n"


# --- the disk ---


def refused_in_one_line(outcome) -> None:
    assert outcome.code == 2, outcome
    assert "Traceback" not in outcome.err and "Exception" not in outcome.err, outcome.err
    errors = [line for line in outcome.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, outcome.err


@pytest.mark.parametrize("most", [1_000, 3_000, 9_000, 20_000])
def test_a_limit_on_the_size_of_files(tmp_path, whole, most):
    workdir = tmp_path / "workdir"
    cache = str(tmp_path / "cache")  # or truncated programs stay in the shared one
    command = Command(workdir, cache=cache, limit=("RLIMIT_FSIZE", most))
    refused_in_one_line(command.wait())
    before = records_of(workdir)
    assert set(before) <= set(whole)
    resumes(workdir, whole)


@pytest.fixture
def disk(tmp_path):
    """A small disk, and a function that changes its options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        subprocess.run(["mount", *options, str(place)], check=True, capture_output=True)

    try:
        mount(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this user cannot mount a disk: {error}")
    yield place, lambda options: mount(["-o", f"remount,{options}"])
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("size", ["12k", "64k", "160k"])
def test_a_full_disk(disk, tmp_path, whole, size):
    place, remount = disk
    remount(f"size={size}")
    command = Command(place / "workdir")
    refused_in_one_line(command.wait())
    remount("size=64m")
    resumes(place / "workdir", whole)


def test_permission_lost_during_training(tmp_path, whole):
    workdir = tmp_path / "workdir"
    change = shutil.which("chattr")
    command = Command(workdir)
    assert during_save(command, random.Random(1))
    taken = subprocess.run([change or "false", "-R", "+i", str(workdir)], capture_output=True)
    outcome = command.wait()
    subprocess.run([change or "false", "-R", "-i", str(workdir)], capture_output=True)
    if taken.returncode:
        pytest.skip("nothing here takes a permission from this user")
    refused_in_one_line(outcome)
    resumes(workdir, whole)


def test_a_workdir_deleted_during_training(tmp_path, whole):
    command = Command(tmp_path / "workdir")
    assert during_save(command, random.Random(2))
    while (tmp_path / "workdir").exists():
        shutil.rmtree(tmp_path / "workdir", ignore_errors=True)
    refused_in_one_line(command.wait())
    shutil.rmtree(tmp_path / "workdir", ignore_errors=True)
    resumes(tmp_path / "workdir", whole)


# --- two commands at once ---


@pytest.mark.parametrize("shards", [("0/1", "0/1"), ("0/1", "1/2")])
def test_two_commands_race_for_a_workdir(tmp_path, whole, shards):
    commands = [Command(tmp_path / "workdir", f"--shard={shard}") for shard in shards]
    results = [command.wait() for command in commands]
    assert sorted(outcome.code for outcome in results) == [0, 2], results
    (loser,) = (outcome for outcome in results if outcome.code == 2)
    refused_in_one_line(loser)
    winner = commands[[outcome.code for outcome in results].index(0)].process.pid
    assert f"process {winner} on {os.uname().nodename!r}" in loser.err
    resumes(tmp_path / "workdir", whole)


def test_two_shards_at_once_and_one_of_them_killed(tmp_path, whole):
    first, second = (Command(tmp_path / "workdir", f"--shard={k}/2") for k in range(2))
    assert first.wait_until(lambda: list((tmp_path / "workdir").glob("records*")))
    first.process.kill()
    first.wait()
    assert second.wait().code == 0
    again = run_to_end(tmp_path / "workdir", "--shard=0/2")
    assert again.code == 0, again.err
    assert records_of(tmp_path / "workdir") == whole
    resumes(tmp_path / "workdir", whole)  # as one shard
