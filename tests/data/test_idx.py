"""The reader of IDX files: files made byte by byte, the published ones, and damaged ones."""

import gzip
import struct

import numpy as np
import pytest
from support.published import HERE, needs, use_published

from seqjax.data import idx, raw
from seqjax.data.folder import DataError

KINDS = ("images-idx3", "labels-idx1")


def packed(*sizes, values=None, kind=8, dimensions=None):
    """An IDX file; the values count up unless given."""
    n = int(np.prod(sizes))
    values = bytes(k % 256 for k in range(n)) if values is None else values
    head = bytes([0, 0, kind, len(sizes) if dimensions is None else dimensions])
    return head + struct.pack(f">{len(sizes)}I", *sizes) + values


def put(path, content, zipped=True):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(content) if zipped else content)
    return path


def four(directory, monkeypatch, zipped=True):
    """A data set of 3 training and 2 test images."""
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(directory))
    ending = ".gz" if zipped else ""
    for begin, n in (("train", 3), ("t10k", 2)):
        path = directory / "mnist" / f"{begin}-{KINDS[0]}-ubyte{ending}"
        put(path, packed(n, 28, 28), zipped)
        put(path.with_name(f"{begin}-{KINDS[1]}-ubyte{ending}"), packed(n), zipped)
    return directory / "mnist"


@pytest.mark.parametrize("zipped", [True, False])
def test_images_and_labels_are_read(tmp_path, zipped):
    path = put(tmp_path / "x", packed(2, 3, 4), zipped)
    assert np.array_equal(idx.images(path), np.arange(24).reshape(2, 3, 4))
    assert idx.images(path).dtype == np.uint8
    path = put(tmp_path / "y", packed(5), zipped)
    assert idx.labels(path).tolist() == [0, 1, 2, 3, 4] and idx.labels(path).dtype == np.uint8
    assert idx.images(put(tmp_path / "none", packed(0, 3, 4), zipped)).shape == (0, 3, 4)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.filterwarnings("ignore::seqjax.data.folder.DataWarning")
def test_a_set_of_other_files_is_read(tmp_path, monkeypatch, zipped):
    four(tmp_path, monkeypatch, zipped)
    found = idx.mnist()
    assert {part: (x.shape, y.shape) for part, (x, y) in found.items()} == {
        "train": ((3, 28, 28), (3,)),
        "test": ((2, 28, 28), (2,)),
    }


@pytest.mark.filterwarnings("ignore::seqjax.data.folder.DataWarning")
def test_files_that_do_not_go_together_are_refused(tmp_path, monkeypatch):
    directory = four(tmp_path, monkeypatch)
    labels = put(directory / "t10k-labels-idx1-ubyte.gz", packed(4))
    with pytest.raises(DataError, match=rf"^{labels}: 4 labels for the 2 of t10k-images"):
        idx.mnist()
    images = put(directory / "train-images-idx3-ubyte.gz", packed(3, 28, 27))
    idx._pair.cache_clear()
    with pytest.raises(DataError, match=rf"^{images}: expected images of 28 x 28, got 28 x 27$"):
        idx.mnist()


def test_a_missing_file_is_told_with_its_way_here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=r"fashion_mnist/train-images.*data get fashion_mnist"):
        idx.mnist("fashion_mnist")


GOOD = packed(2, 3, 4)
DAMAGES = {
    "empty": (b"", "starts with 00000803, got ''"),
    "of labels": (packed(5), "got '00000801'"),
    "of floats": (packed(2, 3, 4, kind=0x0D), "got '00000d03'"),
    "an ended head": (GOOD[:11], "ends within its head, after 11 of 16 bytes"),
    "too short": (GOOD[:-1], "23 bytes of values, expected 2 x 3 x 4"),
    "too long": (GOOD + b"\0", "25 bytes of values, expected 2 x 3 x 4"),
    "vast": (packed(2**32 - 1, 2**32 - 1, 2**32 - 1, values=b""), "0 bytes of values"),
    "cut gzip": (gzip.compress(GOOD)[:-9], "damaged gzip"),
    "cut gzip head": (gzip.compress(GOOD)[:5], "damaged gzip"),
    "flipped gzip": (gzip.compress(GOOD)[:-8] + b"\0" * 8, "damaged gzip"),
    "gzip of noise": (gzip.compress(GOOD)[:10] + b"\xff" * 20, "damaged gzip"),
    "followed gzip": (gzip.compress(GOOD) + b"noise", "damaged gzip"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_told_in_one_line(tmp_path, damage):
    content, said = DAMAGES[damage]
    path = put(tmp_path / "x.gz", content, zipped=False)
    with pytest.raises(DataError) as error:
        idx.images(path)
    assert str(error.value).startswith(f"{path}: ") and said in str(error.value)


def test_a_label_that_is_no_class_is_told(tmp_path):
    path = put(tmp_path / "y", packed(4, values=bytes([0, 9, 10, 200])))
    with pytest.raises(DataError, match=rf"^{path}: label 2 is 10, expected 0 … 9$"):
        idx.labels(path)
    assert idx.labels(path, 201).tolist() == [0, 9, 10, 200]


def test_what_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    path = put(tmp_path / "bomb.gz", bytes(3_000_000))
    monkeypatch.setattr(raw, "LARGEST", 2**20)
    with pytest.raises(DataError, match=r"bomb\.gz: more than 1,048,576 bytes when unpacked$"):
        idx.images(path)
    monkeypatch.setattr(raw, "LARGEST", path.stat().st_size - 1)
    with pytest.raises(DataError, match=r"bomb\.gz: it is larger than"):
        idx.images(path)


@needs("mnist")
def test_the_published_digits(monkeypatch):
    """Counts of the classes as published; the sums of the pixels are those of the raw files."""
    use_published(monkeypatch)
    found = idx.mnist()
    for part, n, counts in [
        ("train", 60_000, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("test", 10_000, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ]:
        x, y = found[part]
        assert x.shape == (n, 28, 28) and np.bincount(y).tolist() == counts
    raw = gzip.decompress((HERE / "mnist/t10k-images-idx3-ubyte.gz").read_bytes())
    assert raw[16:] == found["test"][0].tobytes()
