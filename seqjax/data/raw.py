"""What a file of a data set holds: its bytes, its text, its numbers. Never more than LARGEST bytes.

Whatever is wrong is a ``DataError`` that names the file, and the line if it has lines.
"""

import gzip
import io
import json
import pathlib
import re
import zlib
from typing import Any

from seqjax.data import files
from seqjax.data.folder import LARGEST, DataError

GZIP = b"\x1f\x8b"
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def content(path: pathlib.Path) -> bytes:
    """All bytes of a file; those of a gzipped one are unpacked.

    Raises:
      DataError: it cannot be read, is damaged, or is larger than ``LARGEST``, packed or unpacked.
    """
    try:
        found = files.content(path, LARGEST)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    if not found.startswith(GZIP):
        return found
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(found)) as packed:
            found = packed.read(LARGEST + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip: {error}") from None
    if len(found) > LARGEST:
        raise DataError(f"{path}: more than {LARGEST:,} bytes when unpacked")
    return found


def text(path: pathlib.Path) -> str:
    """The characters of a UTF-8 file, without the byte-order mark that some editors put first.

    Raises:
      DataError: as ``content``, or a line is not UTF-8.
    """
    found = content(path)
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = 1 + found.count(b"\n", 0, error.start)
        raise DataError(f"{path}:{number}: not UTF-8") from None


def lines(path: pathlib.Path) -> list[str]:
    r"""The lines of a UTF-8 file, ended by \n or \r\n; what stands behind the last end is one."""
    ended = [line.removesuffix("\r") for line in text(path).split("\n")]
    return ended if ended[-1] else ended[:-1]


def of_json(path: pathlib.Path) -> Any:
    """What a JSON file says."""
    try:
        return json.loads(text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: no JSON: {error}") from None


def number(written: str) -> float | None:
    """A finite decimal number as written in a file; None where it is anything else.

    >>> number(" -1.5e3"), number("1_000"), number("nan"), number("1e999")
    (-1500.0, None, None, None)
    """
    found = float(written) if NUMBER.fullmatch(written := written.strip(" \t")) else None
    return None if found in (float("inf"), float("-inf")) else found
