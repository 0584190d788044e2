"""Every command's standard output and signals."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from support.commands import ROOT, STUDY

pytestmark = pytest.mark.subprocess
PLAN = ("run", *STUDY, "--dry_run")


def start(name, *arguments, out=subprocess.PIPE):
    return subprocess.Popen(
        [sys.executable, "-m", f"experiments.{name}", *arguments],
        cwd=ROOT,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_full_disk_is_reported():
    with open("/dev/full", "w") as full:
        process = start("data", "list", out=full)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert all(line.startswith("error: ") for line in err.splitlines())
    assert err.splitlines()[-1] == "error: standard output: No space left on device"


@pytest.mark.parametrize("words", [("data", "list"), PLAN], ids=["data", "run"])
def test_a_reader_that_closes_the_pipe_ends_the_command(words):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = start(*words, out=writing)
    finally:
        os.close(writing)
    assert process.communicate(timeout=120)[1] == ""
    assert process.returncode == 0


def blocks(process, number):
    """Whether the process has blocked the signal, which a thread of it then waits for."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("SigBlk:\t")[2].split()[0], 16) >> (number - 1) & 1


def test_a_signal_during_imports_is_reported_in_one_line():
    process = start("report", "--help")
    while process.poll() is None and not blocks(process, signal.SIGUSR1):
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (75, "")
    assert err == "stopped by SIGINT; run the same command again\n"
