"""Handwritten digits as sequences, row by row or pixel by pixel."""

import dataclasses

from seqjax.data.digits import PARTS, digits
from seqjax.tasks.base import DataSetTask


@dataclasses.dataclass(frozen=True)
class DigitsRows(DataSetTask):
    """An 8 x 8 image read in 8 steps of one row; ten classes at the last step.

    1,000 training, 297 validation and 500 test images. Metric: ``accuracy``, 1/10 at chance.
    """

    name = "digits_rows"
    inputs, outputs = 8, 10
    examples = PARTS["train"]

    def read(self):
        return {part: (x.reshape(len(x), -1, self.inputs), y) for part, (x, y) in digits().items()}


@dataclasses.dataclass(frozen=True)
class DigitsPixels(DigitsRows):
    """The same image read in 64 steps of one pixel."""

    name = "digits_pixels"
    inputs = 1
