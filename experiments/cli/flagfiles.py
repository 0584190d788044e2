"""Flagfiles, read here and not by absl: within bounds, line by line, each flag known.

absl takes a stray word in a flagfile for an argument, and follows files without end.
"""

import pathlib
import re
from collections.abc import Callable, Iterator

from seqjax.data import files

LINE = re.compile(r"--(\w+)(=.*)?")
LARGEST = 2**20
DEEPEST = 16
MOST_FILES = 100


class FlagfileError(ValueError):
    """A flagfile that is not one, by file and line."""


def named(arguments: list[str]) -> list[str]:
    """The flagfiles that these arguments name."""
    return [path for _, path in _split(arguments) if path is not None]


def _split(arguments: list[str]) -> Iterator[tuple[str, str | None]]:
    """Each argument, with the path where it names a flagfile; what follows a bare -- does not."""
    left = iter(arguments)
    for argument in left:
        name, equals, path = argument.partition("=")
        if argument == "--":
            yield argument, None
            yield from ((rest, None) for rest in left)
        elif name not in ("--flagfile", "-flagfile"):
            yield argument, None
        else:
            path = path if equals else next(left, "")
            if not path:
                raise FlagfileError("--flagfile: cannot read '': no file is named")
            yield argument, path


def expand(arguments: list[str], refusal: Callable[[str], str | None]) -> list[str]:
    """The arguments with every flagfile replaced by the flags in it.

    Args:
      arguments: of the command line.
      refusal: why a flag may not stand in a file, by name; None if it may.

    Raises:
      FlagfileError: a file that cannot be read, or a line of it that is not one flag.
    """
    read: list[str] = []  # all of them: two files of each other's twice over would double for ever

    def expanded(arguments: list[str], above: list[str]) -> Iterator[str]:
        for argument, path in _split(arguments):
            if path is None:
                yield argument
                continue
            if path in above:
                raise FlagfileError(f"--flagfile: {path} includes itself")
            if len(above) == DEEPEST or len(read) == MOST_FILES:
                most = f"{DEEPEST} deep, {MOST_FILES} in all"
                raise FlagfileError(f"--flagfile: {path}: too many flagfiles; at most {most}")
            read.append(path)
            for flag in _flags(path, refusal):
                yield from expanded([flag], [*above, path])

    return list(expanded(arguments, []))


def _flags(path: str, refusal: Callable[[str], str | None]) -> list[str]:
    """The flags in a file: each line is empty, a comment from the first column on, or a flag."""
    found = []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        line = line.rstrip()
        if not line or line.startswith(("#", "//")):
            continue
        match = LINE.fullmatch(line)
        if match is None or "\0" in line:
            raise FlagfileError(
                f"{path}:{number}: expected --flag=value or a comment at the start, got {line!r}"
            )
        if said := refusal(match[1]):
            raise FlagfileError(f"{path}:{number}: {said}")
        found.append(line)
    return found


def _text(path: str) -> str:
    try:
        return files.content(pathlib.Path(path).expanduser(), LARGEST).decode()
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 text at byte {error.start}"
    except OSError as error:
        reason = error.strerror
    except RuntimeError as error:  # of a ~user that is not there
        reason = str(error)
    raise FlagfileError(f"--flagfile: cannot read {path!r}: {reason}")
