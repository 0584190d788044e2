"""How every command begins and ends: its signals, its standard output, its exit code.

A command calls ``begin`` before it imports anything heavy, and ``run`` last.
"""

import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from experiments.cli import signals

MISTAKE = 2


def begin() -> None:
    """Handles the signals from here on, and what standard output does not take.

    A closed one is refused: what the program opens next would stand in its place.
    """
    if sys.stderr is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stderr = os.fdopen(2, "w")
    signals.install()
    if sys.stdout is None:
        print("error: standard output is closed; >/dev/null throws it away", file=sys.stderr)
        raise SystemExit(MISTAKE)
    usual = sys.stdout
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(usual.fileno(), "w", closefd=False)),
        encoding=usual.encoding,
        errors=usual.errors,
        line_buffering=usual.line_buffering or usual.write_through,
    )


class _Output(io.FileIO):
    """Standard output that ends the program when it takes no more.

    No OSError, which would be taken for one of the files that the program reads and writes. It ends
    with 0 where who read it has read enough, else with one line and 2.
    """

    ended = False

    def write(self, content) -> int | None:
        if self.ended:  # what is still in the buffer is tried again
            return len(content)
        try:
            return super().write(content)
        except BrokenPipeError:
            self.ended = True
            raise SystemExit(0) from None
        except OSError as error:
            self.ended = True
            print(f"error: standard output: {error.strerror}", file=sys.stderr)
            raise SystemExit(MISTAKE) from None


def run(main: Callable[[list[str]], None], parser: Callable[[list[str]], list[str]]) -> NoReturn:
    """Runs a command, in a thread of its own as ``signals`` asks, and ends the program."""
    from absl import app

    try:
        app.run(lambda argv: signals.run(lambda: main(argv)), flags_parser=parser)
    except SystemExit as end:
        leave(end.code)


def leave(code: int | str | None) -> NoReturn:
    """Ends the program without waiting for threads.

    Those of Orbax, when a write of theirs has failed, wait for what never comes.
    """
    try:
        sys.stdout.flush()
    except SystemExit as end:  # of ``_Output``
        code = code or end.code
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
