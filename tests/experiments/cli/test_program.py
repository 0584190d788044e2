"""What every command does with its standard output and with signals, from its first moment on."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from support.commands import ROOT, STUDY

PLAN = ("run", *STUDY, "--dry_run")
COMMANDS = {
    "data": ("data", "list"),
    "run": PLAN,
    "report": ("report", "--help"),
    "poem": ("poem", "--help"),
    "levels": ("claims.levels", "--help"),
}


def ended(name, *arguments, out, before=()):
    """The exit code of a command, and what it says on standard error."""
    done = subprocess.run(
        [*before, sys.executable, "-m", f"experiments.{name}", *arguments],
        cwd=ROOT,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_what_cannot_be_written_is_told_in_one_line(words):
    with open("/dev/full", "w") as full:
        found = ended(*words, out=full)
    assert found == (2, "error: standard output: No space left on device\n")


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_closed_output_is_refused(words, tmp_path):
    before = ("sh", "-c", 'exec "$@" >&-', "sh")
    code, said = ended(*words, out=None, before=before)
    assert (code, said) == (2, "error: standard output is closed; >/dev/null throws it away\n")


@pytest.mark.parametrize("words", [COMMANDS["data"], PLAN, COMMANDS["poem"]], ids=lambda w: w[0])
def test_who_has_read_enough_ends_it_without_a_word(words):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert ended(*words, out=writing) == (0, "")
    finally:
        os.close(writing)


def test_nobody_need_hear_what_it_says():
    before = ("sh", "-c", 'exec "$@" 2>&-', "sh")
    assert ended("data", "list", out=subprocess.DEVNULL, before=before) == (0, "")


def handles(process, number):
    """Whether a process has a handler for the signal."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("SigCgt:\t")[2].split()[0], 16) >> (number - 1) & 1


@pytest.mark.parametrize("name", ["poem", "report", "claims.levels"])
def test_a_signal_while_it_imports_is_told_in_one_line(name):
    process = subprocess.Popen(
        [sys.executable, "-m", f"experiments.{name}", "--help"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not handles(process, signal.SIGUSR1):
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (75, "")
    assert said == "stopped by SIGINT; run the same command again\n"
