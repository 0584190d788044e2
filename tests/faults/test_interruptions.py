"""Whatever stops a sweep, the same command goes on to the records of no interruption."""

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
from support.harness import MOMENTS, RUNS, Command, finished, interrupted, recorded, save

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The records of a command that nothing stopped."""
    workdir = tmp_path_factory.mktemp("whole") / "workdir"
    left = finished(workdir)
    assert left.code == 0, left.err
    assert len(recorded(workdir)) == RUNS
    return recorded(workdir)


def said(counts: dict, capsys) -> None:
    with capsys.disabled():
        print("\n" + ", ".join(f"{what} {count}" for what, count in counts.items()))


def campaign(folder, whole, cases, capsys, codes) -> None:
    """Stops a command in each case, goes on with it, and counts; two at a time."""

    def one(case):
        name, moment, number = case
        draw = random.Random(name)
        workdir = folder / name / "workdir"
        workdir.parent.mkdir()
        for _ in range(4):  # a command that was done too soon is no case
            left = interrupted(workdir, moment, draw, number, str(workdir.parent / "cold"))
            if left is not None:
                break
            shutil.rmtree(workdir)
        assert left is not None, f"{name}: never at the moment"
        assert left.code in codes, (name, left)
        assert "Traceback" not in left.err, (name, left.err)
        again = finished(workdir)
        assert again.code == 0, (name, again.err)
        assert "Traceback" not in again.err, (name, again.err)
        return recorded(workdir), left

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one, cases))
    lost = sum(len(set(whole) - set(found)) for found, _ in results)
    wrong = sum(len(set(found) - set(whole)) for found, _ in results)
    twice = sum(len(found) - len(set(found)) for found, _ in results)
    counts = {
        "faults injected": len(results),
        "continued": sum(found == whole for found, _ in results),
        "records lost": lost,
        "records wrong": wrong,
        "records twice": twice,
    }
    said(counts, capsys)
    assert counts["continued"] == len(cases) and lost == wrong == twice == 0


def test_killed_at_25_moments(tmp_path, whole, capsys):
    cases = [
        (f"{k}-{moment.__name__}", moment, signal.SIGKILL)
        for k, moment in enumerate((MOMENTS * 5)[:25])
    ]
    campaign(tmp_path, whole, cases, capsys, {-signal.SIGKILL})


def test_asked_to_stop_at_10_moments(tmp_path, whole, capsys):
    numbers = (signal.SIGTERM, signal.SIGINT)
    moments = (*MOMENTS, *MOMENTS[1:5])
    cases = [(f"{k}-{moment.__name__}", moment, numbers[k % 2]) for k, moment in enumerate(moments)]
    campaign(tmp_path, whole, cases, capsys, {75})


def test_a_second_signal_ends_at_once(tmp_path, whole):
    command = Command(tmp_path / "workdir")
    assert save(command, random.Random(0))
    command.process.send_signal(signal.SIGINT)
    command.process.send_signal(signal.SIGINT)
    left = command.left()
    assert left.code == 75 and "Traceback" not in left.err
    assert finished(tmp_path / "workdir").code == 0
    assert recorded(tmp_path / "workdir") == whole


def test_a_signal_during_training_saves_and_goes_on_from_there(tmp_path):
    long = (
        "--set=train.steps=6000; train.eval_every=20",
        "--sweep=optim.learning_rate=0.1",
        "--checkpoint_every=0.5",
    )
    command = Command(tmp_path / "workdir", *long)
    assert command.until((_folder(command.workdir) / "0").exists)
    command.process.send_signal(signal.SIGUSR1)
    left = command.left()
    assert left.code == 75, left.err
    assert "stopping by SIGUSR1" in left.err and "stopped with everything saved" in left.err
    again = finished(tmp_path / "workdir", *long)
    steps = re.search(r"2 run\(s\) go on from step ([\d,]+)", again.err)
    assert steps and int(steps[1].replace(",", "")) >= 20, again.err
    assert finished(tmp_path / "whole", *long).code == 0
    assert recorded(tmp_path / "workdir") == recorded(tmp_path / "whole")


# --- damage ---


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A workdir that was stopped with two checkpoints in it."""
    workdir = tmp_path_factory.mktemp("stopped") / "workdir"
    command = Command(workdir)
    assert command.until((_folder(workdir) / "7.sha256").exists)
    command.process.kill()
    command.left()
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
    "damage",
    [_truncate, _flip, lambda folder: shutil.rmtree(folder / "state")],
    ids=["cut", "bit", "gone"],
)
def test_a_damaged_checkpoint_is_told_and_the_one_before_is_used(
    tmp_path, stopped, whole, damage, both
):
    workdir = tmp_path / "workdir"
    shutil.copytree(stopped, workdir)
    damaged = _newest(workdir) if both else _newest(workdir)[:1]
    for folder in damaged:
        damage(folder)
    left = finished(workdir)
    assert left.code == 0, left.err
    assert left.err.count("is damaged") == len(damaged)
    assert "Traceback" not in left.err and "Exception" not in left.err
    assert ("runs start again" if both else "the one before it is used") in left.err
    assert ("go on from step" in left.err) == (not both)
    assert recorded(workdir) == whole


