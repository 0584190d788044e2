"""Progress of training: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Sequence
from typing import Self

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from experiments.cli.time_left import Pace, TimeLeft
from seqjax.sweeps.study import Run
from seqjax.training.state import BatchState

SECONDS_BETWEEN_LINES = 10


class Lines:
    """A plain line of progress after the first chunk of each group, and every ten seconds."""

    def __init__(self, groups: Sequence[Pace]):
        self.time_left = TimeLeft(groups)
        self.batch: list[Run] = []
        self.step = 0  # of the batch
        self.last_line = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def log(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)

    def start_group(self, number: int, runs: int) -> None:
        """Begin with a group of runs, whose programs compile first."""
        self.time_left.start(number)
        left = self.time_left.text()
        name = f"group {number + 1} of {len(self.time_left.groups)}"
        count = f"{runs} run{'s' * (runs != 1)}"
        self.log(f"{name}: {count}; compiling first{left and f'; {left} (estimate)'}")
        self.last_line = 0.0

    def on_chunk(self, batch: list[Run], state: BatchState) -> None:
        """Count the steps that a batch of runs has taken, and show its last validation metric."""
        if batch is not self.batch:
            self.batch, self.step = batch, 0
        step = batch[0].config.train.steps if state.ended else state.step
        self.time_left.advance((step - self.step) * len(batch))
        self.step = step
        name = batch[0].config.task.metric
        values = state.metrics[-1][name]
        running = values[~np.isnan(values)]  # runs that have stopped have none
        self.show(f"{name} {np.mean(running) if running.size else np.nan:.3g}")

    def show(self, metric: str) -> None:
        """Print a line if it is time for one, or if everything is done."""
        progress, now = self.time_left, time.monotonic()
        finished = progress.done == progress.total
        if now - self.last_line < SECONDS_BETWEEN_LINES and not finished:
            return
        self.last_line = now
        rate = progress.rate()
        parts = [
            f"{100 * progress.done // progress.total:3d} %",
            f"{progress.done:,} of {progress.total:,} steps",
            metric,
            "" if rate is None else f"{rate:,.0f} steps/s",
            progress.text(),
        ]
        self.log("  ".join(filter(None, parts)))


class Bar(Lines):
    """Live progress bar with metric, steps/s and the time left."""

    def __init__(self, groups: Sequence[Pace]):
        super().__init__(groups)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[metric]}"),
            TextColumn("{task.fields[rate]}"),
            _TimeLeftColumn(self.time_left),
            console=Console(stderr=True),
        )
        self.task = self.progress.add_task(
            "starting", total=self.time_left.total, metric="", rate=""
        )

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def log(self, text: str) -> None:
        """Print a line above the bar."""
        self.progress.console.print(text, highlight=False, markup=False)

    def start_group(self, number: int, runs: int) -> None:
        """Begin with a group of runs, whose programs compile first."""
        super().start_group(number, runs)
        self.progress.update(self.task, description="compiling", rate="")

    def show(self, metric: str) -> None:
        """Move the bar."""
        rate = self.time_left.rate()
        self.progress.update(
            self.task,
            completed=self.time_left.done,
            description="training",
            metric=metric,
            rate="" if rate is None else f"{rate:,.0f} steps/s",
        )


class _TimeLeftColumn(ProgressColumn):
    """The time left, which falls between two chunks too."""

    def __init__(self, time_left: TimeLeft):
        super().__init__()
        self.time_left = time_left

    def render(self, task: Task) -> Text:
        return Text(self.time_left.text())


def progress_bar(groups: Sequence[Pace]) -> Lines:
    """Progress over groups, in the form that fits standard error."""
    return Bar(groups) if sys.stderr.isatty() else Lines(groups)
