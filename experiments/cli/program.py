"""Start and end of every command: signals, standard output and the exit code."""

import functools
import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from experiments.cli import signals

MISTAKE = 2
"""Exit code of a mistake in the command."""


def launch(command: str, doc: str) -> NoReturn:
    """Run a command of ``experiments.cli.commands`` and end the process with its exit code.

    The command is imported here, after the signals are handled, because its imports take seconds.

    Args:
      command: module name; the module has ``main(argv)`` and may have a ``parser``.
      doc: the text above the flags in --help.
    """
    signals.install()
    logging.disable()  # libraries log the errors that they also raise, which are reported here
    module = importlib.import_module(f"experiments.cli.commands.{command}")
    from experiments.cli import flags

    run(module.main, getattr(module, "parser", flags.parser), doc)


def run(
    main: Callable[[list[str]], None], parser: Callable[..., list[str]], doc: str | None
) -> NoReturn:
    """Run ``main`` with the arguments that ``parser`` leaves, and end the process."""
    from absl import app

    sys.unraisablehook = _report_unraisable
    try:
        app.run(main, flags_parser=functools.partial(parser, doc=doc))
    except signals.StoppedError:
        print(f"stopped; {signals.RESUME}", file=sys.stderr)
        exit_process(signals.STOPPED)
    except BrokenPipeError:
        exit_process(0)
    except SystemExit as end:
        exit_process(end.code)


def exit_process(code: int | str | None) -> NoReturn:
    """Flush the output and end the process without waiting for threads.

    After a failed write, threads of Orbax wait forever, so a normal exit would hang.
    """
    try:
        print(end="", flush=True)
    except BrokenPipeError:  # the reader, for example `head`, has read enough
        code = 0
    except OSError as error:
        print(f"error: standard output: {error.strerror}", file=sys.stderr)
        code = code or MISTAKE
    print(end="", file=sys.stderr, flush=True)
    os._exit(code if isinstance(code, int) else int(code is not None))


def _report_unraisable(error: Any) -> None:
    """Report an exception that Python cannot raise, unless it comes from a library's thread.

    After a failed write, threads of Orbax raise the same error again, long after it was reported.
    """
    if threading.current_thread() is threading.main_thread():
        sys.__unraisablehook__(error)
