"""Arrays of numbers and text in an NPZ file that anyone may have written.

An NPZ file is a zip archive of .npy files. Nothing in it is trusted: Python objects are never read,
and sizes in headers are checked before memory is allocated and again while data are decompressed.
"""

import math
import pathlib
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO

import numpy as np

from seqjax.data.folder import DataError

MOST_BYTES = 2**30
"""Largest array, and largest file."""
MOST_TEXT = 256
"""Most characters of a text."""
MOST_DIRECTORY, MOST_HEADER = 2**16, 2**12
"""Most bytes of the archive's directory, and of the header of an array."""
PIECE = 2**20

END, END_SIZE, LOCATOR, LOCATOR_SIZE = b"PK\x05\x06", 22, b"PK\x06\x07", 20
"""Records at the end of an archive, and of one whose sizes need 64 bits."""
MAGIC = b"\x93NUMPY"
LENGTHS = {b"\x01\x00": "<H", b"\x02\x00": "<I", b"\x03\x00": "<I"}
"""Type of the header's length by version of the format."""
HEADER = re.compile(
    rb"\{ *'descr': *'([^']*)', *'fortran_order': *(True|False), *"
    rb"'shape': *\(([\d, ]*)\) *,? *\}\s*"
)
NUMBER, TEXT = re.compile(r"[<>|=]?(?:b1|[iu][1248]|f[248])"), re.compile(r"[<>=]?U(\d{1,3})")
CORRUPT = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""Errors of Python's reader of archives on corrupt files."""


def read_npz(path: pathlib.Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the arrays of an NPZ file by name: numbers, booleans or text, in native order.

    Args:
      path: the file.
      names: names of arrays that it may have; others are errors, since they may be misspelt.

    Raises:
      DataError: the file cannot be read, is corrupt or too large, or has other arrays.
    """
    try:
        with open(path, "rb") as file:
            _check_directory(file, path)
            with zipfile.ZipFile(file) as archive:
                members = _members(archive, path, names)
                return {name: _array(archive, info, name, path) for name, info in members.items()}
    except DataError:
        raise
    except CORRUPT as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: expected an NPZ file: {reason}") from None


def _check_directory(file: IO[bytes], path: pathlib.Path) -> None:
    """Check the size of the archive's directory, which Python reads as a whole."""
    size = file.seek(0, 2)
    if size > MOST_BYTES:
        raise DataError(f"{path}: expected at most {MOST_BYTES:,} bytes, got {size:,}")
    file.seek(max(0, size - END_SIZE - LOCATOR_SIZE - 2**16))
    tail = file.read()
    place = tail.rfind(END)
    if place < 0 or len(tail) < place + END_SIZE:
        raise DataError(f"{path}: expected an NPZ file, got one without the end of a zip archive")
    (directory,) = struct.unpack("<I", tail[place + 12 : place + 16])
    if tail[:place][-LOCATOR_SIZE:].startswith(LOCATOR) or directory > MOST_DIRECTORY:
        raise DataError(f"{path}: expected a few arrays, got a directory of {directory:,} bytes")


def _members(
    archive: zipfile.ZipFile, path: pathlib.Path, names: Sequence[str]
) -> dict[str, zipfile.ZipInfo]:
    """Return the member of each array."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name not in names or name == info.filename:
            known = ", ".join(names)
            raise DataError(f"{path}: expected arrays with the names {known}, got {name[:60]!r}")
        if name in members:
            raise DataError(f"{path}: {name}: expected one array of this name, got two")
        if info.flag_bits & 1 or info.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise DataError(f"{path}: {name}: expected a file as numpy.savez writes it")
        members[name] = info
    return members


def _array(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, path: pathlib.Path
) -> np.ndarray:
    """Return the array of a member."""
    with archive.open(info) as file:
        kind, order, shape = _header(file, f"{path}: {name}")
        size = math.prod(shape) * kind.itemsize
        if size > MOST_BYTES:
            raise DataError(
                f"{path}: {name}: expected at most {MOST_BYTES:,} bytes, got shape {shape} of "
                f"{kind.name}"
            )
        content = bytearray()
        while len(content) <= size and (piece := file.read(PIECE)):
            content += piece
    if len(content) != size:
        more = "more" if len(content) > size else f"{len(content):,}"
        raise DataError(f"{path}: {name}: expected {size:,} bytes for shape {shape}, got {more}")
    if kind.kind == "b":
        flat = np.frombuffer(content, np.uint8) != 0
    else:
        flat = np.frombuffer(content, kind).astype(kind.newbyteorder("="))
    if kind.kind == "U":
        points = flat.view(np.uint32)
        if ((points > 0x10FFFF) | ((points >= 0xD800) & (points < 0xE000))).any():
            raise DataError(f"{path}: {name}: expected text, got numbers that are no characters")
    return np.asarray(flat.reshape(shape, order=order), order="C")


def _header(file: IO[bytes], place: str) -> tuple[np.dtype, str, tuple[int, ...]]:
    """Return type, order ("C" or "F") and shape of an array, as its header states them.

    Args:
      file: the file, at its start.
      place: path and name, for errors.
    """
    start = file.read(len(MAGIC) + 2)
    magic, version = start[: len(MAGIC)], start[len(MAGIC) :]
    if magic != MAGIC or version not in LENGTHS:
        raise DataError(f"{place}: expected an array in NumPy's format")
    kind = LENGTHS[version]
    (length,) = struct.unpack(kind, file.read(struct.calcsize(kind)))
    text = file.read(min(length, MOST_HEADER))
    found = HEADER.fullmatch(text)
    if found is None:
        raise DataError(f"{place}: expected a header with one type, order and shape")
    name, fortran, shape = (part.decode("latin-1") for part in found.groups())
    wide = TEXT.fullmatch(name)
    if not NUMBER.fullmatch(name) and (wide is None or not 1 <= int(wide[1]) <= MOST_TEXT):
        raise DataError(
            f"{place}: expected numbers, or text of at most {MOST_TEXT} characters, got type "
            f"{name[:20]!r}"
        )
    sizes = tuple(int(size) for size in shape.replace(" ", "").split(",") if size)
    return np.dtype(name), "F" if fortran == "True" else "C", sizes
