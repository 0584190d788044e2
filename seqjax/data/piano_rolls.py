"""Polyphonic music as piano rolls: which of 88 keys sound at each step.

Two formats, told apart by the ending of the file's name:

    .mat   MATLAB 5: ``traindata``, ``validdata`` and ``testdata``, each a cell array (1, n) of
           matrices (T, 88) of 0 and 1; column j is MIDI pitch 21 + j
    .json  {"train": pieces, "valid": pieces, "test": pieces}; a piece is a list of steps, a step
           the list of the MIDI pitches that sound, of which -1 is a rest

Source: N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, "Modeling Temporal Dependencies in
High-Dimensional Sequences", ICML 2012: the sets and their split.
"""

import functools
import pathlib
from typing import Any

import numpy as np

from seqjax.data import matlab, raw
from seqjax.data.folder import DataError, find

KEYS, LOWEST = 88, 21
REST = -1
MOST_STEPS = 2**20
"""Of a file; the longest of the four sets has a third of it."""

SETS = {
    "jsb": "polyphonic_music/JSB_Chorales.mat",
    "nottingham": "polyphonic_music/Nottingham.mat",
    "muse_data": "polyphonic_music/MuseData.mat",
    "piano_midi": "polyphonic_music/Piano_midi.mat",
    "jsb_quarter": "jsb_chorales/jsb-chorales-quarter.json",
    "jsb_16th": "jsb_chorales/jsb-chorales-16th.json",
    "jsb_voices": "jsb_chorales/Jsb16thSeparated.json",
}
"""Files by name. ``jsb`` and ``jsb_quarter`` hold the same; the other two have four steps a quarter
note, other keys and another order. In ``jsb_voices`` a step has four pitches, soprano to bass."""

MATLAB = {"train": "traindata", "validation": "validdata", "test": "testdata"}
JSON = {"train": "train", "validation": "valid", "test": "test"}

Rolls = dict[str, list[np.ndarray]]
"""For "train", "validation" and "test" a list of pieces, (T, 88) uint8, T their own."""


def piano_rolls(name: str) -> Rolls:
    """The pieces of one of ``SETS``.

    Raises:
      DataError: the file is missing or damaged.
    """
    return read(find(SETS[name]))


@functools.cache
def read(path: pathlib.Path) -> Rolls:
    """The pieces of a file, .mat or .json.

    Raises:
      DataError: naming what is wrong, and where.
    """
    rolls = _json(path) if path.suffix == ".json" else _matlab(path)
    for part, pieces in rolls.items():
        if not pieces:
            raise DataError(f"{path}: no piece for {part}")
    return rolls


def _matlab(path: pathlib.Path) -> Rolls:
    found = matlab.cells(path)
    if missing := [name for name in MATLAB.values() if name not in found]:
        raise DataError(f"{path}: no cell array {', '.join(missing)}")
    return {
        part: [_roll(f"{path}: {name} {n}", piece) for n, piece in enumerate(found[name])]
        for part, name in MATLAB.items()
    }


def _roll(where: str, piece: np.ndarray) -> np.ndarray:
    if piece.shape[0] == 0 or piece.shape[1] != KEYS:
        said = " x ".join(map(str, piece.shape))
        raise DataError(f"{where}: expected steps x {KEYS}, got {said}")
    if not np.isin(piece, (0, 1)).all():
        raise DataError(f"{where}: expected 0 and 1 alone")
    return np.ascontiguousarray(piece, np.uint8)


def _json(path: pathlib.Path) -> Rolls:
    found = raw.of_json(path)
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected an object, got {type(found).__name__}")
    parts = {part: _listed(f"{path}: {key}", found.get(key)) for part, key in JSON.items()}
    pieces = {
        part: [_listed(f"{path}: {JSON[part]}[{n}]", piece) for n, piece in enumerate(listed)]
        for part, listed in parts.items()
    }
    steps = sum(len(piece) for listed in pieces.values() for piece in listed)
    if steps > MOST_STEPS:
        raise DataError(f"{path}: {steps:,} steps, of which at most {MOST_STEPS:,} are read")
    return {
        part: [_keys(f"{path}: {JSON[part]}[{n}]", piece) for n, piece in enumerate(listed)]
        for part, listed in pieces.items()
    }


def _listed(where: str, found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise DataError(f"{where}: expected a list, got {found!r:.100}")
    return found


def _keys(where: str, piece: list[Any]) -> np.ndarray:
    """The roll of a list of lists of pitches."""
    if not piece:
        raise DataError(f"{where}: a piece without a step")
    roll = np.zeros((len(piece), KEYS), np.uint8)
    for t, step in enumerate(piece):
        for pitch in _listed(f"{where}[{t}]", step):
            if isinstance(pitch, bool) or not isinstance(pitch, int | float) or pitch % 1:
                raise DataError(f"{where}[{t}]: expected a MIDI pitch, got {pitch!r:.100}")
            if pitch == REST:
                continue
            if not LOWEST <= pitch < LOWEST + KEYS:
                said = f"expected {LOWEST} … {LOWEST + KEYS - 1}, got {pitch!r:.100}"
                raise DataError(f"{where}[{t}]: {said}")
            roll[t, int(pitch) - LOWEST] = 1
    return roll
