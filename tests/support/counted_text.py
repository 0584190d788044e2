"""A text whose symbols are their positions, and the batches that lanes read of it."""

import dataclasses

import numpy as np
from support.batches import batch_of, rows_of

from seqjax.tasks.streams.base import StreamTask, Text


@dataclasses.dataclass(frozen=True)
class Counted(StreamTask):
    """A text whose symbols are their positions; every third is not scored."""

    name = "counted"
    inputs = outputs = 50
    sizes = {"train": 23, "validation": 9, "test": 12}  # noqa: RUF012
    stretch, at_once = 5, 10

    def read(self):
        symbols = np.split(np.arange(44, dtype=np.uint8), [23, 32])
        parts = (Text(symbols_N, symbols_N % 3 > 0) for symbols_N in symbols)
        return dict(zip(self.sizes, parts, strict=True))


def batches_of(task, count, batch_size, key=3):
    for row in rows_of(task, 0, count, batch_size, key):
        yield batch_of(task, row, batch_size)
