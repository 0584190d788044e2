"""A real command in a process of its own, what is done to it, and what it must leave."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parents[2]
RUNS, STEPS = 8, 60
STUDY = (
    "--study=init_by_clip",
    f"--set=train.steps={STEPS}; train.eval_every=5; train.batch_size=8; model.hidden=8",
    "--sweep=init.bias.f=0,1; optim.learning_rate=0.1,1",
    "--seeds=2",
    "--checkpoint_every=0",
)
SECONDS = 120
LIMITED = """
import os, resource, sys
resource.setrlimit(getattr(resource, sys.argv[1]), 2 * (int(sys.argv[2]),))
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""


def python(limit: tuple[str, int] | None = None) -> list[str]:
    """Python, with a limit of the ``resource`` module; set by itself, since JAX forbids to fork."""
    return [sys.executable] if limit is None else [sys.executable, "-c", LIMITED, *map(str, limit)]


class Left(NamedTuple):
    """What a command left: its exit code, its standard error, and how long it took."""

    code: int
    err: str
    seconds: float


class Command:
    """A command that is running."""

    def __init__(self, workdir: pathlib.Path, *arguments: str, cache: str = "", limit=None):
        # An empty cache makes it compile, which gives a signal time to arrive meanwhile.
        environment = dict(os.environ, JAX_NUM_CPU_DEVICES="2")
        if cache:
            environment["SEQJAX_CACHE_DIR"] = cache
        self.workdir = workdir
        self.said = pathlib.Path(tempfile.mkstemp(suffix=".err")[1])  # on no disk that is filled
        self.began = time.monotonic()
        with open(self.said, "wb") as said:
            self.process = subprocess.Popen(
                [
                    *python(limit),
                    "-m",
                    "experiments.run",
                    *STUDY,
                    f"--workdir={workdir}",
                    *arguments,
                ],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=environment,
            )

    def until(self, condition: Callable[[], bool]) -> bool:
        """Waits until the condition holds; False if the command ended before."""
        while not condition():
            if self.process.poll() is not None:
                return False
            assert time.monotonic() - self.began < SECONDS, self.said.read_text()
            time.sleep(0.001)
        return True

    def handles(self, number: int) -> bool:
        """Whether a handler is there for the signal, which at the very first it is not."""
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return False
        caught = int(status.partition("SigCgt:\t")[2].split()[0], 16)
        return bool(caught >> (number - 1) & 1)

    def left(self) -> Left:
        try:
            code = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:  # or it would trouble the tests after this one
            self.process.kill()
            self.process.wait()
            raise
        return Left(code, self.said.read_text(), time.monotonic() - self.began)


def finished(workdir: pathlib.Path, *arguments: str, **options) -> Left:
    """A command that nothing is done to."""
    return Command(workdir, "--checkpoint_every=60", *arguments, **options).left()


def recorded(workdir: pathlib.Path) -> list[str]:
    """Every line of every shard without its times, sorted, with the bytes of its curve."""
    lines = []
    for path in sorted(workdir.glob("records*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            del record["seconds"]
            curve = (workdir / record["curve_file"]).read_bytes().hex()
            lines.append(json.dumps(record, sort_keys=True) + curve)
    return sorted(lines)


# --- moments ---


def _lines(workdir: pathlib.Path) -> int:
    path = workdir / "records.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _checkpoints(workdir: pathlib.Path) -> list[str]:
    folder = workdir / "checkpoints" / "0-of-1"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def start_up(command: Command, draw: random.Random) -> bool:
    time.sleep(draw.uniform(0.05, 1.5))
    return command.process.poll() is None


def compiling(command: Command, draw: random.Random) -> bool:
    reached = command.until(lambda: b"compiling first" in command.said.read_bytes())
    time.sleep(draw.uniform(0, 1))
    return reached and command.process.poll() is None


def chunk(command: Command, draw: random.Random) -> bool:
    lines = draw.randrange(RUNS - 2)
    reached = command.until(
        lambda: _lines(command.workdir) >= lines and _checkpoints(command.workdir)
    )
    time.sleep(draw.uniform(0, 0.3))
    return reached and command.process.poll() is None


def save(command: Command, draw: random.Random) -> bool:
    after = draw.randrange(6)

    def at_work():
        names = _checkpoints(command.workdir)
        numbers = [int(name) for name in names if name.isdecimal()]
        return any("tmp" in name for name in names) and max(numbers, default=-1) >= after - 1

    reached = command.until(at_work)
    time.sleep(draw.uniform(0, 0.03))
    return reached and command.process.poll() is None


def record(command: Command, draw: random.Random) -> bool:
    lines = draw.randrange(1, RUNS + 1)
    return command.until(lambda: _lines(command.workdir) >= lines)


def tables(command: Command, draw: random.Random) -> bool:
    reached = command.until(lambda: _lines(command.workdir) >= RUNS)
    time.sleep(draw.uniform(0.02, 0.6))
    return reached and command.process.poll() is None


MOMENTS = (start_up, compiling, chunk, save, record, tables)


def interrupted(
    workdir: pathlib.Path, moment: Callable, draw: random.Random, number: int, cold: str
) -> Left | None:
    """A command that got a signal at a moment; None if it was done before."""
    cache = cold if moment is compiling else ""
    command = Command(workdir, cache=cache)
    if number != signal.SIGKILL and not command.until(lambda: command.handles(number)):
        return None
    reached = moment(command, draw)
    command.process.send_signal(number)
    left = command.left()
    return left if reached else None
