"""Strict environment of all tests, and fixtures that several test modules share.

Every process has two CPU devices. Promotion of dtypes and of ranks is an error, and so is every
warning (``filterwarnings`` in pyproject.toml).
"""

import atexit
import os
import re
import shutil
import tempfile
from unittest import mock

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
os.environ.setdefault("MPLBACKEND", "Agg")
if "SEQJAX_CACHE_DIR" not in os.environ:  # workers of xdist inherit it
    os.environ["SEQJAX_CACHE_DIR"] = tempfile.mkdtemp(prefix="seqjax-tests-")
    atexit.register(shutil.rmtree, os.environ["SEQJAX_CACHE_DIR"], ignore_errors=True)

import hypothesis
import jax
import jaxlib.version
import pytest

from experiments.cli import environment

# pytest rewrites assertions only in the modules that it knows.
pytest.register_assert_rewrite("support.assertions", "support.batches", "support.commands")

# XLA optimises little and emits simple code, since nearly all programs run once: the suite takes
# half the time. Flags in XLA_FLAGS win, and commands that tests start compile as for users.
XLA_FLAGS = "--xla_backend_optimization_level=0"
if jaxlib.version.__version_info__ < (0, 12):  # which has no other emitters
    XLA_FLAGS += " --xla_cpu_use_fusion_emitters=false"
with pytest.MonkeyPatch.context() as patched:
    patched.setenv("XLA_FLAGS", XLA_FLAGS, prepend=" ")
    jax.devices()  # reads the flags
if jax.default_backend() != "cpu":  # GPUs round operands of float32 products to tf32 by default
    jax.config.update("jax_default_matmul_precision", "highest")
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# The same examples in every run, without deadlines, since an example may compile.
hypothesis.settings.register_profile(
    "seqjax",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("seqjax")


def pytest_configure(config):
    """Save compiled programs for the next run of pytest; ``pytest --cache-clear`` deletes them."""
    folder = config.rootpath / ".pytest_cache" / "d" / "programs"
    with mock.patch.dict(os.environ, SEQJAX_CACHE_DIR=str(folder)):
        environment.prepare(deterministic=False)


def pytest_collection_modifyitems(config, items):
    """Deselect tests marked faults or exhaustive, unless -m names the marker."""
    unnamed = {"faults", "exhaustive"} - set(re.findall(r"\w+", config.option.markexpr))
    left_out = [item for item in items if unnamed & {mark.name for mark in item.iter_markers()}]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter):
    """Print why pages were not tested in a browser, and the error rates of the decision rules.

    Properties are part of a test's report, also from a worker of xdist.
    """
    skipped = (report.longrepr for report in terminalreporter.stats.get("skipped", ()))
    for reason in {str(place[-1]) for place in skipped if "BROWSER TESTS" in str(place[-1])}:
        terminalreporter.section(reason.removeprefix("Skipped: "), "!", red=True)
    reports = [report for group in terminalreporter.stats.values() for report in group]
    rates = [
        value
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == "error rate"
    ]
    if rates:
        terminalreporter.section("error rates of the decision rules on simulated data")
        for line in sorted(rates):
            terminalreporter.write_line(line)


@pytest.fixture
def x64():
    """Enable float64 for one test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def first(tmp_path_factory):
    """Workdir and result of running the study of ``support.commands`` once."""
    from support.commands import STUDY, command

    workdir = tmp_path_factory.mktemp("first") / "new" / "workdir"
    return workdir, command(*STUDY, f"--workdir={workdir}")


@pytest.fixture
def finished(first, tmp_path):
    """A copy of the workdir of ``first``, for a test to change."""
    return shutil.copytree(first[0], tmp_path / "finished")


@pytest.fixture
def server():
    """A file server on this machine."""
    from support.served import Server

    with Server() as running:
        yield running


@pytest.fixture
def place(server, tmp_path, monkeypatch):
    """The folder of a data set of one file, which the server has."""
    import pooch
    from support.published import make_known
    from support.served import BYTES, NAME

    from experiments.cli import fetch

    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(fetch, "TIMEOUT", 0.2)
    monkeypatch.setattr(pooch.core.time, "sleep", lambda seconds: None)
    make_known(monkeypatch, NAME, {"file": BYTES}, f"{server.address}/here")
    return tmp_path / NAME
