"""Contenders in separate processes, timed one at a time while all others wait."""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parents[2]
TURN_SECONDS = 0.05
TOLERANCES = {"float32": 1e-4, "tf32": 1e-2}
"""Largest difference between contenders, relative to the largest value, by precision."""


class BenchError(Exception):
    """A contender failed, or computed different values."""


class Contender(NamedTuple):
    """A contender of a race.

    Attributes:
      name: name in the tables.
      child: module that implements it.
      job: arguments of the module's ``make``.
      copies: number of processes, on a core each, that share the work equally.
      flags: XLA_FLAGS to add; a contender with flags has a separate process.
      alone: use a separate process, to compile in parallel. Otherwise all contenders of one child
        share a process.
    """

    name: str
    child: str
    job: dict[str, Any]
    copies: int = 1
    flags: str = ""
    alone: bool = False


class Child:
    """Process of one framework on some cores."""

    def __init__(self, module: str, cores: set[int], flags: str = ""):
        environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="2")
        environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{environment.get('PYTHONPATH', '')}"
        environment.pop("NPROC", None)
        environment["JAX_NUM_CPU_DEVICES"] = str(len(cores))
        # Several processes share a GPU, and each would take three quarters of its memory.
        environment.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        if flags:
            environment["XLA_FLAGS"] = f"{environment.get('XLA_FLAGS', '')} {flags}".strip()
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by close)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "experiments.bench.child", module, *map(str, cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment,
        )

    def ask(self, **request: Any) -> None:
        """Send a request to the process."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """Wait for the reply to the oldest request; raise BenchError if the process failed."""
        line = self.process.stdout.readline()
        if not line:
            raise BenchError(f"{self.process.args[3]}: the process ended:\n{self._error_output()}")
        reply = json.loads(line)
        if "error" in reply:
            raise BenchError(f"{self.process.args[3]}: {reply['error']}")
        return reply

    def _error_output(self) -> str:
        self.errors.seek(0)
        return self.errors.read()[-2000:]

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Fleet:
    """Context manager of all child processes on the same cores.

    Args:
      cores: cores to use.
      single: pin every child to one core, in turn, so that they compile in parallel. Only one child
        is timed at a time.
    """

    def __init__(self, cores: set[int], single: bool):
        self.cores, self.single, self.children = sorted(cores), single, {}
        self.folder = tempfile.TemporaryDirectory()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.children.values():
            child.close()
        self.folder.cleanup()

    def _members(self, contender: Contender) -> list[Child]:
        process = contender.name if contender.alone or contender.flags else ""
        keys = [
            (contender.child, process, copy, contender.copies) for copy in range(contender.copies)
        ]
        for copy, key in enumerate(keys):
            if key not in self.children:
                turn = len(self.children) if self.single else copy
                pinned = self.single or contender.copies > 1
                cores = {self.cores[turn % len(self.cores)]} if pinned else set(self.cores)
                self.children[key] = Child(contender.child, cores, contender.flags)
        return [self.children[key] for key in keys]

    def race(
        self, contenders: Iterable[Contender], rounds: int, forward: bool = False
    ) -> list[dict[str, dict[str, Any]]]:
        """Compare the values of contenders with those of the first one of the same cell; time them.

        Args:
          contenders: contenders of one race.
          rounds: number of measurements of each contender.
          forward: also time the forward pass.

        Returns:
          A dictionary by name with the times in seconds, one per round, and facts, or the reason
          why a contender is absent; with ``forward``, a second dictionary for the forward pass.

        Raises:
          BenchError: a contender failed, or computed different values.
        """
        results, ready, requests, firsts = {}, [], [], {}
        for contender in contenders:
            for child in self._members(contender):
                path = Path(self.folder.name) / f"{len(requests)}.npz"
                child.ask(make=contender.job, name=contender.name, values=str(path))
                requests.append((contender, child, path))
        for contender, child, path in requests:  # replies of a pipe come in this order
            reply = child.answer()
            results[contender.name] = reply
            if "facts" not in reply:
                continue
            with np.load(path) as file:
                values = dict(file)
            path.unlink()
            what = contender.job.get("cell"), tuple(contender.job.get("size", ()))
            first = firsts.setdefault(what, values)
            tolerance = TOLERANCES[contender.job.get("precision", "float32")]
            reply["worst_difference"] = _compare(contender.name, values, first, tolerance)
            if all(other is not contender for other in ready):
                ready.append(contender)
        passes = (False, True) if forward else (False,)
        return [self._timed(results, ready, rounds, which) for which in passes]

    def _timed(self, results, ready, rounds, forward) -> dict[str, dict[str, Any]]:
        """Results with the times of the training step, or of the forward pass.

        A first call of each contender determines how many calls make a turn of ``TURN_SECONDS``. If
        one call is enough for all, it counts as the first round.
        """
        seconds = {c.name: [self._turn(c, 1, forward)] for c in ready}
        calls = {
            name: math.ceil(TURN_SECONDS / max(first, 1e-6)) for name, (first,) in seconds.items()
        }
        if max(calls.values(), default=1) > 1:
            seconds = {name: [] for name in seconds}
        while ready and len(seconds[ready[-1].name]) < rounds:
            for contender in ready:
                taken = self._turn(contender, calls[contender.name], forward)
                seconds[contender.name].append(taken)
        return {
            name: result | ({"seconds": seconds[name]} if name in seconds else {})
            for name, result in results.items()
        }

    def _turn(self, contender: Contender, times: int, forward: bool) -> float:
        members = self._members(contender)
        for child in members:
            child.ask(time=contender.name, times=times, forward=forward)
        seconds = max(child.answer()["seconds"] for child in members)
        time.sleep(0.005)  # lets spinning threads go to sleep
        return seconds


def _compare(
    name: str, values: dict[str, np.ndarray], first: dict[str, np.ndarray], tolerance: float
) -> float:
    """Largest difference from the first contender's values, relative to the largest of these."""
    worst = 0.0
    for what in sorted(values.keys() & first.keys()):
        error = np.abs(values[what] - first[what]).max() / np.abs(first[what]).max()
        if not error <= tolerance:
            raise BenchError(f"{name}: {what} differ by {error:.2g} of their size")
        worst = max(worst, float(error))
    return worst
