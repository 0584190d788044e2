"""Long texts read in windows, of which each takes up the recurrent state that the last one left."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.metrics import losses
from seqjax.tasks.base import PARTS, Batch, Task, check_length
from seqjax.types import Array, check_most, named_key


class Text(NamedTuple):
    """Symbols in a row.

    Attributes:
      symbols_N: numbers below the size of the alphabet, unsigned.
      scored_N: booleans; whether predicting this symbol counts, in loss and metric.
    """

    symbols_N: np.ndarray
    scored_N: np.ndarray


def encoded(text: str, alphabet: str) -> np.ndarray:
    """The place of each character in an alphabet of ASCII characters, uint8.

    >>> encoded("<ab>", "ab<>").tolist()
    [2, 0, 1, 3]
    """
    places = np.zeros(128, np.uint8)
    places[list(alphabet.encode("ascii"))] = np.arange(len(alphabet))
    return places[list(text.encode("ascii"))]


@dataclasses.dataclass(frozen=True)
class StreamTask(Task):
    """Prediction of the next symbol of a text without end: x_t = s_t, y_t = s_{t+1}.

    Training cuts the text to n whole windows of ``length`` steps, after the last of which the first
    follows. Lane b of a batch starts at an offset drawn from the run's key, and reads at step s

        s_t with t = offset_b + s · length, …, offset_b + (s + 1) · length - 1 (mod n · length).

    When ``carried`` the recurrent state goes on from window to window and the gradient stops at
    their border: truncated back-propagation over ``length`` steps, as in Jozefowicz et al. 2015
    (batch 20, 35 steps). Otherwise every window starts from the zero state, at the same places.

    Evaluation predicts every symbol of the held-out text but its first, once: when ``carried`` in
    stretches of 1,024 steps (or of ``length``, if that is more), otherwise of ``length`` steps,
    each from the zero state.

    Metrics over the scored symbols: ``accuracy``, for which chance is the commonest of these in
    training, and ``bits`` a symbol, the loss of a softmax in units of ln 2.

    Attributes:
      sizes: symbols of each part.
      stretch: steps of an evaluation from one zero state: so many that its first few weigh little.
      at_once: symbols of an evaluation batch, about; it bounds the memory.
    """

    length: int = 35
    carried: bool = True

    symbols, every_step, next_step, ragged = True, True, True, True
    sizes: ClassVar[Mapping[str, int]]
    stretch: ClassVar[int] = 1024
    at_once: ClassVar[int] = 2**15

    def __post_init__(self):
        check_length(self, 1)
        check_most(length=(self.length, self.sizes["train"]))

    def read(self) -> Mapping[str, Text]:
        """The text of each part, as long as ``sizes`` says: "train", "validation", "test"."""
        raise NotImplementedError

    def data(self):
        parts = self.read()
        train, *held_out = (parts[part] for part in ("train", *PARTS))
        return {
            "train": train,
            "held_out": jax.tree.map(lambda *arrays: np.concatenate(arrays), *held_out),
            "evaluation": self._stretches(),
        }

    def _steps(self) -> int:
        """Of an evaluation from one zero state."""
        longest = max(self.length, self.stretch) if self.carried else self.length
        return min(longest, max(self.sizes[part] for part in PARTS) - 1)

    def _stretches(self) -> np.ndarray:
        """(2, rows, lanes, 2): where each lane starts in the held-out text, and its steps."""
        size, parts, first = self._steps(), [], 0
        for symbols in (self.sizes[part] for part in PARTS):
            start = np.arange(0, symbols - 1, size, dtype=np.int32)
            parts.append(np.stack([first + start, np.minimum(size, symbols - 1 - start)], axis=1))
            first += symbols
        most = max(map(len, parts))
        rows = -(-most * size // self.at_once)
        lanes = -(-most // rows)
        padded = [np.pad(part, ((0, rows * lanes - len(part)), (0, 0))) for part in parts]
        return np.stack(padded).astype(np.int32).reshape(2, rows, lanes, 2)

    def rows(self, data, key, first, count, batch_size):
        windows = self.sizes["train"] // self.length
        offset_1B = jax.random.randint(
            named_key(key, "training"), (1, batch_size), 0, windows * self.length, jnp.int32
        )
        window_K1 = (first + jnp.arange(count, dtype=jnp.int32)[:, None]) % windows
        return (offset_1B + window_K1 * self.length) % (windows * self.length)

    def evaluation_rows(self, data, part):
        return data["evaluation"][part]

    def batch(self, data, row, batch_size):
        del batch_size
        whole = self.sizes["train"] // self.length * self.length
        step_T1 = jnp.arange(self.length + 1, dtype=jnp.int32)[:, None]
        return _predicted(data["train"], (row[None] + step_T1) % whole)

    def evaluation_batch(self, data, row):
        text, (start_B, steps_B) = data["held_out"], row.T
        step_T1 = jnp.arange(self._steps() + 1, dtype=jnp.int32)[:, None]
        place_TB = jnp.minimum(start_B[None] + step_T1, text.symbols_N.size - 1)
        batch = _predicted(text, place_TB)
        weight_TB = jnp.where(step_T1[:-1] < steps_B[None], batch.weight, 0)
        return batch._replace(weight=weight_TB, lengths_B=steps_B)

    def metrics(self, link, logits, batch):
        bits = losses.class_loss("softmax", logits, batch.y) / math.log(2)
        return super().metrics(link, logits, batch) | {"bits": (bits, batch.weight)}

    def chance_metric(self) -> float:
        return float(_shares(self).max())

    def chance_loss(self, link: str) -> float:
        """The entropy of the scored symbols of the training text, for a softmax."""
        return losses.constant_class_loss(link, _shares(self))


def _predicted(text: Text, place_TB: Array) -> Batch:
    """Each symbol but the last of each lane, and the one after it."""
    symbols_TB = text.symbols_N[place_TB].astype(jnp.int32)
    weight_TB = text.scored_N[place_TB[1:]].astype(jnp.float32)
    return Batch(symbols_TB[:-1], symbols_TB[1:], weight_TB)


@functools.cache
def _shares(task: StreamTask) -> np.ndarray:
    """The share of each symbol among those scored in training."""
    text = task.read()["train"]
    counts = np.bincount(text.symbols_N[text.scored_N], minlength=task.outputs)
    return counts / counts.sum()
