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
        rate = self.clock.rate()
        self.progress.update(self.task, advance=steps, rate="–" if rate is None else f"{rate:,.0f}")


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
        line = f"{100 * clock.done // clock.total:3d} %  {clock.done:,} of {clock.total:,} steps"
        rate = clock.rate()
        if rate is not None:
            line += f"  {rate:,.0f} steps/s  {(clock.total - clock.done) / rate:.0f} s left"
        self.say(line)


class _Clock:
    """Steps done and their rate; the first chunk, which waits for the compiler, is not counted."""

    def __init__(self, total: int):
        self.total, self.done = total, 0
        self.began: tuple[float, int] | None = None

    def advance(self, steps: int) -> None:
        self.done += steps
        self.began = self.began or (time.monotonic(), self.done)

    def rate(self) -> float | None:
        began, before = self.began or (0.0, self.done)
        return (self.done - before) / (time.monotonic() - began) if self.done > before else None


def progress(total: int) -> Bar | Lines:
    """The kind that fits standard error."""
    return Bar(total) if sys.stderr.isatty() else Lines(total)
