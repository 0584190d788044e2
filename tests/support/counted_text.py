"""A text whose symbols are their places, and the batches that lanes read of it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from support.batches import data_of, program

from seqjax.tasks.streams.base import StreamTask, Text


@dataclasses.dataclass(frozen=True)
class Counted(StreamTask):
    """A text whose symbols are their places; every third is not scored."""

    name = "counted"
    inputs = outputs = 50
    sizes = {"train": 23, "validation": 9, "test": 12}  # noqa: RUF012
    stretch, at_once = 5, 10

    def read(self):
        symbols_N = np.arange(44, dtype=np.uint8)
        whole = Text(symbols_N, symbols_N % 3 > 0)
        pieces = [slice(0, 23), slice(23, 32), slice(32, 44)]
        parts = (Text(*(array[piece] for array in whole)) for piece in pieces)
        return dict(zip(self.sizes, parts, strict=True))


def rows_of(task, first, count, batch_size, key=3):
    key = jax.random.key(key) if isinstance(key, int) else key
    return np.asarray(program(task, "rows", 3, 4)(None, key, jnp.int32(first), count, batch_size))


def batches_of(task, count, batch_size, key=3):
    for row in rows_of(task, 0, count, batch_size, key):
        batch = program(task, "batch", 2)(data_of(task), row, batch_size)
        yield jax.tree.map(np.asarray, batch)