@pytest.mark.parametrize("torn", [1, 100, -1])
def test_a_torn_record_is_set_aside_and_done_again(tmp_path, stopped, whole, torn):
    workdir = tmp_path / "workdir"
    shutil.copytree(stopped, workdir)
    path = workdir / "records.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    line = (json.dumps({"id": "torn"}) * 50).encode()
    path.write_bytes(b"".join(lines) + line[:torn])
    left = finished(workdir)
    assert left.code == 0, left.err
    assert "its last line was torn" in left.err
    assert path.with_suffix(".torn").read_bytes() == line[:torn] + b"\n"
    assert recorded(workdir) == whole


# --- the disk ---


def refused_in_one_line(left) -> None:
    assert left.code == 2, left
    assert "Traceback" not in left.err and "Exception" not in left.err, left.err
    errors = [line for line in left.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, left.err


@pytest.mark.parametrize("most", [1_000, 3_000, 9_000, 20_000])
def test_a_limit_on_the_size_of_files(tmp_path, whole, most):
    workdir = tmp_path / "workdir"
    refused_in_one_line(Command(workdir, limit=("RLIMIT_FSIZE", most)).left())
    before = recorded(workdir)
    assert set(before) <= set(whole)
    assert finished(workdir).code == 0
    assert recorded(workdir) == whole


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own, and what changes its options."""
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
    left = command.left()
    refused_in_one_line(left)
    remount("size=64m")
    assert finished(place / "workdir").code == 0
    assert recorded(place / "workdir") == whole


def test_permission_lost_meanwhile(tmp_path, whole):
    workdir = tmp_path / "workdir"
    change = shutil.which("chattr")
    command = Command(workdir)
    assert save(command, random.Random(1))
    taken = subprocess.run([change or "false", "-R", "+i", str(workdir)], capture_output=True)
    left = command.left()
    subprocess.run([change or "false", "-R", "-i", str(workdir)], capture_output=True)
    if taken.returncode:
        pytest.skip("nothing here takes a permission from this user")
    refused_in_one_line(left)
    assert finished(workdir).code == 0
    assert recorded(workdir) == whole


def test_a_workdir_that_is_deleted_meanwhile(tmp_path, whole):
    command = Command(tmp_path / "workdir")
    assert save(command, random.Random(2))
    while (tmp_path / "workdir").exists():
        shutil.rmtree(tmp_path / "workdir", ignore_errors=True)
    refused_in_one_line(command.left())
    shutil.rmtree(tmp_path / "workdir", ignore_errors=True)
    assert finished(tmp_path / "workdir").code == 0
    assert recorded(tmp_path / "workdir") == whole


# --- two at once ---


@pytest.mark.parametrize("shards", [("0/1", "0/1"), ("0/1", "1/2")])
def test_two_that_race_for_a_workdir(tmp_path, whole, shards):
    commands = [Command(tmp_path / "workdir", f"--shard={shard}") for shard in shards]
    results = [command.left() for command in commands]
    assert sorted(left.code for left in results) == [0, 2], results
    (loser,) = (left for left in results if left.code == 2)
    refused_in_one_line(loser)
    (winner,) = (c.process.pid for c, left in zip(commands, results, strict=True) if left.code == 0)
    assert f"process {winner} on {os.uname().nodename!r}" in loser.err
    assert finished(tmp_path / "workdir").code == 0
    assert recorded(tmp_path / "workdir") == whole


def test_two_shards_at_once_and_one_of_them_killed(tmp_path, whole):
    first, second = (Command(tmp_path / "workdir", f"--shard={k}/2") for k in range(2))
    assert first.until(lambda: list((tmp_path / "workdir").glob("records*")))
    first.process.kill()
    first.left()
    assert second.left().code == 0
    again = finished(tmp_path / "workdir", "--shard=0/2")
    assert again.code == 0, again.err
    assert recorded(tmp_path / "workdir") == whole
    assert finished(tmp_path / "workdir").code == 0  # with another number, once nobody is at work
    assert recorded(tmp_path / "workdir") == whole
