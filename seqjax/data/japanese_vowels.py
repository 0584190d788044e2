"""Two vowels spoken by nine men, as linear prediction coefficients.

Source: M. Kudo, J. Toyama and M. Shimbo, "Multidimensional Curve Classification Using
Passing-Through Regions", Pattern Recognition Letters 20, 1999; UCI, CC BY 4.0.
"""

import functools
from typing import NamedTuple

import numpy as np

from seqjax.data.folder import BUNDLED

PARTS = {"train": 270, "test": 370}
"""Utterances of each published part."""
SPEAKERS, COEFFICIENTS, LONGEST = 9, 12, 29


class Utterances(NamedTuple):
    """Utterances and their speakers.

    Attributes:
      x: n arrays (T, 12), float32, with 7 <= T <= 29.
      speakers: (n,) int32, 0 … 8.
    """

    x: list[np.ndarray]
    speakers: np.ndarray


@functools.cache
def japanese_vowels() -> dict[str, Utterances]:
    """Return the published parts "train" and "test"."""
    with np.load(BUNDLED / "japanese_vowels.npz") as file:
        x_ND = (file["micro"] / 1e6).astype(np.float32)
        lengths, speakers = file["lengths"].astype(int), file["speakers"].astype(np.int32)
    x, first = np.split(x_ND, np.cumsum(lengths)[:-1]), PARTS["train"]
    return {
        "train": Utterances(x[:first], speakers[:first]),
        "test": Utterances(x[first:], speakers[first:]),
    }
