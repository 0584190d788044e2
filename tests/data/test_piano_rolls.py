"""The reader of piano rolls on made-up and published files."""

import io

import numpy as np
import pytest
import scipy.io
from support.published import make_known, needs, put, use_published

from seqjax.data.folder import DataError
from seqjax.data.piano_rolls import FILES, VARIABLES, piano_rolls

LENGTHS = {"traindata": (3, 1), "validdata": (2,), "testdata": (1, 2)}


def matlab_file(lengths=LENGTHS):
    """Return the bytes of a file, and its pieces by variable."""
    random, file = np.random.RandomState(0), io.BytesIO()
    pieces = {name: [random.randint(0, 2, (T, 88)) for T in own] for name, own in lengths.items()}
    cells = {name: np.empty((1, len(own)), object) for name, own in pieces.items()}
    for name, own in pieces.items():
        cells[name][0] = own
    scipy.io.savemat(file, cells, do_compression=True)
    return file.getvalue(), pieces


def test_pieces_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    content, pieces = matlab_file()
    make_known(monkeypatch, "polyphonic_music", {"JSB_Chorales.mat": content})
    put(tmp_path / FILES["jsb"], content)
    found = piano_rolls("jsb")
    for part, name in VARIABLES.items():
        assert all(map(np.array_equal, found[part], pieces[name]))
        assert len(found[part]) == len(pieces[name])
        assert {(x.dtype, x.flags.c_contiguous) for x in found[part]} == {(np.dtype("uint8"), True)}


def test_only_the_published_file_reaches_scipy(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQJAX_DATA_DIR", str(tmp_path))
    monkeypatch.delattr(scipy.io, "loadmat")
    put(tmp_path / FILES["jsb"], matlab_file()[0])
    with pytest.raises(DataError, match=r"JSB_Chorales\.mat.*SHA-256.*get polyphonic_music"):
        piano_rolls("jsb")


COUNTS = {
    "jsb": ((229, 13807), (76, 4602), (77, 4725), 25, 160),
    "nottingham": ((694, 176561), (173, 45513), (170, 44463), 40, 1793),
}


@needs("polyphonic_music")
@pytest.mark.parametrize("name", COUNTS)
def test_the_published_pieces(name, monkeypatch):
    use_published(monkeypatch)
    *counts, shortest, longest = COUNTS[name]
    found = piano_rolls(name)
    assert [(len(p), sum(map(len, p))) for p in found.values()] == counts
    lengths = [len(piece) for pieces in found.values() for piece in pieces]
    assert (min(lengths), max(lengths)) == (shortest, longest)
    assert {tuple(np.unique(piece)) for pieces in found.values() for piece in pieces} == {(0, 1)}
