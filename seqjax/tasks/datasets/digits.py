"""Handwritten digits of 8 x 8 pixels as sequences of rows, of pixels, or of permuted pixels."""

import dataclasses

import numpy as np

from seqjax.data.digits import PARTS, digits
from seqjax.tasks.base import DataSetTask

SIDE = 8
PERMUTATION_SEED = 0


@dataclasses.dataclass(frozen=True)
class DigitsRows(DataSetTask):
    """Classify an 8 x 8 image, read in 8 steps of one row, at the last step.

    1,000 training, 297 validation and 500 test images (``seqjax.data.digits``). Metric:
    ``accuracy`` over ten classes, 1/10 at chance.
    """

    name = "digits_rows"
    inputs, outputs, balanced = 8, 10, True
    examples = PARTS["train"]

    def read(self) -> dict[str, tuple[np.ndarray, ...]]:
        return {part: (x.reshape(len(x), -1, self.inputs), y) for part, (x, y) in digits().items()}


@dataclasses.dataclass(frozen=True)
class DigitsPixels(DigitsRows):
    """As ``DigitsRows``, read in 64 steps of one pixel."""

    name = "digits_pixels"
    inputs = 1


@dataclasses.dataclass(frozen=True)
class DigitsPixelsPermuted(DigitsPixels):
    """As ``DigitsPixels``, with the pixels of all images in one fixed random order."""

    name = "digits_pixels_permuted"

    def read(self) -> dict[str, tuple[np.ndarray, ...]]:
        order = np.random.RandomState(PERMUTATION_SEED).permutation(SIDE**2)  # its stream is frozen
        return {part: (x[:, order], y) for part, (x, y) in super().read().items()}
