"""Flagfiles: files of command-line flags, one flag a line.

Read here instead of by absl, which takes a stray word in a flagfile for an argument, and an
indented comment too.
"""

import os
import pathlib
import re
from collections.abc import Callable, Iterator

INSTALLED = pathlib.Path(__file__).parents[2]
"""Folder that contains the package ``experiments``."""

FLAG = re.compile(r"--(\w+)(=.*)?")


class FlagfileError(ValueError):
    """A flagfile that cannot be read, with its line."""


def named(arguments: list[str]) -> list[str]:
    """Paths of the flagfiles that these arguments name."""
    return [path for _, path in _split(arguments) if path is not None]


def _split(arguments: list[str]) -> Iterator[tuple[str, str | None]]:
    """Yield each argument, with the path if it names a flagfile; a bare -- ends the flags."""
    rest = iter(arguments)
    for argument in rest:
        name, equals, path = argument.partition("=")
        if argument == "--":
            yield argument, None
            yield from ((word, None) for word in rest)
        elif name not in ("--flagfile", "-flagfile"):
            yield argument, None
        else:
            yield argument, path if equals else next(rest, "")


def expand(arguments: list[str], reason_against: Callable[[str], str | None]) -> list[str]:
    """Replace every --flagfile among the arguments by the flags in the file.

    Args:
      arguments: command line without the program's name.
      reason_against: from a flag's name to the reason why it cannot be in a file, or None.

    Raises:
      FlagfileError: a file cannot be read, includes itself, or has a line that is not one flag.
    """

    def expanded(arguments: list[str], parents: list[str]) -> Iterator[str]:
        for argument, path in _split(arguments):
            if path is None:
                yield argument
            elif path in parents:
                raise FlagfileError(f"--flagfile: {path} includes itself")
            else:
                yield from expanded(_flags(path, reason_against), [*parents, path])

    return list(expanded(arguments, []))


def _flags(path: str, reason_against: Callable[[str], str | None]) -> list[str]:
    """Flags in a file. A line is empty, a comment that starts in the first column, or a flag."""
    flags = []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        line = line.rstrip()
        if not line or line.startswith(("#", "//")):
            continue
        match = FLAG.fullmatch(line)
        if match is None:
            raise FlagfileError(
                f"{path}:{number}: expected --flag=value, or a comment that starts in the first "
                f"column, got {line!r}"
            )
        if reason := reason_against(match[1]):
            raise FlagfileError(f"{path}:{number}: {reason}")
        flags.append(line)
    return flags


def _text(path: str) -> str:
    file = pathlib.Path(os.path.expanduser(path))
    if path.startswith("experiments/flags/") and not file.exists():
        file = INSTALLED / path  # the flagfiles of this package, from any folder
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 text at byte {error.start}"
    except OSError as error:
        reason = error.strerror
    except ValueError as error:  # a NUL in the path
        reason = str(error)
    raise FlagfileError(f"--flagfile: cannot read {path!r}: {reason}")
