"""Polyphonic music as piano rolls: the subset of 88 keys that sounds at each step.

The files are MATLAB 5 files with ``traindata``, ``validdata`` and ``testdata``, each a cell array
(1, n) of matrices (T, 88) of 0 and 1; column j is MIDI pitch 21 + j.

Source: N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, "Modeling Temporal Dependencies in
High-Dimensional Sequences", ICML 2012: the data sets and their split.
"""

import functools
import pathlib

import numpy as np

from seqjax.data.folder import find

KEYS = 88
FILES = {
    "jsb": "polyphonic_music/JSB_Chorales.mat",
    "nottingham": "polyphonic_music/Nottingham.mat",
}
VARIABLES = {"train": "traindata", "validation": "validdata", "test": "testdata"}

Rolls = dict[str, list[np.ndarray]]
"""Pieces (T, 88), uint8, of "train", "validation" and "test"; T differs."""


def piano_rolls(name: str) -> Rolls:
    """Return the pieces of one of ``FILES``.

    Raises:
      DataError: the file is missing or differs from the published one.
    """
    # A corrupt file can crash or exhaust scipy's reader, so only the published bytes reach it.
    return _read(find(FILES[name], exact=True))


@functools.cache
def _read(path: pathlib.Path) -> Rolls:
    import scipy.io

    variables = scipy.io.loadmat(path)
    return {
        part: [np.ascontiguousarray(piece, np.uint8) for piece in variables[variable][0]]
        for part, variable in VARIABLES.items()
    }
