"""Speaker recognition from two spoken vowels."""

import dataclasses

import numpy as np

from seqjax.baselines.classical import padded
from seqjax.data.japanese_vowels import COEFFICIENTS, LONGEST, SPEAKERS, japanese_vowels
from seqjax.data.parts import stratified_order
from seqjax.tasks.base import DataSetTask

PARTS = {"train": 225, "validation": 45, "test": 370}


@dataclasses.dataclass(frozen=True)
class JapaneseVowels(DataSetTask):
    """Classify the speaker of an utterance of 7 to 29 steps of 12 coefficients.

    The 370 test utterances are as published (``seqjax.data.japanese_vowels``). A fixed draw assigns
    5 of each speaker's 30 published training utterances to validation, which leaves 225 for
    training. Each coefficient is standardised by its mean and deviation over the training steps.
    Metric: ``accuracy``, 1/9 at chance on balanced speakers, as in training.
    """

    name = "japanese_vowels"
    inputs, outputs, ragged, balanced = COEFFICIENTS, SPEAKERS, True, True
    examples = PARTS["train"]

    def read(self) -> dict[str, tuple[np.ndarray, ...]]:
        return {part: _as_arrays(*utterances(part)) for part in PARTS}


def utterances(*parts: str, standardised: bool = True) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the utterances (T, 12) and speakers (n,) of some of ``PARTS``.

    Args:
      parts: keys of ``PARTS``.
      standardised: standardise by the training utterances.
    """
    found = japanese_vowels()
    own, other = np.split(stratified_order(found["train"].speakers), [PARTS["train"]])
    every = {"train": own, "validation": other, "test": np.arange(PARTS["test"])}
    chosen = [(found["test" if part == "test" else "train"], every[part]) for part in parts]
    x = [series.x[k] for series, numbers in chosen for k in numbers]
    if standardised:
        steps = np.concatenate([found["train"].x[k] for k in own])
        mean, deviation = np.mean(steps, axis=0), np.std(steps, axis=0)
        x = [(x_TD - mean) / deviation for x_TD in x]
    return x, np.concatenate([series.speakers[numbers] for series, numbers in chosen])


def _as_arrays(x: list[np.ndarray], speakers: np.ndarray) -> tuple[np.ndarray, ...]:
    lengths = np.array([len(x_TD) for x_TD in x], np.int32)
    return padded(x, LONGEST).astype(np.float32), speakers, lengths
