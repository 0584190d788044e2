"""Run commands as a shell does, on a study that trains in a moment.

``command`` runs one in this process, ``start`` in a new process.
"""

import contextlib
import io
import os
import pathlib
import subprocess
import sys
from typing import NamedTuple
from unittest import mock

import jax
from absl.testing import flagsaver
from support.made_up import without_time

from experiments.cli import flags
from experiments.cli.commands import run
from seqjax.records import jsonl

ROOT = pathlib.Path(__file__).parents[2]
RATE = "optim.learning_rate"
STUDY = (
    "--study=init_by_clip",
    "--set=train.steps=6; train.eval_every=3; train.batch_size=8; model.hidden=4",
    f"--sweep=init.bias.f=0,1; {RATE}=0.1,1",
    "--seeds=2",
)


class Result(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


def command(*arguments, program=run) -> Result:
    """Run a command in this process; ``program`` is its module in ``experiments.cli.commands``."""
    argv = [program.__file__, *map(str, arguments)]
    programs = jax.config.jax_compilation_cache_dir or ""  # which the command would replace
    code, out, err = 0, io.StringIO(), io.StringIO()
    with (
        flagsaver.flagsaver(),
        mock.patch.object(sys, "argv", argv),
        mock.patch.dict(os.environ, JAX_COMPILATION_CACHE_DIR=programs),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            program.main(getattr(program, "parser", flags.parser)(argv))
        except SystemExit as stop:
            code = stop.code
    return Result(code, out.getvalue(), err.getvalue())


def start(*arguments, program="run", out=subprocess.PIPE) -> subprocess.Popen:
    """Start a command in a new process, with ``out`` as its standard output."""
    return subprocess.Popen(
        [sys.executable, "-m", f"experiments.{program}", *map(str, arguments)],
        cwd=ROOT,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen) -> Result:
    out, err = process.communicate(timeout=120)
    return Result(process.returncode, out, err)


def contents(folder: pathlib.Path) -> dict:
    """Bytes and modification time of every file in a folder."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def recorded(workdir: pathlib.Path) -> dict[str, dict]:
    """Records by run id, without their time."""
    found = {record.id: record for record in jsonl.read_all(workdir)}
    return {name: without_time(record) for name, record in found.items()}


def refused(workdir, *arguments, words=()):
    """Assert that a command fails in one line with all these words, and changes no file."""
    before = contents(workdir) if workdir.is_dir() else None
    result = command(*arguments, f"--workdir={workdir}")
    assert result.code == 2, result
    assert result.out == "" and result.err.count("\n") == 1, result.err
    for word in words:
        assert str(word) in result.err
    assert (contents(workdir) if workdir.is_dir() else None) == before
