"""The reader of IDX files on made-up, corrupt and published files."""

import gzip
import struct

import numpy as np
import pytest
from support.published import HERE, needs, put, use_published

from seqjax.data import idx, raw
from seqjax.data.folder import DataError

pytestmark = pytest.mark.filterwarnings("ignore::seqjax.data.folder.DataWarning")


def packed(*sizes, values=None, kind=8):
    """An IDX file; the values count up unless given."""
    n = int(np.prod(sizes))
    values = bytes(k % 256 for k in range(n)) if values is None else values
    return bytes([0, 0, kind, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + values


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A data set of 3 training and 2 test images."""
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    for prefix, n in (("train", 3), ("t10k", 2)):
        for kind, sizes in (("images-idx3", (n, 28, 28)), ("labels-idx1", (n,))):
            path = tmp_path / "mnist" / f"{prefix}-{kind}-ubyte.gz"
            put(path, gzip.compress(packed(*sizes)))
    return tmp_path / "mnist"


def test_images_and_labels_are_read(place):
    for part, n in (("train", 3), ("test", 2)):
        x, y = idx.mnist()[part]
        assert np.array_equal(x.ravel(), np.arange(n * 784) % 256)
        assert y.tolist() == list(range(n)) and x.dtype == y.dtype == np.uint8


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t10k-labels-idx1-ubyte.gz", packed(4)),
        ("t10k-images-idx3-ubyte.gz", packed(2, 28, 27)),
        ("t10k-labels-idx1-ubyte.gz", packed(2, values=b"\0\n")),
    ],
    ids=["labels", "size", "class"],
)
def test_inconsistent_files_are_an_error(place, name, content):
    put(place / name, gzip.compress(content))
    with pytest.raises(DataError, match=r"t10k-(images|labels).*expected"):
        idx.mnist()


def test_a_missing_file_is_an_error_with_the_fix(place):
    with pytest.raises(DataError, match=r"fashion_mnist/train-images.*data get fashion_mnist"):
        idx.mnist("fashion_mnist")


GOOD = packed(2, 3, 4)
CORRUPT = {
    "empty": b"",
    "of labels": packed(5),
    "of floats": packed(2, 3, 4, kind=0x0D),
    "cut in its head": GOOD[:11],
    "too short": GOOD[:-1],
    "too long": GOOD + b"\0",
    "vast": packed(2**32 - 1, 2**32 - 1, 2**32 - 1, values=b""),
    "cut gzip": gzip.compress(GOOD)[:-9],
    "cut gzip head": gzip.compress(GOOD)[:5],
    "flipped gzip": gzip.compress(GOOD)[:-8] + b"\0" * 8,
    "gzip of noise": gzip.compress(GOOD)[:10] + b"\xff" * 20,
    "trailing noise": gzip.compress(GOOD) + b"noise",
}


@pytest.mark.parametrize("content", CORRUPT.values(), ids=CORRUPT)
def test_a_corrupt_file_is_an_error_with_its_path(tmp_path, content):
    path = put(tmp_path / "x.gz", content)
    with pytest.raises(DataError, match=rf"^{path}: [^\n]*$"):
        idx.array(path, 3)


def test_a_gzip_bomb_is_refused(tmp_path, monkeypatch):
    path = put(tmp_path / "bomb.gz", gzip.compress(bytes(3_000_000)))
    for largest in (2**20, path.stat().st_size - 1):
        monkeypatch.setattr(raw, "LARGEST", largest)
        with pytest.raises(DataError, match=rf"bomb\.gz.*{largest:,}"):
            idx.array(path, 3)


@needs("mnist")
def test_the_published_digits(monkeypatch):
    """Class counts as published; pixels as in the unpacked file."""
    use_published(monkeypatch)
    found = idx.mnist()
    for part, n, counts in [
        ("train", 60_000, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("test", 10_000, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ]:
        x, y = found[part]
        assert x.shape == (n, 28, 28) and np.bincount(y).tolist() == counts
    unpacked = gzip.decompress((HERE / "mnist/t10k-images-idx3-ubyte.gz").read_bytes())
    assert unpacked[16:] == found["test"][0].tobytes()
