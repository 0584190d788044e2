"""Progress of training, as a line on standard error every ten seconds."""

import sys
import time

SECONDS_BETWEEN_LINES = 10


class Progress:
    """Counts steps, and prints their share, their rate and the time left.

    The rate does not count the first chunk of steps, which includes compilation.
    """

    def __init__(self, total: int):
        self.total = total
        self.done = 0
        self.last_line = time.monotonic()
        self.first_chunk: tuple[float, int] | None = None  # its end, and the steps until then

    def log(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)

    def advance(self, steps: int) -> None:
        """Count steps that were taken."""
        now = time.monotonic()
        self.done += steps
        self.first_chunk = self.first_chunk or (now, self.done)
        if now - self.last_line < SECONDS_BETWEEN_LINES and self.done < self.total:
            return
        self.last_line = now
        percent = 100 * self.done // self.total
        line = f"{percent:3d} %  {self.done:,} of {self.total:,} steps"
        end, first = self.first_chunk
        if self.done > first:
            rate = (self.done - first) / (now - end)
            seconds = (self.total - self.done) / rate
            line += f"  {rate:,.0f} steps/s  {seconds:.0f} s left"
        self.log(line)
