"""The readers of piano rolls: files made byte by byte, the published ones, and damaged ones."""

import json
import struct
import warnings
import zlib

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.io
from support.published import HERE, needs, use_published

from seqjax.data import matlab, piano_rolls
from seqjax.data.folder import DataError
from seqjax.data.piano_rolls import JSON, MATLAB, SETS

ROLLS = {
    "traindata": [[(0,), (0, 87), ()], [(3, 5)]],
    "validdata": [[(), (1,)]],
    "testdata": [[(86,)], [(2,), (4,)]],
}


def roll(piece):
    """The keys of each step as (T, 88)."""
    return np.array([[key in step for key in range(88)] for step in piece], np.uint8)


# MATLAB files, made byte by byte


def element(kind, content, order="<", packed=True):
    if packed and len(content) <= 4:
        return struct.pack(f"{order}I", len(content) << 16 | kind) + content.ljust(4, b"\0")
    return struct.pack(f"{order}II", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(sort, shape, name, rest, order="<"):
    head = element(6, struct.pack(f"{order}II", sort, 0), order)
    sizes = element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
    return element(14, head + sizes + element(1, name.encode(), order) + rest, order)


def cell(piece, order="<", sort=9, kind=2, write=bytes):
    values = element(kind, write(roll(piece).T.ravel()), order)
    return matrix(sort, (len(piece), 88), "", values, order)


def variable(name, pieces, order="<", **options):
    cells = b"".join(cell(piece, order, **options) for piece in pieces)
    return matrix(1, (1, len(pieces)), name, cells, order)


def mat_file(variables, order="<"):
    end = b"\0\1IM" if order == "<" else b"\1\0MI"
    return b"MATLAB 5.0 MAT-file".ljust(124) + end + b"".join(variables)


def variables(order="<", **options):
    return [variable(name, pieces, order, **options) for name, pieces in ROLLS.items()]


def compressed(content):
    packed = zlib.compress(content)
    return struct.pack("<II", 15, len(packed)) + packed


def read(path, content):
    path.write_bytes(content)
    return piano_rolls.read.__wrapped__(path)


def assert_rolls(found, keys):
    for part, name in keys.items():
        assert len(found[part]) == len(ROLLS[name])
        for array, piece in zip(found[part], ROLLS[name], strict=True):
            assert array.dtype == np.uint8 and array.flags.c_contiguous
            assert np.array_equal(array, roll(piece))


NUMBER = matrix(6, (1, 1), "more", element(9, struct.pack("<d", 1.5)))
WRITINGS = {
    "plain": mat_file(variables()),
    "big endian": mat_file(variables(">"), ">"),
    "compressed": mat_file(map(compressed, variables())),
    "doubles": mat_file(variables(sort=6, kind=9, write=lambda v: v.astype("<f8").tobytes())),
    "with another variable": mat_file([NUMBER, *variables(), compressed(NUMBER)]),
}


@pytest.mark.parametrize("content", WRITINGS.values(), ids=WRITINGS)
def test_matlab_files_are_read(tmp_path, content):
    found = read(tmp_path / "made_up.mat", content)
    assert_rolls(found, MATLAB)


@pytest.mark.parametrize("compression", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64, bool, np.int16])
def test_what_scipy_writes_is_read_and_what_is_made_here_scipy_reads(tmp_path, compression, dtype):
    made = {name: np.empty((1, len(pieces)), object) for name, pieces in ROLLS.items()}
    for name, pieces in ROLLS.items():
        made[name][0] = [roll(piece).astype(dtype) for piece in pieces]
    scipy.io.savemat(tmp_path / "x.mat", made, do_compression=compression)
    assert_rolls(read(tmp_path / "x.mat", (tmp_path / "x.mat").read_bytes()), MATLAB)
    (tmp_path / "y.mat").write_bytes(WRITINGS["compressed" if compression else "plain"])
    loaded = scipy.io.loadmat(tmp_path / "y.mat")
    for name, pieces in ROLLS.items():
        assert all(map(np.array_equal, loaded[name][0], map(roll, pieces)))


WHOLE = WRITINGS["plain"]


def with_train(made):
    return mat_file([made, *variables()[1:]])


def one(**changes):
    """A training part of one cell that is not as it should be."""
    options = {"sort": 9, "shape": (1, 88), "name": "", "rest": element(2, bytes(88))} | changes
    return with_train(matrix(1, (1, 1), "traindata", matrix(**options)))


