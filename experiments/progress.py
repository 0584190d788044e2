"""What a waiting person sees: a live bar on a terminal, a line now and then elsewhere."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 10


class Bar:
    """A live bar with steps/s and time left."""

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
        self.clock = _Clock(total)

    def __enter__(self):
        self.progress.start()
        return self

    def __exit__(self, *exception):
        self.progress.stop()

    def say(self, text: str) -> None:
        self.progress.console.print(text, highlight=False, markup=False)

    def advance(self, steps: int) -> None:
        self.clock.advance(steps)
        self.progress.update(self.task, advance=steps, rate=f"{self.clock.rate():,.0f}")


class Lines:
    """Plain lines, one every ten seconds."""

    def __init__(self, total: int):
        self.clock, self.last = _Clock(total), time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def advance(self, steps: int) -> None:
        clock = self.clock
        clock.advance(steps)
        if time.monotonic() - self.last < SECONDS_BETWEEN_LINES and clock.done < clock.total:
            return
        self.last = time.monotonic()
        left = (clock.total - clock.done) / max(clock.rate(), 1e-9)
        share = 100 * clock.done // clock.total
        self.say(
            f"{share:3d} %  {clock.done:,} of {clock.total:,} steps  "
            f"{clock.rate():,.0f} steps/s  {left:.0f} s left"
        )


class _Clock:
    def __init__(self, total: int):
        self.total, self.done, self.began = total, 0, time.monotonic()

    def advance(self, steps: int) -> None:
        self.done += steps

    def rate(self) -> float:
        return self.done / max(time.monotonic() - self.began, 1e-9)


def progress(total: int) -> Bar | Lines:
    """The kind that fits standard error."""
    return Bar(total) if sys.stderr.isatty() else Lines(total)
