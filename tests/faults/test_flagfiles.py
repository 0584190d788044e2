"""Flagfiles that would keep one waiting, fill the memory, or never end."""

import os
import subprocess
import time
import tracemalloc

import pytest
from support.commands import ROOT, command
from support.harness import python

from experiments.cli import flagfiles


def one(folder, content):
    path = folder / "bad.flags"
    path.write_bytes(content)
    return path


def chain(folder, count):
    """Flagfiles of which each names the next."""
    for k in range(count):
        (folder / f"{k}.flags").write_text(f"--flagfile={folder}/{k + 1}.flags\n")
    (folder / f"{count}.flags").write_text("--list\n")
    return folder / "0.flags"


def doubling(folder):
    """Flagfiles of which each names the next one twice."""
    for k in range(12):
        (folder / f"{k}.flags").write_text(f"--flagfile={folder}/{k + 1}.flags\n" * 2)
    (folder / "12.flags").write_text("")
    return folder / "0.flags"


def pipe(folder):
    os.mkfifo(folder / "pipe.flags")
    return folder / "pipe.flags"


def ring(folder):
    (folder / "a.flags").write_text(f"--flagfile={folder}/b.flags\n")
    (folder / "b.flags").write_text(f"--flagfile={folder}/a.flags\n")
    return folder / "a.flags"


BAD = {
    "a device without an end": (lambda folder: "/dev/zero", "no regular file"),
    "a pipe": (pipe, "no regular file"),
    "a folder": (lambda folder: folder, "a folder"),
    "a user that is not there": (lambda folder: "~nobody-of-that-name/x", "home"),
    "too large": (lambda f: one(f, b"#" * (flagfiles.LARGEST + 1)), "larger than 1,048,576 bytes"),
    "a long line": (lambda f: one(f, b"--set=" + b"x" * 10**6), "--set: expected path=value"),
    "a long word": (lambda f: one(f, b"x" * 10**6), "bad.flags:1: expected --flag=value"),
    "a NUL": (lambda f: one(f, b"\n--workdir=a\0b\n"), "bad.flags:2: "),
    "not UTF-8": (lambda f: one(f, b"--set=\xff\n"), "bad.flags': not UTF-8 text at byte 6"),
    "a terminal's commands": (lambda f: one(f, b"--set=\x1b[2J\x1b]0;x\x07\n"), r"\x1b[2J"),
    "a name with a line break": (lambda f: one(f, b"--\n--a\rb=3\n"), "bad.flags:1: "),
    "a name that clears the screen": (
        lambda folder: one(folder, b"x\n").rename(folder / "\x1b[2J\u202e.flags"),
        r"\x1b[2J\u202e.flags:1: expected --flag=value",
    ),
    "help": (lambda f: one(f, b"--helpfull\n"), "bad.flags:1: --helpfull belongs on the command"),
    "a chain of 2,000": (lambda folder: chain(folder, 2000), "too many flagfiles; at most 16 deep"),
    "a ring": (ring, "a.flags includes itself"),
    "two of the next, twelve times": (doubling, "too many flagfiles"),
}


@pytest.mark.parametrize(("make", "said"), BAD.values(), ids=BAD)
def test_a_hostile_flagfile_is_refused_at_once(tmp_path, make, said):
    began = time.monotonic()
    result = command(f"--flagfile={make(tmp_path)}", "--study=gate_bias", "--dry_run")
    assert result.code == 2 and said in result.err, result
    assert result.err.startswith("error: ") and result.err[:-1].isprintable()
    assert result.err.endswith("\n") and len(result.err) < 3000
    assert time.monotonic() - began < 5


def test_a_device_is_refused_within_little_memory():
    """In a process of its own that may take half a GiB: what reads on ends there."""
    done = subprocess.run(
        [*python(("RLIMIT_AS", 2**29)), "-m", "experiments.run", "--flagfile=/dev/zero", "--list"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --flagfile: cannot read '/dev/zero': it is no regular file\n"


def test_a_file_is_not_read_beyond_its_bound(tmp_path):
    path = tmp_path / "large.flags"
    with path.open("wb") as file:
        file.truncate(2**28)
    tracemalloc.start()
    try:
        with pytest.raises(flagfiles.FlagfileError, match="larger than"):
            flagfiles.expand([f"--flagfile={path}"], lambda name: None)
        assert tracemalloc.get_traced_memory()[1] < 4 * flagfiles.LARGEST
    finally:
        tracemalloc.stop()


def test_a_chain_that_is_not_too_long_is_followed(tmp_path):
    result = command(f"--flagfile={chain(tmp_path, 15)}")
    assert result.code == 0 and "gate_bias" in result.out


ABSURD = {
    "--set=model.hidden=1000000000000": "model.hidden: expected a whole number below",
    "--set=model.hidden=16385": "model.hidden: expected at most 16384, got 16385",
    "--set=model.layers=65": "model.layers: expected at most 64",
    "--set=task.length=1000000000000": "task.length: expected a whole number below",
    "--set=task.length=1048577": "task.length: expected at most 1048576",
    "--set=task.length=1048576; train.batch_size=65536": "task.length: expected at most 16384",
    "--set=train.batch_size=65537": "train.batch_size: expected at most 65536",
    "--set=train.steps=16777215; train.eval_every=1": "train.eval_every: expected at least 1678",
    "--seeds=1000000000": "--seeds: gate_bias would have over 50,000 runs",
    f"--seeds={'9' * 5000}": "--seeds",
    "--tuning_seeds=1000000000000": "--seeds: gate_bias would have over 50,000 runs",
    f"--tuning_seeds={'9' * 400}": "--seeds: gate_bias would have over 50,000 runs",
    f"--shard=0/{'9' * 5000}": "--shard: expected I/N",
    f"--set=model.hidden={'9' * 400}": "model.hidden",
    "--set=train.steps=\x1b[31m\n": r"'\x1b[31m'",
    "--workdir=~nobody-of-that-name/x": "--workdir: cannot use '~nobody-of-that-name/x'",
    "--data_dir=~nobody-of-that-name/x": "--data_dir: cannot use",
    f"--data_dir={'x' * 5000}": "--data_dir: cannot use",
    "--workdir=a\nb": r"--workdir: expected a name that can be printed, got 'a\nb'",
    "--workdir=\udcff": "not UTF-8",
    f"--sweep=train.steps={','.join(map(str, range(60_000)))}": "train.steps: swept over 60,000",
    "--sweep="
    + ";".join(
        f"{path}={','.join(str(k / 256) for k in range(1, 216))}"  # 215 ** 3 is about 10 ** 7
        for path in ("init.bias.i", "init.input_gain", "optim.learning_rate")
    ): "swept to over 50,000 points",
    "--sweep=model.cell=" + ",".join(f"c{k}" for k in range(20_000)): "unknown cell 'c0'",
}


@pytest.mark.parametrize(("argument", "said"), ABSURD.items(), ids=[a[:40] for a in ABSURD])
def test_an_absurd_size_is_refused_at_once(argument, said):
    began = time.monotonic()
    result = command("--study=gate_bias", "--arms=b_i", argument, "--dry_run")
    assert result.code == 2 and said in result.err, result
    assert result.err.startswith("error: ") and result.err[:-1].isprintable()
    assert time.monotonic() - began < 5
