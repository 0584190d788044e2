"""Bounded reading of data files: bytes, text, lines and JSON.

Files larger than ``LARGEST`` bytes, packed or unpacked, are refused: users can supply any file, and
a gzip bomb must not exhaust the memory.
"""

import gzip
import io
import json
import pathlib
import zlib
from typing import Any

from seqjax.data import files
from seqjax.data.folder import LARGEST, DataError

GZIP = b"\x1f\x8b"


def content(path: pathlib.Path) -> bytes:
    """Return all bytes of a file, unpacked if it is gzipped.

    Raises:
      DataError: the file is unreadable, corrupt, or larger than ``LARGEST`` bytes.
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
        raise DataError(f"{path}: corrupt gzip: {error}") from None
    if len(found) > LARGEST:
        raise DataError(f"{path}: expected at most {LARGEST:,} bytes when unpacked, got more")
    return found


def text(path: pathlib.Path) -> str:
    """Return the text of a UTF-8 file without its byte-order mark.

    Raises:
      DataError: as ``content``, or a line, which is named, is not UTF-8.
    """
    found = content(path)
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = 1 + found.count(b"\n", 0, error.start)
        raise DataError(f"{path}:{number}: expected UTF-8") from None


def lines(path: pathlib.Path) -> list[str]:
    r"""Return the lines of a UTF-8 file; lines end with \n or \r\n."""
    ended = [line.removesuffix("\r") for line in text(path).split("\n")]
    return ended if ended[-1] else ended[:-1]


def parse_json(path: pathlib.Path) -> Any:
    """Return the content of a JSON file.

    Raises:
      DataError: as ``text``, or the text is not JSON.
    """
    try:
        return json.loads(text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected JSON: {error}") from None
