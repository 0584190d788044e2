"""Speech: which of nine men says two vowels?"""

import dataclasses

import numpy as np

from seqjax.baselines import padded
from seqjax.data.parts import stratified_order
from seqjax.data.ts_format import japanese_vowels
from seqjax.tasks.base import DataSetTask

PARTS = {"train": 225, "validation": 45, "test": 370}
SPEAKERS, COEFFICIENTS, LONGEST = 9, 12, 29


@dataclasses.dataclass(frozen=True)
class JapaneseVowels(DataSetTask):
    """The coefficients of an utterance of 7 to 29 steps, read to its end; the class is the speaker.

    The 370 test utterances are the published ones. Of the 270 training utterances, 30 a speaker, 5
    of each are for validation, by a fixed draw; see ``seqjax.data.ts_format``. Metric:
    ``accuracy``; a constant answer that the training utterances cannot better has 1/9 on them.
    """

    name = "japanese_vowels"
    inputs, outputs, ragged = COEFFICIENTS, SPEAKERS, True
    examples = PARTS["train"]

    def read(self):
        return {part: _as_arrays(*utterances(part)) for part in PARTS}


def utterances(*parts: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Utterances (T, 12), T their own, and their speakers (n,), int32, of some of ``PARTS``."""
    found = japanese_vowels()
    order = np.split(stratified_order(found["train"].labels), [PARTS["train"]])
    chosen = {
        "train": (found["train"], order[0]),
        "validation": (found["train"], order[1]),
        "test": (found["test"], np.arange(PARTS["test"])),
    }
    x = [series.x[k] for series, numbers in map(chosen.get, parts) for k in numbers]
    return x, np.concatenate([series.labels[numbers] for series, numbers in map(chosen.get, parts)])


def _as_arrays(x: list[np.ndarray], speakers: np.ndarray) -> tuple[np.ndarray, ...]:
    lengths = np.array([len(x_TD) for x_TD in x], np.int32)
    return padded(x, LONGEST).astype(np.float32), speakers, lengths
