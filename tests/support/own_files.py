"""Arrays for files of one's own: sequences, values, lengths, parts, labels, and two series."""

import numpy as np
from hypothesis import strategies as st

PARTS = ("train", "validation", "test")
RANDOM = np.random.default_rng(0)
N, T, D = 40, 5, 2
X = RANDOM.normal(3, 2, size=(N, T, D))
Y = 100 + 10 * X[:, -1, 0] + RANDOM.normal(size=N)
LENGTHS = RANDOM.integers(1, T + 1, N)
SPLIT = np.repeat([2, 0, 1], [10, 24, 6])
LABELS = np.array(["low", "high"])[(X[:, 0, 1] > 3).astype(int)]
SERIES = np.round(np.cumsum(RANDOM.normal(size=60)) + 50, 4)
OTHER = np.round(RANDOM.normal(size=60), 4)

CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4)
"""Places in a file, as shares of its length, with the bytes to write there."""


def with_changes(content, changes):
    """Return the content of a file with ``CHANGES``."""
    changed = bytearray(content)
    for place, value in changes:
        changed[int(place * len(changed))] = value
    return bytes(changed)
