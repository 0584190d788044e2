"""Cell arrays of matrices in MATLAB 5 files, read within bounds.

A file is a head of 128 bytes and then elements: four bytes for the kind, four for the size, the
content, and zeros up to a multiple of eight; an element of at most four bytes may have both in its
first four bytes, the size in the upper half. A matrix is an element of elements: its class, its
sizes, its name, and its values, column by column, or the matrices of its cells. An element may be
compressed by zlib. ``scipy.io.loadmat`` reads more kinds, but a damaged file can end its process,
and one that unpacks without end its machine.

Source: The MathWorks, "MAT-File Format", chapter 1.
"""

import itertools
import math
import pathlib
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from seqjax.data import raw
from seqjax.data.folder import LARGEST, DataError

HEAD = 128
ORDERS = {b"\0\1IM": "<", b"\1\0MI": ">"}
"""The order of bytes by what ends the head."""
MATRIX, COMPRESSED = 14, 15
CELL, NUMBERS, COMPLEX = 1, range(6, 16), 0x0800
"""Classes of matrices, and a flag among them."""
LONGEST_NAME, MOST_CELLS = 63, 2**16
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
STORED |= {12: "i8", 13: "u8"}


Element = tuple[int, memoryview]
"""Its kind and its content."""


class _DamagedError(ValueError):
    """What is wrong, for whoever knows the file."""


def cells(path: pathlib.Path) -> dict[str, list[np.ndarray]]:
    """The matrices (rows, columns) of each variable that is a cell array, by its name.

    Their dtype is that in which they are stored, the smallest that holds the values.

    Raises:
      DataError: the file is no whole MATLAB 5 file, or a cell is no matrix of real numbers.
    """
    found = raw.content(path)
    order = ORDERS.get(found[HEAD - 4 : HEAD])
    if order is None:
        said = f"its head ends with {found[HEAD - 4 : HEAD]!r}"
        raise DataError(f"{path}: no MATLAB 5 file: {said}")
    try:
        return dict(_variables(memoryview(found)[HEAD:], order))
    except _DamagedError as error:
        raise DataError(f"{path}: {error}") from None


def _variables(found: memoryview, order: str) -> Iterator[tuple[str, list[np.ndarray]]]:
    left = LARGEST
    for kind, content in _elements(found, order):
        if kind == COMPRESSED:
            unpacked = _inflated(content, left)
            left -= len(unpacked)
            kind, content = _at_least(1, _elements(memoryview(unpacked), order))[0]
        if kind != MATRIX:
            raise _DamagedError(f"an element of kind {kind} where a matrix should be")
        sort, shape, name, rest = _matrix(content, order)
        if sort & 0xFF == CELL:
            if len(shape) != 2 or len(rest) != math.prod(shape):
                raise _DamagedError(f"{name}: {len(rest)} cells, expected {_sizes(shape)}")
            yield name, [_numbers(f"{name} {n}", cell, order) for n, cell in enumerate(rest)]


def _matrix(content: memoryview, order: str) -> tuple[int, tuple[int, ...], str, list[Element]]:
    """The class with its flags, the sizes, the name, and the elements that follow."""
    (_, flags), (_, sizes), (_, name), *rest = _at_least(3, _elements(content, order))
    if len(flags) != 8 or len(sizes) % 4:
        raise _DamagedError("a matrix without a class or sizes")
    sort, shape = struct.unpack_from(f"{order}I", flags)[0], np.frombuffer(sizes, f"{order}i4")
    return sort, tuple(map(int, shape)), bytes(name[:LONGEST_NAME]).decode("ascii", "replace"), rest


def _numbers(where: str, cell: Element, order: str) -> np.ndarray:
    kind, content = cell
    if kind != MATRIX or not content:
        raise _DamagedError(f"{where}: no matrix")
    sort, shape, _, rest = _matrix(content, order)
    if sort & 0xFF not in NUMBERS or sort & COMPLEX or len(rest) != 1:
        raise _DamagedError(f"{where}: no matrix of real numbers")
    ((stored, values),) = rest
    if stored not in STORED or len(shape) != 2:
        raise _DamagedError(f"{where}: values of kind {stored} in {len(shape)} dimensions")
    dtype = np.dtype(f"{order}{STORED[stored]}")
    if min(shape) < 0 or math.prod(shape) * dtype.itemsize != len(values):
        raise _DamagedError(f"{where}: {len(values)} bytes of {dtype}, expected {_sizes(shape)}")
    return np.frombuffer(values, dtype).reshape(shape, order="F")


def _elements(found: memoryview, order: str) -> Iterator[Element]:
    """The kind and the content of each element."""
    place = 0
    while place < len(found):
        if place + 8 > len(found):
            raise _DamagedError("it ends within an element")
        kind, size = struct.unpack_from(f"{order}II", found, place)
        small, start, end = kind >> 16, place + 8, place + 8 + size
        if small:
            kind, size, start, end = kind & 0xFFFF, small, place + 4, place + 8
        if small > 4 or end > len(found):
            raise _DamagedError("it ends within an element")
        yield kind, found[start : start + size]
        place = end if small or kind == COMPRESSED else end + -size % 8


def _at_least(count: int, elements: Iterator[Element]) -> list[Element]:
    found = list(itertools.islice(elements, MOST_CELLS + 4))
    if not count <= len(found) < MOST_CELLS + 4:
        raise _DamagedError(f"{len(found)} elements, expected {count} … {MOST_CELLS}")
    return found


def _inflated(packed: memoryview, most: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(packed, most + 1)
    except zlib.error as error:
        raise _DamagedError(f"a damaged element: {error}") from None
    if len(found) > most:
        raise _DamagedError(f"more than {LARGEST:,} bytes when unpacked")
    if not unpacker.eof:
        raise _DamagedError("a compressed element without an end")
    return found


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape[:4]))
