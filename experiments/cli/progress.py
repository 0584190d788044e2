"""Progress of training: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 10


class Bar:
    """Live progress bar with steps/s and the time left."""

    def __init__(self, total: int):
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} steps/s"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(stderr=True),
        )
        self.task = self.progress.add_task("training", total=total, rate="–")
        self.counter = _StepCounter(total)

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def log(self, text: str) -> None:
        """Print a line above the bar."""
        self.progress.console.print(text, highlight=False, markup=False)

    def advance(self, steps: int) -> None:
        """Count steps that were taken."""
        self.counter.advance(steps)
        rate = self.counter.rate()
        self.progress.update(self.task, advance=steps, rate="–" if rate is None else f"{rate:,.0f}")


class Lines:
    """A plain line of progress every ten seconds."""

    def __init__(self, total: int):
        self.counter = _StepCounter(total)
        self.last_line = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def log(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)

    def advance(self, steps: int) -> None:
        """Count steps that were taken."""
        counter = self.counter
        counter.advance(steps)
        if time.monotonic() - self.last_line < SECONDS_BETWEEN_LINES and (
            counter.done < counter.total
        ):
            return
        self.last_line = time.monotonic()
        percent = 100 * counter.done // counter.total
        line = f"{percent:3d} %  {counter.done:,} of {counter.total:,} steps"
        rate = counter.rate()
        if rate is not None:
            seconds = (counter.total - counter.done) / rate
            line += f"  {rate:,.0f} steps/s  {seconds:.0f} s left"
        self.log(line)


class _StepCounter:
    """Steps taken and their rate, not counting the first chunk, which includes compilation."""

    def __init__(self, total: int):
        self.total = total
        self.done = 0
        self.first_chunk: tuple[float, int] | None = None  # its end, and the steps until then

    def advance(self, steps: int) -> None:
        self.done += steps
        self.first_chunk = self.first_chunk or (time.monotonic(), self.done)

    def rate(self) -> float | None:
        """Steps per second; None before the second chunk."""
        if self.first_chunk is None or self.done == self.first_chunk[1]:
            return None
        end, steps = self.first_chunk
        return (self.done - steps) / (time.monotonic() - end)


def progress_bar(total: int) -> Bar | Lines:
    """Progress over ``total`` steps, in the form that fits standard error."""
    return Bar(total) if sys.stderr.isatty() else Lines(total)