DAMAGES = {
    "empty": (b"", "no MATLAB 5 file: its head ends with b''"),
    "HDF5": (b"MATLAB 7.3".ljust(124) + b"\0\2IM", "no MATLAB 5 file"),
    "cut": (WHOLE[:-100], "it ends within an element"),
    "cut in a tag": (WHOLE + b"\0" * 5, "it ends within an element"),
    "a vast element": (WHOLE + struct.pack("<II", 14, 2**32 - 1), "it ends within an element"),
    "a wide small element": (WHOLE + struct.pack("<II", 5 << 16 | 14, 0), "it ends within"),
    "no matrix": (WHOLE + element(5, bytes(8)), "an element of kind 5 where a matrix should be"),
    "an empty matrix": (WHOLE + element(14, b"", packed=False), "0 elements, expected 3"),
    "a class cut": (WHOLE + element(14, bytes(24)), "a matrix without a class or sizes"),
    "noise for zlib": (WHOLE + struct.pack("<II", 15, 8) + b"\xff" * 8, "a damaged element"),
    "cut in zlib": (
        WHOLE + struct.pack("<II", 15, 20) + zlib.compress(NUMBER * 9)[:20],
        "a compressed element without an end",
    ),
    "no test part": (mat_file(variables()[:2]), "no cell array testdata"),
    "numbers for cells": (
        with_train(matrix(9, (1, 88), "traindata", element(2, bytes(88)))),
        "no cell array traindata",
    ),
    "cells too few": (
        with_train(matrix(1, (1, 2), "traindata", cell([(1,)]))),
        "traindata: 1 cells, expected 1 x 2",
    ),
    "cells without end": (
        with_train(matrix(1, (2**31 - 1, 2**31 - 1), "traindata", cell([(1,)]))),
        "traindata: 1 cells, expected 2147483647 x",
    ),
    "an empty cell": (
        with_train(matrix(1, (1, 1), "traindata", element(14, b"", packed=False))),
        "traindata 0: no matrix",
    ),
    "letters": (one(sort=4, rest=element(16, bytes(88))), "traindata 0: no matrix of real numbers"),
    "complex": (one(sort=9 | 0x800), "traindata 0: no matrix of real numbers"),
    "two values": (one(rest=element(2, bytes(88)) * 2), "traindata 0: no matrix of real numbers"),
    "kind of values": (one(rest=element(8, bytes(88))), "traindata 0: values of kind 8"),
    "three dimensions": (one(shape=(1, 88, 1)), "values of kind 2 in 3 dimensions"),
    "too few values": (one(shape=(2, 88)), "88 bytes of uint8, expected 2 x 88"),
    "less than nothing": (one(shape=(-1, -88)), "88 bytes of uint8, expected -1 x -88"),
    "87 keys": (one(shape=(1, 87), rest=element(2, bytes(87))), "expected steps x 88, got 1 x 87"),
    "no step": (one(shape=(0, 88), rest=element(2, b"")), "expected steps x 88, got 0 x 88"),
    "a two": (one(rest=element(2, bytes([2] * 88))), "traindata 0: expected 0 and 1 alone"),
    "no number": (
        one(sort=6, rest=element(9, struct.pack("<d", np.nan) * 88)),
        "traindata 0: expected 0 and 1 alone",
    ),
    "no piece": (with_train(variable("traindata", [])), "no piece for train"),
}


