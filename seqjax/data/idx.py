"""Images and labels in the IDX format: MNIST, Fashion-MNIST and others of their kind.

A file is two bytes 0, a byte for the type (8: unsigned bytes), a byte for the number n of
dimensions, n sizes of four bytes, big endian, and then the values, the last dimension fastest. It
may be gzipped.

Source: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", 1998;
H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST", arXiv:1708.07747.
"""

import functools
import math
import os
import pathlib

import numpy as np

from seqjax.data import raw
from seqjax.data.folder import DataError, find, folder

PARTS = {"train": "train", "test": "t10k"}
"""The parts, and how the names of their files begin."""
UNSIGNED_BYTES = 8
SIDE, CLASSES = 28, 10


def mnist(name: str = "mnist") -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images (n, 28, 28) and labels (n,), uint8, of "train" and "test"; both are read-only.

    Grey levels are 0 … 255, labels 0 … 9; the published sets have 60,000 and 10,000 images.

    Args:
      name: of the data set's folder, "mnist" or "fashion_mnist", or any that holds four files of
        the same names. A file may lie there without its ending .gz, unpacked.

    Raises:
      DataError: a file is missing or damaged, or does not go with the others.
    """
    return {part: _pair(*_paths(f"{name}/{begin}")) for part, begin in PARTS.items()}


def _paths(begin: str) -> tuple[pathlib.Path, pathlib.Path]:
    kinds = ("images-idx3", "labels-idx1")
    packed, labels = (f"{begin}-{kind}-ubyte.gz" for kind in kinds)
    return _found(packed), _found(labels)


def _found(packed: str) -> pathlib.Path:
    """The packed file, or if only the unpacked one is there, that."""
    plain = packed.removesuffix(".gz")
    there = [os.path.lexists(folder() / name) for name in (packed, plain)]
    return find(plain if there == [False, True] else packed)


@functools.cache
def _pair(images_path: pathlib.Path, labels_path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    x, y = images(images_path), labels(labels_path)
    if x.shape[1:] != (SIDE, SIDE):
        said = " x ".join(map(str, x.shape[1:]))
        raise DataError(f"{images_path}: expected images of {SIDE} x {SIDE}, got {said}")
    if len(x) != len(y):
        raise DataError(f"{labels_path}: {len(y)} labels for the {len(x)} of {images_path.name}")
    return x, y


def images(path: pathlib.Path) -> np.ndarray:
    """Grey levels (n, height, width), uint8.

    Raises:
      DataError: the file cannot be read or is no whole IDX file of three dimensions.
    """
    return _array(path, 3)


def labels(path: pathlib.Path, classes: int = CLASSES) -> np.ndarray:
    """Classes (n,), uint8, each below ``classes``.

    Raises:
      DataError: the file cannot be read, is no whole IDX file of one dimension, or has a label
        that is no class.
    """
    found = _array(path, 1)
    (wrong,) = np.nonzero(found >= classes)
    if wrong.size:
        said = f"label {wrong[0]} is {found[wrong[0]]}, expected 0 … {classes - 1}"
        raise DataError(f"{path}: {said}")
    return found


def _array(path: pathlib.Path, dimensions: int) -> np.ndarray:
    found = raw.content(path)
    magic, head = bytes([0, 0, UNSIGNED_BYTES, dimensions]), 4 * (1 + dimensions)
    if found[:4] != magic:
        said = f"expected an IDX file that starts with {magic.hex()}, got {found[:4].hex()!r}"
        raise DataError(f"{path}: {said}")
    if len(found) < head:
        raise DataError(f"{path}: it ends within its head, after {len(found)} of {head} bytes")
    sizes = [int(size) for size in np.frombuffer(found, ">u4", dimensions, 4)]
    if math.prod(sizes) != len(found) - head:
        said = " x ".join(map(str, sizes))
        raise DataError(f"{path}: {len(found) - head} bytes of values, expected {said}")
    return np.frombuffer(found, np.uint8, offset=head).reshape(sizes)
