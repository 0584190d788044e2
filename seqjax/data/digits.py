"""Handwritten digits: 1,797 images of 8 x 8 pixels in ten classes.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository 1998 (its test part), CC BY 4.0.
"""

import functools

import numpy as np

from seqjax.data.folder import BUNDLED
from seqjax.data.parts import stratified_order

PARTS = {"train": 1000, "validation": 297, "test": 500}
WHITE = 16


@functools.cache
def digits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return images (n, 8, 8), float32 in [0, 1], and classes (n,), int32, of each of ``PARTS``.

    The split is fixed and stratified: class proportions differ by at most one example.
    """
    table = np.loadtxt(BUNDLED / "digits.csv.gz", delimiter=",")
    images = (table[:, :-1].reshape(-1, 8, 8) / WHITE).astype(np.float32)
    classes = table[:, -1].astype(np.int32)
    pieces = np.split(stratified_order(classes), np.cumsum(list(PARTS.values()))[:-1])
    return {part: (images[i], classes[i]) for part, i in zip(PARTS, pieces, strict=True)}
