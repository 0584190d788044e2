"""Handwritten digits that arrive with scikit-learn: 1,797 images of 8 x 8 pixels, ten classes.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository 1998 (its test part), CC BY 4.0.
"""

import functools

import numpy as np

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
    order = _stratified_order(classes)
    ends = np.cumsum(list(PARTS.values()))
    chosen = np.split(order, ends[:-1])
    return {part: (images[i], classes[i]) for part, i in zip(PARTS, chosen, strict=True)}


def _stratified_order(classes: np.ndarray) -> np.ndarray:
    """An order of which every contiguous piece has the classes in proportion, to one example."""
    random = np.random.RandomState(0)  # the legacy generator, whose stream is frozen
    share = np.empty(len(classes))
    for label in np.unique(classes):
        (members,) = np.nonzero(classes == label)
        share[random.permutation(members)] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(share, kind="stable")
