"""Stopping a command by SIGTERM, SIGUSR1 or Ctrl-C.

The signals are blocked in every thread, and one additional thread waits for them. A Python signal
handler would run in the main thread, which can spend a minute inside the XLA compiler.
"""

import os
import signal
import sys
import threading

STOPPED = 75
"""Exit code of a command that was stopped and can be continued."""

RESUME = "all finished work is saved; run the same command again"

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)

stop_requested = threading.Event()
"""Set by the first signal if there is unsaved work."""

has_unsaved_work = threading.Event()
"""Set while training has unsaved progress; training then polls ``stop_requested``."""


class StoppedError(Exception):
    """Training stopped on request, with everything saved."""


def install() -> None:
    """Start the thread that waits for signals. Call this before any other thread starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    threading.Thread(target=_wait, name="signals", daemon=True).start()


def _wait() -> None:
    while True:
        _handle(signal.sigwait(SIGNALS))


def _handle(number: int) -> None:
    """Request a stop if there is unsaved work; otherwise, and at a second signal, exit at once.

    Exiting at once loses nothing that was saved: a record is a single write, and every other file
    is replaced as a whole.
    """
    name = signal.Signals(number).name
    if has_unsaved_work.is_set() and not stop_requested.is_set():
        stop_requested.set()
        _print(f"{name}: stopping after this chunk; a second signal exits at once")
        return
    _print(f"stopped by {name}; {RESUME}")
    os._exit(STOPPED)


def _print(text: str) -> None:
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # the progress bar hides it
    os.write(sys.stderr.fileno(), f"{show_cursor}{text}\n".encode())
