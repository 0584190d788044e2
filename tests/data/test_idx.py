"""The reader of IDX files on generated and published files."""

import gzip
import struct

import numpy as np
import pytest
from support.published import make_known, needs, put, use_published

from seqjax.data import idx
from seqjax.data.folder import DataError


def packed(*sizes):
    """Return a gzipped IDX file whose values count up."""
    head = bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)
    return gzip.compress(head + bytes(k % 256 for k in range(int(np.prod(sizes)))))


def test_only_the_known_images_and_labels_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    contents = {
        f"{prefix}-{kind}-ubyte.gz": packed(*sizes)
        for prefix, n in (("train", 3), ("t10k", 2))
        for kind, sizes in (("images-idx3", (n, 28, 28)), ("labels-idx1", (n,)))
    }
    make_known(monkeypatch, "mnist", contents)
    for name, content in contents.items():
        put(tmp_path / "mnist" / name, content)
    for part, n in (("train", 3), ("test", 2)):
        x, y = idx.mnist()[part]
        assert np.array_equal(x.ravel(), np.arange(n * 784) % 256)
        assert y.tolist() == list(range(n)) and x.dtype == y.dtype == np.uint8
    put(tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz", packed(4))
    with pytest.raises(DataError, match=r"t10k-labels.*SHA-256.*data get mnist"):
        idx.mnist()


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
