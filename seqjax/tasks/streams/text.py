"""Any written text, character by character, in bits a character."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.data import texts
from seqjax.data.folder import DataError
from seqjax.tasks.base import check_length
from seqjax.tasks.streams.base import StreamTask, Text
from seqjax.tasks.streams.characters import sizes_of
from seqjax.types import check_most, named_key

MOST_SYMBOLS = 2**16 - 1


@dataclasses.dataclass(frozen=True)
class WrittenText(StreamTask):
    """The next character (code point) of a UTF-8 text from the folder of data sets.

    The first 90 % are for training, the next 5 % for validation, the last 5 % for the test. The
    symbols are the ``vocabulary`` most frequent characters of the training part, and one for all
    others, of which no one is told which it is. Only who trains needs the file.

    A lane reads ``fresh`` windows on end, then goes on from the zero state at another place, drawn
    from the run's key; lanes do so at different steps. One that never starts anew forgets how: of
    networks of 128 units trained for 4,000 steps on Tiny Shakespeare two read some stretches of the
    held-out parts, which start from the zero state, at 12 bits a character.

    Metrics: ``bits`` a character, at chance the entropy of single ones in training; ``accuracy``.
    """

    file: str = "tinyshakespeare/input.txt"
    vocabulary: int = 255
    fresh: int = 16

    name, metric, higher_is_better = "text", "bits", False
    links = ("softmax",)

    def __post_init__(self):
        check_length(self, 1)
        if self.fresh < 1:
            raise ValueError(f"fresh: expected at least 1, got {self.fresh}")
        check_most(vocabulary=(self.vocabulary, MOST_SYMBOLS))
        if self.vocabulary < 1:
            raise ValueError(f"vocabulary: expected at least 1, got {self.vocabulary}")

    @property
    def inputs(self) -> int:
        return self.vocabulary + 1

    outputs = inputs

    @property
    def sizes(self) -> dict[str, int]:
        return {part: len(text.symbols_N) for part, text in self.read().items()}

    def read(self):
        parts = _parts(self.file, self.vocabulary)
        least = {"train": self.length, "validation": 2, "test": 2}
        for part, text in parts.items():
            if len(text.symbols_N) < least[part]:
                size = f"{part} has {len(text.symbols_N):,} characters"
                raise DataError(f"{self.file}: {size}, but at least {least[part]:,} are needed")
        if np.ptp(parts["train"].symbols_N) == 0:
            said = "train has one character throughout, and nothing is to be predicted"
            raise DataError(f"{self.file}: {said}")
        return parts

    def rows(self, data, key, first, count, batch_size):
        """(count, B, 2): where each lane reads, and how many windows it has read on end before."""
        del data
        lane_B = jnp.arange(batch_size, dtype=jnp.int32)
        window_KB = first + jnp.arange(count, dtype=jnp.int32)[:, None]
        window_KB = window_KB + (lane_B * self.fresh // batch_size)[None]
        whole = self.sizes["train"] // self.length * self.length

        def start(lane, stretch):
            own = jax.random.fold_in(jax.random.fold_in(named_key(key, "training"), lane), stretch)
            return jax.random.randint(own, (), 0, whole, jnp.int32)

        start_KB = jax.vmap(jax.vmap(start), (None, 0))(lane_B, window_KB // self.fresh)
        before_KB = window_KB % self.fresh
        return jnp.stack([(start_KB + before_KB * self.length) % whole, before_KB], axis=-1)

    def batch(self, data, row, batch_size):
        place_B, before_B = row.T
        return super().batch(data, place_B, batch_size)._replace(fresh_B=before_B == 0)

    def chance_metric(self) -> float:
        return self.chance_loss("softmax") / math.log(2)


@functools.cache
def _parts(file: str, vocabulary: int) -> dict[str, Text]:
    text = texts.written(file)
    sizes = sizes_of(len(text))
    kind = np.uint8 if vocabulary < 2**8 else np.uint16
    symbols_N = texts.vocabulary(text[: sizes["train"]], vocabulary).encode(text).astype(kind)
    parts = np.split(symbols_N, np.cumsum([*sizes.values()])[:-1])
    return {p: Text(own, np.ones(len(own), bool)) for p, own in zip(sizes, parts, strict=True)}
