"""A command in a process, the moments at which to interrupt it, and the records it leaves."""

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


class Outcome(NamedTuple):
    """Exit code and standard error of a command."""

    code: int
    err: str


def waits_for(process: subprocess.Popen, number: int) -> bool:
    """True once the process has blocked the signal, for which one of its threads then waits."""
    try:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return False
    return bool(int(status.partition("SigBlk:\t")[2].split()[0], 16) >> (number - 1) & 1)


class Command:
    """A command that is running."""

    def __init__(self, workdir: pathlib.Path, *arguments: str, cache: str = "", limit=None):
        # With an empty cache it compiles long enough for a signal to arrive.
        environment = dict(os.environ, JAX_NUM_CPU_DEVICES="2")
        if cache:
            environment["SEQJAX_CACHE_DIR"] = cache
        # A limit of the module ``resource``, which Python sets itself before it starts.
        python = [sys.executable, *(["-c", LIMITED, *map(str, limit)] if limit else [])]
        self.workdir = workdir
        self.stderr = pathlib.Path(tempfile.mkstemp(suffix=".err")[1])  # not on a disk that is full
        self.began = time.monotonic()
        with open(self.stderr, "wb") as stderr:
            self.process = subprocess.Popen(
                [*python, "-m", "experiments.run", *STUDY, f"--workdir={workdir}", *arguments],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environment,
            )

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Waits until the condition holds; False if the command ended before."""
        while not condition():
            if self.process.poll() is not None:
                return False
            assert time.monotonic() - self.began < SECONDS, self.stderr.read_text()
            time.sleep(0.001)
        return True

    def wait(self) -> Outcome:
        try:
            code = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:  # or it would slow down the next tests
            self.process.kill()
            self.process.wait()
            raise
        return Outcome(code, self.stderr.read_text())


def run_to_end(workdir: pathlib.Path, *arguments: str, **options) -> Outcome:
    """Run a command without interrupting it."""
    return Command(workdir, "--checkpoint_every=60", *arguments, **options).wait()


def records_of(workdir: pathlib.Path) -> list[str]:
    """Records of all shards without their times, sorted, each with the bytes of its curve."""
    lines = []
    for path in sorted(workdir.glob("records*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            del record["seconds"], record["checksum"]
            curve = (workdir / record["curve_file"]).read_bytes().hex()
            lines.append(json.dumps(record, sort_keys=True) + curve)
    return sorted(lines)


# --- moments at which a signal is sent; each returns False if the command ended before ---


def _lines(workdir: pathlib.Path) -> int:
    path = workdir / "records.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _checkpoints(workdir: pathlib.Path) -> list[str]:
    folder = workdir / "checkpoints" / "0-of-1"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def during_start(command: Command, draw: random.Random) -> bool:
    time.sleep(draw.uniform(0.05, 1.5))
    return command.process.poll() is None


def during_compilation(command: Command, draw: random.Random) -> bool:
    reached = command.wait_until(lambda: b"compiling first" in command.stderr.read_bytes())
    time.sleep(draw.uniform(0, 1))
    return reached and command.process.poll() is None


def during_training(command: Command, draw: random.Random) -> bool:
    lines = draw.randrange(RUNS - 2)
    reached = command.wait_until(
        lambda: _lines(command.workdir) >= lines and _checkpoints(command.workdir)
    )
    time.sleep(draw.uniform(0, 0.3))
    return reached and command.process.poll() is None


def during_save(command: Command, draw: random.Random) -> bool:
    after = draw.randrange(6)

    def at_work():
        names = _checkpoints(command.workdir)
        numbers = [int(name) for name in names if name.isdecimal()]
        return any("tmp" in name for name in names) and max(numbers, default=-1) >= after - 1

    reached = command.wait_until(at_work)
    time.sleep(draw.uniform(0, 0.03))
    return reached and command.process.poll() is None


def after_a_record(command: Command, draw: random.Random) -> bool:
    lines = draw.randrange(1, RUNS + 1)
    return command.wait_until(lambda: _lines(command.workdir) >= lines)


def during_report(command: Command, draw: random.Random) -> bool:
    reached = command.wait_until(lambda: _lines(command.workdir) >= RUNS)
    time.sleep(draw.uniform(0.02, 0.6))
    return reached and command.process.poll() is None


MOMENTS = (
    during_start,
    during_compilation,
    during_training,
    during_save,
    after_a_record,
    during_report,
)


def interrupted(
    workdir: pathlib.Path, moment: Callable, draw: random.Random, number: int, cold: str
) -> Outcome | None:
    """Outcome of a command that gets a signal at a moment; None if it ended before."""
    cache = cold if moment is during_compilation else ""
    command = Command(workdir, cache=cache)
    if number != signal.SIGKILL and not command.wait_until(
        lambda: waits_for(command.process, number)
    ):
        return None
    reached = moment(command, draw)
    command.process.send_signal(number)
    outcome = command.wait()
    return outcome if reached else None
