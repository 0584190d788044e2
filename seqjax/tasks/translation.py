"""Messages of programs from English into French, character by character."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from seqjax import losses
from seqjax.chrf import chrf
from seqjax.data.messages import ALPHABET, LONGEST, PARTS, messages
from seqjax.modules import SequenceModel
from seqjax.tasks.base import Batch, DataSetTask
from seqjax.types import Array

END = 0
"""What stands before the first character of a target, and after the last of any text."""


def encoded(text: str) -> np.ndarray:
    """A text of characters of ``ALPHABET``, (LONGEST + 1,) symbols: 1 … and ``END`` to the end."""
    symbols_T = np.full(LONGEST + 1, END, np.int32)
    symbols_T[: len(text)] = [ALPHABET.index(sign) + 1 for sign in text]
    return symbols_T


@dataclasses.dataclass(frozen=True)
class Translation(DataSetTask):
    """The French of a message, after the English has been read backwards.

    2,603 training, 331 validation and 353 test messages (``seqjax.data.messages``) of at most 60
    characters. The encoder reads the source from its end, so that what belongs together is near
    (Sutskever et al. 2014); the decoder predicts each character of the target, and its end, from
    those before it.

    Metrics:
      bits: a character of the target, its end included, when those before it are given; at chance
        the entropy of single ones in training.
      accuracy: of the likeliest character, likewise.
      chrf, chrf_validation: of what the trained decoder says when it reads what it has said before,
        always the likeliest character; the mean over the messages of a part.
      exact: how often that is the test translation, to the character.
    """

    name = "translation"
    inputs = outputs = sources = len(ALPHABET) + 1
    symbols, every_step, next_step, ragged = True, True, True, True
    links = ("softmax",)
    metric, higher_is_better = "bits", False
    examined = ("chrf", "exact", "chrf_validation")
    examples = PARTS["train"]

    def read(self):
        return {part: _arrays(pairs) for part, pairs in messages().items()}

    def batch(self, data, row, batch_size):
        one = super().batch(data, row, batch_size)
        y_TB = jnp.swapaxes(one.y, 0, 1)
        x_TB = jnp.pad(y_TB[:-1], ((1, 0), (0, 0)), constant_values=END)
        lengths_B = 1 + jnp.sum((y_TB != END).astype(jnp.int32), axis=0)
        inside_TB = jnp.arange(len(y_TB), dtype=jnp.int32)[:, None] < lengths_B[None]
        weight_TB = jnp.where(inside_TB, one.weight[None], 0)
        return Batch(x_TB, y_TB, weight_TB, lengths_B, source=one.x, source_lengths_B=one.lengths_B)

    def metrics(self, link, logits, batch):
        bits = losses.class_loss("softmax", logits, batch.y) / math.log(2)
        return super().metrics(link, logits, batch) | {"bits": (bits, batch.weight)}

    def examine(self, data, model, key):
        del key

        def of_row(row):
            batch = self.evaluation_batch(data, row)
            said_TB = translated(model, batch)
            exact_B = jnp.all(said_TB == batch.y, axis=0).astype(jnp.float32)
            return chrf(said_TB, batch.y), exact_B, batch.weight[0]

        def of_part(rows):
            chrf_NB, exact_NB, weight_NB = jax.lax.map(of_row, rows)
            return (losses.masked_mean(values, weight_NB) for values in (chrf_NB, exact_NB))

        (validation, _), (test, exact) = map(of_part, data["evaluation"])
        return {"chrf": test, "exact": exact, "chrf_validation": validation}

    def chance_metric(self) -> float:
        return self.chance_loss("softmax") / math.log(2)

    def chance_loss(self, link: str) -> float:
        """The entropy of the characters of the targets, ends included, in training."""
        _, y, _ = self.read()["train"]
        counts = np.bincount(y[y != END], minlength=self.outputs)
        counts[END] = len(y)
        return losses.constant_class_loss(link, counts / counts.sum())


def _arrays(pairs: list[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sources from their ends, (n, 60), targets (n, 61), lengths of the sources (n,)."""
    x = np.stack([encoded(source[::-1])[:LONGEST] for source, _ in pairs])
    y = np.stack([encoded(target) for _, target in pairs])
    return x, y, np.array([len(source) for source, _ in pairs], np.int32)


def translated(model: SequenceModel, batch: Batch) -> Array:
    """(T, B): character after character the likeliest after those before it, up to ``END``."""

    def step(before, _):
        symbol_B, carry = before
        logits_TBV, carry = model.go_on(symbol_B[None], carry)
        symbol_B = jnp.argmax(logits_TBV[0], axis=-1).astype(jnp.int32)
        return (symbol_B, carry), symbol_B

    carry = model.encode(batch.source, batch.source_lengths_B)
    start = jnp.full(batch.y.shape[1:], END, jnp.int32), carry
    _, said_TB = jax.lax.scan(step, start, length=len(batch.y))
    return said_TB * jnp.cumprod((said_TB != END).astype(jnp.int32), axis=0)
