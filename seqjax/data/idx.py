"""MNIST and Fashion-MNIST in their IDX files.

A gzipped file has two bytes 0, a byte for the type (8: unsigned bytes), a byte for the number n of
dimensions, n sizes of four bytes, big endian, and then the values, the last dimension fastest.

Source: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", 1998;
H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST", arXiv:1708.07747.
"""

import functools
import gzip
import pathlib

import numpy as np

from seqjax.data.folder import find

PARTS = {"train": "train", "test": "t10k"}
"""Prefix of the file names of each part."""
SIDE, CLASSES = 28, 10


def mnist(name: str = "mnist") -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return images (n, 28, 28) and labels (n,), uint8, read-only, of "train" and "test".

    Grey levels are 0 … 255, labels 0 … 9; there are 60,000 and 10,000 images.

    Args:
      name: folder of the data set, "mnist" or "fashion_mnist".

    Raises:
      DataError: a file is missing or differs from the published one.
    """
    kinds = ("images-idx3", "labels-idx1")
    return {
        part: _read(*(find(f"{name}/{prefix}-{kind}-ubyte.gz", exact=True) for kind in kinds))
        for part, prefix in PARTS.items()
    }


@functools.cache
def _read(images: pathlib.Path, labels: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    return _array(images, 3), _array(labels, 1)


def _array(path: pathlib.Path, dimensions: int) -> np.ndarray:
    """Return the array of an IDX file, whose checksum ``find`` has verified."""
    content = gzip.decompress(path.read_bytes())
    sizes = np.frombuffer(content, ">u4", dimensions, 4)
    return np.frombuffer(content, np.uint8, offset=4 * (1 + dimensions)).reshape(sizes)
