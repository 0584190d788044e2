"""Long texts read in windows, with the recurrent state carried from window to window."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.metrics import losses
from seqjax.tasks.base import HELD_OUT, LONGEST, PARTS, Batch, Task
from seqjax.types import Array, check_size, named_key


class Text(NamedTuple):
    """A text as symbols.

    Attributes:
      symbols_N: unsigned integers below the size of the alphabet.
      scored_N: True where the prediction of the symbol counts in loss and metrics.
    """

    symbols_N: np.ndarray
    scored_N: np.ndarray


def encoded(text: str, alphabet: str) -> np.ndarray:
    """Return the index of each character in an alphabet of ASCII characters, uint8.

    >>> encoded("<ab>", "ab<>").tolist()
    [2, 0, 1, 3]
    """
    places = np.zeros(128, np.uint8)
    places[list(alphabet.encode("ascii"))] = np.arange(len(alphabet))
    return places[list(text.encode("ascii"))]


@dataclasses.dataclass(frozen=True)
class StreamTask(Task):
    """Prediction of the next symbol of a cyclic text: x_t = s_t, y_t = s_{t+1}.

    Training uses the first n complete windows of ``length`` steps as a cycle. Lane b of a batch
    starts at an offset drawn with the key of the run and reads at training step k

        s_t with t = offset_b + k · length, …, offset_b + (k + 1) · length - 1 (mod n · length).

    If ``carried``, the recurrent state continues from window to window and the gradient stops
    between them: truncated back-propagation over ``length`` steps, as in Jozefowicz et al. 2015
    (batch 20, 35 steps). Otherwise the same windows start from the zero state.

    Evaluation predicts each symbol of the held-out text except the first, once. It reads the text
    in segments that start from the zero state and have max(1,024, ``length``) steps if ``carried``,
    else ``length`` steps.

    Metrics over the scored symbols: ``accuracy``, at chance the frequency of the most frequent
    training symbol; ``bits`` per symbol, the softmax loss in units of ln 2.

    Attributes:
      length: steps of a training window.
      carried: start each training window from the final state of the window before it.
      sizes: number of symbols of each part.
      stretch: steps of an evaluation segment; long, so that its first few steps weigh little.
      at_once: approximate number of symbols of an evaluation batch; bounds the memory.
    """

    length: int = 35
    carried: bool = True

    symbols, every_step, next_step, ragged = True, True, True, True
    sizes: ClassVar[Mapping[str, int]]
    stretch: ClassVar[int] = 1024
    at_once: ClassVar[int] = 2**15

    def __post_init__(self) -> None:
        check_size("length", self.length, 1, min(LONGEST, self.sizes["train"]))

    def read(self) -> Mapping[str, Text]:
        """Return the texts of "train", "validation" and "test", of the lengths ``sizes``."""
        raise NotImplementedError

    def data(self) -> dict[str, Any]:
        parts = self.read()
        train, *held_out = (parts[part] for part in PARTS)
        return {
            "train": train,
            "held_out": jax.tree.map(lambda *arrays: np.concatenate(arrays), *held_out),
            "evaluation": self._stretches(),
        }

    def _steps(self) -> int:
        """Return the steps of an evaluation segment."""
        longest = max(self.length, self.stretch) if self.carried else self.length
        return min(longest, max(self.sizes[part] for part in HELD_OUT) - 1)

    def _stretches(self) -> np.ndarray:
        """Return (2, rows, lanes, 2): start in the held-out text and steps of each segment."""
        size, parts, first = self._steps(), [], 0
        for symbols in (self.sizes[part] for part in HELD_OUT):
            start = np.arange(0, symbols - 1, size, dtype=np.int32)
            parts.append(np.stack([first + start, np.minimum(size, symbols - 1 - start)], axis=1))
            first += symbols
        most = max(map(len, parts))
        rows = -(-most * size // self.at_once)
        lanes = -(-most // rows)
        padded = [np.pad(part, ((0, rows * lanes - len(part)), (0, 0))) for part in parts]
        return np.stack(padded).astype(np.int32).reshape(2, rows, lanes, 2)

    def rows(self, data: Any, key: Array, first: Array, count: int, batch_size: int) -> Any:
        windows = self.sizes["train"] // self.length
        offset_1B = jax.random.randint(
            named_key(key, "training"), (1, batch_size), 0, windows * self.length, jnp.int32
        )
        window_K1 = (first + jnp.arange(count, dtype=jnp.int32)[:, None]) % windows
        return (offset_1B + window_K1 * self.length) % (windows * self.length)

    def evaluation_rows(self, data: Any, part: Array) -> Any:
        return data["evaluation"][part]

    def training_rows(self, data: Any) -> Any:
        """Return segments of the first training symbols, as many as validation has."""
        symbols, rows = min(self.sizes["train"], self.sizes["validation"]), data["evaluation"][0]
        start_NB, steps_NB = rows[..., 0], rows[..., 1]
        return jnp.stack([start_NB, jnp.clip(symbols - 1 - start_NB, 0, steps_NB)], axis=-1)

    def training_batch(self, data: Any, row: Any) -> Batch:
        return self._segments(data["train"], row)

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        del batch_size
        whole = self.sizes["train"] // self.length * self.length
        step_T1 = jnp.arange(self.length + 1, dtype=jnp.int32)[:, None]
        return _predicted(data["train"], (row[None] + step_T1) % whole)

    def evaluation_batch(self, data: Any, row: Any) -> Batch:
        return self._segments(data["held_out"], row)

    def _segments(self, text: Text, row: Any) -> Batch:
        """Return a batch of segments of a text; ``row`` has their starts and steps."""
        start_B, steps_B = row.T
        step_T1 = jnp.arange(self._steps() + 1, dtype=jnp.int32)[:, None]
        place_TB = jnp.minimum(start_B[None] + step_T1, text.symbols_N.size - 1)
        batch = _predicted(text, place_TB)
        weight_TB = jnp.where(step_T1[:-1] < steps_B[None], batch.weight, 0)
        return batch._replace(weight=weight_TB, lengths_B=steps_B)

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        bits = losses.class_loss("softmax", logits, batch.y) / math.log(2)
        return super().metrics(link, logits, batch) | {"bits": (bits, batch.weight)}

    def training_targets(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the symbols of the training text, and 1 for those that are scored."""
        text = self.read()["train"]
        return text.symbols_N, text.scored_N.astype(np.float64)


def _predicted(text: Text, place_TB: Array) -> Batch:
    """Return a batch of the symbols at ``place_TB`` and their successors."""
    symbols_TB = text.symbols_N[place_TB].astype(jnp.int32)
    weight_TB = text.scored_N[place_TB[1:]].astype(jnp.float32)
    return Batch(symbols_TB[:-1], symbols_TB[1:], weight_TB)
