"""Every command's standard output and signals."""

import os
import signal
import time

import pytest
from support.commands import STUDY, start
from support.harness import waits_for

from experiments.cli.signals import RESUME

pytestmark = pytest.mark.subprocess


def test_a_full_disk_is_reported():
    with open("/dev/full", "w") as full:
        process = start("list", program="data", out=full)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert all(line.startswith("error: ") for line in err.splitlines())
    assert err.splitlines()[-1] == "error: standard output: No space left on device"


def test_a_reader_that_closes_the_pipe_ends_the_command():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = start(*STUDY, "--dry_run", out=writing)
    finally:
        os.close(writing)
    assert process.communicate(timeout=120)[1] == ""
    assert process.returncode == 0


def test_a_signal_during_imports_is_reported_in_one_line():
    process = start("--help", program="report")
    while process.poll() is None and not waits_for(process, signal.SIGUSR1):
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (75, "")
    assert err == f"stopped by SIGINT; {RESUME}\n"
