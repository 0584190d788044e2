"""MNIST and Fashion-MNIST in their IDX files.

A gzipped file has two bytes 0, a byte for the type (8: unsigned bytes), a byte for the number n of
dimensions, n sizes of four bytes, big endian, and then the values, the last dimension fastest.

Source: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", 1998;
H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST", arXiv:1708.07747.
"""

import functools
import math
import pathlib

import numpy as np

from seqjax.data import raw
from seqjax.data.folder import DataError, find

PARTS = {"train": "train", "test": "t10k"}
"""Prefix of the file names of each part."""
UNSIGNED_BYTES = 8
SIDE, CLASSES = 28, 10


def mnist(name: str = "mnist") -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return images (n, 28, 28) and labels (n,), uint8, read-only, of "train" and "test".

    Grey levels are 0 … 255, labels 0 … 9; the published sets have 60,000 and 10,000 images.

    Args:
      name: folder of the data set, "mnist" or "fashion_mnist".

    Raises:
      DataError: a file is missing or corrupt, or does not match the others.
    """
    return {
        part: _pair(
            find(f"{name}/{prefix}-images-idx3-ubyte.gz"),
            find(f"{name}/{prefix}-labels-idx1-ubyte.gz"),
        )
        for part, prefix in PARTS.items()
    }


@functools.cache
def _pair(images_path: pathlib.Path, labels_path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    x, y = array(images_path, 3), array(labels_path, 1)
    if x.shape != (len(y), SIDE, SIDE):
        raise DataError(f"{images_path}: expected {len(y)} x {SIDE} x {SIDE} values, got {x.shape}")
    if y.max(initial=0) >= CLASSES:
        raise DataError(f"{labels_path}: expected labels 0 … {CLASSES - 1}, got {y.max()}")
    return x, y


def array(path: pathlib.Path, dimensions: int) -> np.ndarray:
    """Return the uint8 array of an IDX file with this number of dimensions.

    Raises:
      DataError: the file is unreadable or not a complete IDX file of unsigned bytes.
    """
    found = raw.content(path)
    magic, head = bytes([0, 0, UNSIGNED_BYTES, dimensions]), 4 * (1 + dimensions)
    if found[:4] != magic or len(found) < head:
        got = f"{len(found)} bytes that start with {found[:4].hex()!r}"
        raise DataError(f"{path}: expected an IDX file that starts with {magic.hex()}, got {got}")
    sizes = [int(size) for size in np.frombuffer(found, ">u4", dimensions, 4)]
    if math.prod(sizes) != len(found) - head:
        said = " x ".join(map(str, sizes))
        raise DataError(f"{path}: expected {said} values, got {len(found) - head}")
    return np.frombuffer(found, np.uint8, offset=head).reshape(sizes)
