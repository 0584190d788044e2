"""NPZ files that anyone may have written: every array that NumPy saves, and every lie refused."""

import io
import re
import struct
import tracemalloc
import zipfile

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from support.own_files import CHANGES, with_changes

from seqjax.data import npz
from seqjax.data.folder import DataError
from seqjax.data.npz import read_npz

NAMES = ("x", "y")
X = np.arange(12, dtype=np.float32).reshape(3, 4)


def saved(save=np.savez, **arrays):
    """Return the bytes of an NPZ file."""
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def npy(array=X, header=None, version=b"\x01\x00", content=None):
    """Return the bytes of an .npy file with another header or content."""
    shape = ", ".join(map(str, array.shape)) + ","
    usual = f"{{'descr': '{array.dtype.str}', 'fortran_order': False, 'shape': ({shape}), }}\n"
    text = (header or usual).encode("latin-1")
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    return (
        b"\x93NUMPY" + version + length + text + (array.tobytes() if content is None else content)
    )


def zipped(members, compression=zipfile.ZIP_STORED):
    """Return the bytes of an archive of (name, content)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def header(descr="'<f4'", shape="(3, 4)", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def read(folder, content):
    path = folder / "own.npz"
    path.write_bytes(content)
    return read_npz(path, NAMES)


ARRAYS = [
    X,
    X.astype(">f8"),
    np.asfortranarray(X.astype(">i2")),
    X.astype(np.float16)[::-1, ::2],
    X > 3,
    np.array(["a", "日本", ""]),
    np.array(["a", "bc"]).astype(">U5"),
    np.uint64([2**63]),
    np.zeros((0, 3)),
    np.float32(5),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype.str} {np.shape(a)}")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_saved(tmp_path, array, save):
    found = read(tmp_path, saved(save, x=array, y=X))
    assert found["x"].dtype == array.dtype.newbyteorder("=") and found["x"].dtype.isnative
    assert found["x"].shape == np.shape(array) and found["x"].flags.c_contiguous
    assert np.array_equal(found["x"], array) and np.array_equal(found["y"], X)


def claims(size):
    """A member whose header claims a size that it does not have."""
    return zipped([("x.npy", npy(header=header(shape=f"({size},)")))])


WIDE = np.array(["x" * 300])
ENCRYPTED = bytearray(zipped([("x.npy", npy())]))
ENCRYPTED[6] |= 1
ENCRYPTED[ENCRYPTED.index(b"PK\x01\x02") + 8] |= 1
SHORTER = bytearray(zipped([("x.npy", npy())]))
SHORTER[SHORTER.index(b"PK\x01\x02") + 24] -= 9
HOSTILE = {
    "no file": (None, "cannot|No such"),
    "empty": (b"", "zip archive"),
    "text": (b"x,y\n1,2\n" * 20, "zip archive"),
    "an .npy file": (npy(), "zip archive"),
    "cut": (saved(x=X)[:-30], "zip archive"),
    "no arrays": (zipped([]), ""),
    "objects": (saved(x=np.array([1, "a", None], object)), r"x: .*numbers.*O"),
    "a structure": (saved(x=np.zeros(3, "i4,f4")), "x: "),
    "dates": (saved(x=np.zeros(3, "M8[s]")), "x: .*M8"),
    "complex": (saved(x=np.zeros(3, complex)), "x: .*c16"),
    "bytes": (saved(x=np.array([b"a"])), "x: .*S1"),
    "wide text": (saved(x=WIDE), "x: .*256"),
    "a type of 0 bytes": (zipped([("x.npy", npy(header=header("'<U0'")))]), "x: "),
    "no character": (zipped([("x.npy", npy(header=header("'<U1'"), content=b"\xff" * 48))]), "x: "),
    "huge": (claims(2**60), "x: .*bytes"),
    "huge beyond 64 bits": (claims("9" * 100), "x: .*bytes"),
    "below the bound, absent": (claims(2**26), "x: .*bytes"),
    "negative": (claims(-3), "x: .*header"),
    "a shape of text": (claims("'a'"), "x: .*header"),
    "more than the shape": (claims(2), "x: .*more"),
    "a product": (claims("2**60"), "x: .*header"),
    "code": (claims("__import__('os')"), "x: .*header"),
    "nested": (zipped([("x.npy", npy(header="(" * 3000))]), "x: .*header"),
    "a long header": (
        zipped([("x.npy", npy(header=header() + " " * 70000, version=b"\x02\x00"))]), "x: "),
    "an unknown version": (zipped([("x.npy", npy(version=b"\x09\x00"))]), "x: .*NumPy"),
    "a directory": (zipped([("a/x.npy", npy())]), "a/x"),
    "outside": (zipped([("../x.npy", npy())]), "names x, y"),
    "another name": (saved(x=X, lables=X), "lables"),
    "not an array": (zipped([("x", b"1")]), "names x, y"),
    "encrypted": (bytes(ENCRYPTED), "x: .*savez"),
    "another compression": (zipped([("x.npy", npy())], zipfile.ZIP_LZMA), "x: .*savez"),
    "a length that lies": (bytes(SHORTER), ""),
    "many members": (zipped([(f"{k}{'x' * 200}.npy", b"") for k in range(400)]), "directory"),
    "a bomb": (zipped([("x.npy", npy(header=header(shape="(1000,)"), content=bytes(2**26)))],
                      zipfile.ZIP_DEFLATED), "x: .*more"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_in_one_line_and_little_memory(tmp_path, content, words):
    path = tmp_path / "own.npz"
    if content is not None:
        path.write_bytes(content)
    tracemalloc.start()
    try:
        if content == zipped([]):
            assert read_npz(path, NAMES) == {}
            return
        with pytest.raises(DataError) as caught:
            read_npz(path, NAMES)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and len(message) < 600
    assert re.search(words, message), message
    assert most < 2**23


def test_two_arrays_of_one_name_are_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zipped([("x.npy", npy()), ("x.npy", npy(-X))])
    with pytest.raises(DataError, match="x: expected one array"):
        read(tmp_path, content)


def test_64_bit_archives_are_refused_before_their_directory_is_read(tmp_path):
    content = bytearray(saved(x=X))
    end = content.rindex(npz.END)
    content[end:end] = npz.LOCATOR + bytes(16)
    with pytest.raises(DataError, match="directory"):
        read(tmp_path, bytes(content))


@hypothesis.given(
    st.sampled_from([saved(x=X, y=np.array(["a", "bc"])), saved(np.savez_compressed, x=X)]),
    CHANGES,
)
@hypothesis.settings(max_examples=300)
def test_a_changed_byte_never_raises_another_error(tmp_path_factory, content, changes):
    loads_or_is_refused(tmp_path_factory.getbasetemp(), with_changes(content, changes))


@hypothesis.given(
    st.text("0123456789(),<>|=fiubUO'{}: -\n", max_size=3), st.integers(0, 80), st.integers(0, 3)
)
@hypothesis.settings(max_examples=300)
def test_a_changed_header_never_raises_another_error(tmp_path_factory, text, place, cut):
    usual = header()
    changed = usual[:place] + text + usual[place + cut :]
    content = zipped([("x.npy", npy(header=changed))])
    loads_or_is_refused(tmp_path_factory.getbasetemp(), content)


def loads_or_is_refused(folder, content):
    try:
        found = read(folder, content)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert all(array.dtype.kind in "biufU" for array in found.values())
