"""The reader of IDX files on the published ones; tests of MNIST read made-up ones through it."""

import numpy as np
from support.published import needs, use_published

from seqjax.data import idx


@needs("mnist")
def test_the_published_digits(monkeypatch):
    """Class counts as published."""
    use_published(monkeypatch)
    for part, counts in [
        ("train", [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("test", [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ]:
        x, y = idx.mnist()[part]
        assert x.shape == (sum(counts), 28, 28) and np.bincount(y).tolist() == counts
