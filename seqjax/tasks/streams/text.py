"""Prediction of any UTF-8 text, character by character, in bits per character."""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.data import texts
from seqjax.data.folder import DataError
from seqjax.tasks.base import LONGEST, Batch
from seqjax.tasks.streams.base import StreamTask, Text
from seqjax.tasks.streams.characters import sizes_of, split
from seqjax.types import Array, check_size, named_key

MOST_SYMBOLS = 2**16 - 1


@dataclasses.dataclass(frozen=True)
class WrittenText(StreamTask):
    """Predict the next character (code point) of a UTF-8 text.

    The first 90 % are training data, the next 5 % validation, the last 5 % test. The
    ``vocabulary`` most frequent characters of the training part have a symbol each; all other
    characters share one symbol.

    A lane reads ``fresh`` consecutive windows and then restarts from the zero state at another
    position, drawn with the key of the run; lanes restart at different steps. Without restarts
    networks can lose the ability to start from the zero state: two networks with 128 units, trained
    for 4,000 steps on Tiny Shakespeare, needed 12 bits per character on some evaluation segments.

    Attributes:
      file: "data set/file", relative to the folder of data sets.
      vocabulary: number of most frequent characters with their own symbol, 1 … 65,535.
      fresh: consecutive windows that a lane reads before it restarts from the zero state.

    Metrics: ``bits`` per character, at chance the entropy of single characters in training;
    ``accuracy``.

    Raises:
      ValueError: a field is out of its range.
    """

    file: str = "tinyshakespeare/input.txt"
    vocabulary: int = 255
    fresh: int = 16

    name, metric, higher_is_better = "text", "bits", False
    links = ("softmax",)

    def __post_init__(self) -> None:
        check_size("length", self.length, 1, LONGEST)
        check_size("fresh", self.fresh, 1, LONGEST)
        check_size("vocabulary", self.vocabulary, 1, MOST_SYMBOLS)

    @property
    def inputs(self) -> int:
        return self.vocabulary + 1

    outputs = inputs

    @property
    def sizes(self) -> dict[str, int]:
        return {part: len(text.symbols_N) for part, text in self.read().items()}

    def read(self) -> dict[str, Text]:
        parts = _parts(self.file, self.vocabulary)
        least = {"train": self.length, "validation": 2, "test": 2}
        for part, text in parts.items():
            if len(text.symbols_N) < least[part]:
                need, got = least[part], len(text.symbols_N)
                raise DataError(
                    f"{self.file}: {part}: expected at least {need:,} characters, got {got:,}"
                )
        if np.ptp(parts["train"].symbols_N) == 0:
            raise DataError(
                f"{self.file}: train: expected at least two different characters, got 1"
            )
        return parts

    def rows(self, data: Any, key: Array, first: Array, count: int, batch_size: int) -> Any:
        """Return (count, B, 2): each lane's position, and its windows since the last restart."""
        del data
        lane_B = jnp.arange(batch_size, dtype=jnp.int32)
        window_KB = first + jnp.arange(count, dtype=jnp.int32)[:, None]
        window_KB = window_KB + (lane_B * self.fresh // batch_size)[None]
        whole = self.sizes["train"] // self.length * self.length

        def start(lane: Array, stretch: Array) -> Array:
            of_lane = jax.random.fold_in(named_key(key, "training"), lane)
            return jax.random.randint(jax.random.fold_in(of_lane, stretch), (), 0, whole, jnp.int32)

        start_KB = jax.vmap(jax.vmap(start), (None, 0))(lane_B, window_KB // self.fresh)
        before_KB = window_KB % self.fresh
        return jnp.stack([(start_KB + before_KB * self.length) % whole, before_KB], axis=-1)

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        place_B, before_B = row.T
        return super().batch(data, place_B, batch_size)._replace(reset_B=before_B == 0)

    def chance_metric(self) -> float:
        return self.chance_loss("softmax") / math.log(2)


@functools.cache
def _parts(file: str, vocabulary: int) -> dict[str, Text]:
    text = texts.written(file)
    known = texts.frequent(text[: sizes_of(len(text))["train"]], vocabulary)
    kind = np.uint8 if vocabulary < 2**8 else np.uint16
    return split(texts.encode(text, known).astype(kind))
