"""Handwritten digits that arrive with scikit-learn: 1,797 images of 8 x 8 pixels, ten classes.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository 1998 (its test part), CC BY 4.0.
"""

import functools

import numpy as np

from seqjax.data.parts import stratified_order

PARTS = {"train": 1000, "validation": 297, "test": 500}


@functools.cache
def digits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images (n, 8, 8), float32 in [0, 1], and classes (n,), int32, for each of ``PARTS``.

    The split is fixed and stratified: each part has each class in proportion, to one example.
    """
    from sklearn.datasets import load_digits  # costs a second; only this task needs it

    bunch = load_digits()
    images = (bunch.images / 16).astype(np.float32)
    classes = bunch.target.astype(np.int32)
    order = stratified_order(classes)
    ends = np.cumsum(list(PARTS.values()))
    chosen = np.split(order, ends[:-1])
    return {part: (images[i], classes[i]) for part, i in zip(PARTS, chosen, strict=True)}
