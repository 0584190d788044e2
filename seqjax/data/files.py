"""Bounded reading of untrusted files, and safe printing of their text.

Only regular files are opened, because a pipe or a device could block or never end.
"""

import errno
import os
import pathlib
import stat
from collections.abc import Iterator
from typing import BinaryIO


def regular(path: pathlib.Path) -> BinaryIO:
    """Open a regular file for reading bytes.

    Raises:
      OSError: the path cannot be opened, or is a folder, a pipe or a device.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except ValueError:
        raise OSError(errno.EINVAL, "its name contains a NUL", str(path)) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "it is a folder" if stat.S_ISDIR(mode) else "it is no regular file"
        raise OSError(errno.EINVAL, kind, str(path))
    return os.fdopen(descriptor, "rb")


def content(path: pathlib.Path, most: int) -> bytes:
    """Return all bytes of a file of at most ``most`` bytes.

    Raises:
      OSError: as ``regular``, or the file is larger.
    """
    with regular(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", str(path))
    return data


def lines(path: pathlib.Path, longest: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield the number and the bytes of each line that ends with a newline.

    A line longer than ``longest`` bytes is yielded as None and ends the iteration.
    """
    number = 0
    with regular(path) as file:
        while line := file.readline(longest + 1):
            number += 1
            if line.endswith(b"\n"):
                yield number, line[:-1]
            elif len(line) > longest:
                yield number, None
                return


def printable(text: str) -> str:
    r"""Return ``text`` on one line, with control and formatting characters escaped.

    >>> print(printable("a\x1b[2J\nb"))
    a\x1b[2J\nb
    """
    if text.isprintable():
        return text
    escaped = (sign.encode("unicode_escape").decode() for sign in text)
    return "".join(sign if sign.isprintable() else e for sign, e in zip(text, escaped, strict=True))
