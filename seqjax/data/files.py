"""Reading what others may have written: regular files alone, and never more than was asked for.

``printable`` is for repeating what was read.
"""

import errno
import os
import pathlib
import stat
from collections.abc import Iterator
from typing import BinaryIO


def regular(path: pathlib.Path) -> BinaryIO:
    """The file, open for reading bytes.

    Raises:
      OSError: it cannot be opened, or is a folder, a pipe or a device, which could keep one waiting
        or never end.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except ValueError:
        raise OSError(errno.EINVAL, "its name holds a NUL", str(path)) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "it is a folder" if stat.S_ISDIR(mode) else "it is no regular file"
        raise OSError(errno.EINVAL, kind, str(path))
    return os.fdopen(descriptor, "rb")


def content(path: pathlib.Path, most: int) -> bytes:
    """All of a file of at most ``most`` bytes.

    Raises:
      OSError: as ``regular``, or the file is larger.
    """
    with regular(path) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes", str(path))
    return found


def lines(path: pathlib.Path, longest: int) -> Iterator[tuple[int, bytes | None]]:
    """The number and the bytes of every line; None, and no more, for one over ``longest`` bytes.

    What stands behind the last newline is no line.
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
    r"""``text`` on one line, with what moves a cursor or hides, reverses or breaks it spelt out.

    >>> print(printable("a\x1b[2J\nb"))
    a\x1b[2J\nb
    """
    if text.isprintable():
        return text
    spelt = (sign.encode("unicode_escape").decode() for sign in text)
    return "".join(sign if sign.isprintable() else s for sign, s in zip(text, spelt, strict=True))