@pytest.mark.parametrize(("content", "said"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_matlab_file_is_told_in_one_line(tmp_path, content, said):
    refused(tmp_path / "made_up.mat", content, said)


def refused(path, content, said):
    with pytest.raises(DataError) as told:
        read(path, content)
    assert str(told.value).startswith(f"{path}: ") and said in str(told.value)
    assert "\n" not in str(told.value) and len(str(told.value)) < 1000


def test_what_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(matlab, "LARGEST", 2**20)
    bomb = mat_file([compressed(matrix(9, (1, 2**20), "x", element(2, bytes(2**20))))])
    assert len(bomb) < 2000
    refused(tmp_path / "bomb.mat", bomb, "more than 1,048,576 bytes when unpacked")
    half = compressed(matrix(9, (1, 600_000), "x", element(2, bytes(600_000))))
    refused(tmp_path / "bomb.mat", mat_file([half, half]), "more than 1,048,576 bytes when")
    monkeypatch.setattr(matlab, "MOST_CELLS", 8)
    many = mat_file([variable("traindata", [[(1,)]] * 9)])
    refused(tmp_path / "many.mat", many, "expected 3 … 8")


@hypothesis.given(
    content=st.sampled_from([WHOLE, WRITINGS["compressed"]]),
    edits=st.lists(
        st.tuples(st.integers(100, len(WHOLE)), st.binary(max_size=8)), min_size=1, max_size=4
    ),
)
def test_no_damage_ends_in_anything_but_an_array_or_a_line(tmp_path_factory, content, edits):
    for place, written in edits:
        place %= len(content)
        content = content[:place] + written + content[place + max(1, len(written)) :]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read(tmp_path_factory.getbasetemp() / "damaged.mat", content)
    except DataError as error:
        assert "damaged.mat: " in str(error)


# JSON files


def as_json(**changes):
    pitches = {
        JSON[part]: [[[21 + key for key in step] for step in piece] for piece in ROLLS[name]]
        for part, name in MATLAB.items()
    }
    return json.dumps(pitches | changes).encode()


def test_json_files_are_read(tmp_path):
    path = tmp_path / "made_up.json"
    assert_rolls(read(path, as_json()), MATLAB)
    train = [[[21.0, -1, -1.0], [21, 108, 21], [-1]], [[24, 26.0]]]
    assert_rolls(read(path, as_json(train=train)), MATLAB)


BAD = {
    "empty": (b"", "no JSON: "),
    "cut": (as_json()[:-3], "no JSON: "),
    "not UTF-8": (b'{"train": "\n\xff"}', "not UTF-8"),
    "deep": (b"[" * 100_000, "no JSON: "),
    "a huge number": (as_json().replace(b"21", b"9" * 5000), "no JSON: "),
    "a list": (b"[]", "expected an object, got list"),
    "a part missing": (as_json(valid=None), "valid: expected a list, got None"),
    "no pieces": (as_json(test=[]), "no piece for test"),
    "no piece": (as_json(test=[[[60]], 7]), "test[1]: expected a list, got 7"),
    "no steps": (as_json(test=[[[60]], []]), "test[1]: a piece without a step"),
    "no step": (as_json(test=[[[60], "60"]]), "test[0][1]: expected a list, got '60'"),
    "a word": (as_json(test=[[["60"]]]), "test[0][0]: expected a MIDI pitch, got '60'"),
    "a truth": (as_json(test=[[[True]]]), "test[0][0]: expected a MIDI pitch, got True"),
    "between keys": (as_json(test=[[[60.5]]]), "test[0][0]: expected a MIDI pitch, got 60.5"),
    "no number": (as_json(test=[[[float("nan")]]]), "expected a MIDI pitch, got nan"),
    "infinite": (as_json(test=[[[float("inf")]]]), "expected a MIDI pitch, got inf"),
    "below": (as_json(test=[[[60], [20]]]), "test[0][1]: expected 21 … 108, got 20"),
    "above": (as_json(test=[[[109]]]), "test[0][0]: expected 21 … 108, got 109"),
    "far above": (as_json(test=[[[10**400]]]), "test[0][0]: expected 21 … 108, got 1000"),
    "far below": (as_json(test=[[[-1e300]]]), "test[0][0]: expected 21 … 108, got -1e+300"),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD)
def test_a_damaged_json_file_is_told_in_one_line(tmp_path, content, said):
    path = tmp_path / "made_up.json"
    with pytest.raises(DataError) as told:
        read(path, content)
    assert str(told.value).startswith(f"{path}:") and said in str(told.value)
    assert "\n" not in str(told.value) and len(str(told.value)) < 1000


def test_more_steps_than_any_set_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(piano_rolls, "MOST_STEPS", 6)
    refused(tmp_path / "long.json", as_json(), "9 steps, of which at most 6 are read")


# The published files

COUNTS = {
    "jsb": ((229, 13807), (76, 4602), (77, 4725), 25, 160),
    "jsb_quarter": ((229, 13807), (76, 4602), (77, 4725), 25, 160),
    "jsb_16th": ((229, 55228), (76, 18408), (77, 18900), 100, 640),
    "jsb_voices": ((229, 55228), (76, 18408), (77, 18900), 100, 640),
    "nottingham": ((694, 176561), (173, 45513), (170, 44463), 40, 1793),
}


@needs("polyphonic_music", "jsb_chorales")
@pytest.mark.parametrize("name", COUNTS)
def test_the_published_pieces(name, monkeypatch):
    use_published(monkeypatch)
    *counts, shortest, longest = COUNTS[name]
    found = piano_rolls.piano_rolls(name)
    assert [(len(p), sum(map(len, p))) for p in found.values()] == counts
    lengths = [len(piece) for pieces in found.values() for piece in pieces]
    assert (min(lengths), max(lengths)) == (shortest, longest)


@needs("polyphonic_music", "jsb_chorales")
def test_the_published_chorales_are_the_same_in_both_formats(monkeypatch):
    use_published(monkeypatch)
    mat, quarter = (piano_rolls.piano_rolls(name) for name in ("jsb", "jsb_quarter"))
    for part in mat:
        assert len(mat[part]) == len(quarter[part])
        assert all(map(np.array_equal, mat[part], quarter[part]))
    keys = [np.nonzero(piece)[1] for pieces in quarter.values() for piece in pieces]
    assert (min(map(min, keys)), max(map(max, keys))) == (43 - 21, 96 - 21)


@needs("polyphonic_music")
@pytest.mark.parametrize("name", ["jsb", "nottingham"])
def test_the_published_matrices_are_those_that_scipy_reads(name, monkeypatch):
    use_published(monkeypatch)
    loaded, found = scipy.io.loadmat(HERE / SETS[name]), piano_rolls.piano_rolls(name)
    for part, variable in MATLAB.items():
        assert len(found[part]) == loaded[variable].size
        assert all(map(np.array_equal, found[part], loaded[variable][0]))
