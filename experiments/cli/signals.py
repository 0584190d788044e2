"""What happens when the program is asked to end: SIGTERM, SIGUSR1 or Ctrl-C.

All work is done in a thread of its own while the main one waits, because a handler runs in the
main thread, and on some versions only after what that compiles is compiled. Imported, and
installed, before anything heavy is.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable

STOPPED = 75
ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)

asked = threading.Event()
"""Set once the program has been asked to end."""

unsaved = threading.Event()
"""Set by whoever has something to save first, and will look at ``asked`` before long."""


_work: list[threading.Thread] = []


class StoppedError(Exception):
    """Raised where the work stops, everything saved, because it was asked to."""


def install() -> None:
    """Handles the signals from here on."""
    for number in ASKING:
        signal.signal(number, _handle)
    sys.unraisablehook = _unraisable


def _handle(number: int, frame: object) -> None:
    """The first signal lets what is unsaved be saved; the second, or the first if all is, ends.

    It ends at once, because an exception raised here can land in a finaliser, where Python drops
    it. Nothing is lost: a record is one write, and every other file is replaced whole.
    """
    del frame
    name = signal.Signals(number).name
    if unsaved.is_set() and not asked.is_set():
        asked.set()
        _say(f"stopping by {name} after this chunk; a second signal ends at once")
        return
    _say(f"stopped by {name}; run the same command again")
    os._exit(STOPPED)


def _say(text: str) -> None:
    cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # which the bar had hidden
    os.write(sys.stderr.fileno(), f"{cursor}{text}\n".encode())


def _unraisable(what: object) -> None:
    """Tells what Python could not raise, but for threads of libraries.

    When a write fails, those of Orbax come too late for their caller, to whom all of it is raised.
    """
    if threading.current_thread() in (threading.main_thread(), *_work):
        sys.__unraisablehook__(what)


def run(work: Callable[[], None]) -> None:
    """Does the work in a thread of its own; what that raises is raised here.

    Ends the program with 75 where the work stopped because it was asked to.
    """
    raised: list[BaseException] = []

    def target():
        try:
            work()
        except BaseException as error:
            raised.append(error)

    worker = threading.Thread(target=target, name="work", daemon=True)
    _work.append(worker)
    worker.start()
    worker.join()
    if not raised:
        return
    if isinstance(raised[0], StoppedError):
        _say("stopped with everything saved; run the same command again")
        raise SystemExit(STOPPED)
    raise raised[0]
