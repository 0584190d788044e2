"""Options of XLA, and the cache of compiled programs."""

import ast
import os
import re
import subprocess
import sys
from unittest import mock

import pytest
from support.commands import ROOT
from support.made_up import without_time

from experiments.cli import environment
from seqjax.records import jsonl
from seqjax.records.environment import describe_environment


def test_deterministic_operations_are_asked_of_xla(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_some=1")
    monkeypatch.setenv("NPROC", "8")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "not changed")
    environment.prepare(deterministic=True)
    assert os.environ["XLA_FLAGS"].split() == [
        "--xla_some=1",
        "--xla_gpu_deterministic_ops=true",
        "--xla_gpu_autotune_level=0",
    ]
    described = describe_environment()
    assert described["XLA_FLAGS"] == os.environ["XLA_FLAGS"] and described["threads"] == 8
    assert described["cores"] == len(os.sched_getaffinity(0)) and described["device"]


SMALL = (
    "--study=init_by_clip",
    "--set=train.steps=2; train.batch_size=4; model.hidden=2; model.cell=elman",
    "--sweep=optim.learning_rate=0.1",
    "--seeds=1",
)
COUNTING = """
import runpy, sys
import jax.monitoring
from experiments.cli import program
program.exit_process = sys.exit
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
    """Cache hits and misses of a fresh process, and its records without their times."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, *SMALL, f"--workdir={workdir}"],
        cwd=ROOT,
        env=dict(os.environ, SEQJAX_CACHE_DIR=str(cache)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = [without_time(r) for r in jsonl.read(workdir / "records.jsonl")]
    return ast.literal_eval(re.search(r"\{.*\}", done.stderr.splitlines()[-1])[0]), found


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.subprocess
def test_a_second_start_compiles_nothing(tmp_path):
    first, records_1 = counted(tmp_path / "a", tmp_path / "cache")
    second, records_2 = counted(tmp_path / "b", tmp_path / "cache")
    compiled = first["misses"]
    assert compiled >= 3 and first["hits"] == 0  # training's three, and those of the task's check
    assert second == {"hits": compiled, "misses": 0}
    assert records_1 == records_2


def test_a_cache_folder_that_cannot_be_created_is_a_warning(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with mock.patch.dict(os.environ, SEQJAX_CACHE_DIR=str(tmp_path / "file")):
        assert environment._program_cache() is None
    assert str(tmp_path / "file") in capsys.readouterr().err
