"""Messages of programs from English into French, character by character."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.data.messages import ALPHABET, LONGEST, messages
from seqjax.metrics import losses
from seqjax.metrics.chrf import chrf
from seqjax.models.sequence import SequenceModel
from seqjax.tasks.base import Batch
from seqjax.tasks.datasets.ragged import RaggedTask, Sequences
from seqjax.types import Array

END = 0
"""What stands before the first character of a target, and after the last of any text."""


def encoded(text: str, size: int = LONGEST + 1) -> np.ndarray:
    """A text of characters of ``ALPHABET`` as so many symbols, 1 and up, and ``END`` behind it."""
    symbols_T = np.full(size, END, np.int32)
    symbols_T[: len(text)] = [ALPHABET.index(sign) + 1 for sign in text]
    return symbols_T


@dataclasses.dataclass(frozen=True)
class Translation(RaggedTask):
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
        always the likeliest character, until it says the end or is as long as the longest message
        of all (61 steps, whatever the reference has); the mean over the messages of a part.
      exact: how often that is the test translation, to the character.
    """

    name = "translation"
    inputs = outputs = sources = len(ALPHABET) + 1
    symbols, every_step, next_step = True, True, True
    links = ("softmax",)
    metric, higher_is_better = "bits", False
    examined = ("chrf", "exact", "chrf_validation")

    def read(self):
        return {part: _sequences(pairs) for part, pairs in messages().items()}

    def batch(self, data, row, batch_size):
        both = super().batch(data, row, batch_size)
        source_TB, x_TB = both.x[..., 0], both.x[..., 1]
        said_B, given_B = (_length(symbols_TB) for symbols_TB in (source_TB, x_TB[1:]))
        inside_TB = jnp.arange(len(x_TB), dtype=jnp.int32)[:, None] <= given_B[None]
        weight_TB = jnp.where(inside_TB, both.weight, 0)
        y_TB = jnp.where(inside_TB, both.y, END)
        return Batch(x_TB, y_TB, weight_TB, given_B + 1, source=source_TB, source_lengths_B=said_B)

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

        parts = (self.evaluation_rows(data, part) for part in range(2))
        (validation, _), (test, exact) = map(of_part, parts)
        return {"chrf": test, "exact": exact, "chrf_validation": validation}

    def chance_metric(self) -> float:
        return self.chance_loss("softmax") / math.log(2)

    def chance_loss(self, link: str) -> float:
        """The entropy of the characters of the targets, ends included, in training."""
        _, y_N, lengths_S = self.read()["train"]
        counts = np.bincount(y_N, minlength=self.outputs)
        counts[END] = len(lengths_S)
        return losses.constant_class_loss(link, counts / counts.sum())


def _sequences(pairs: list[tuple[str, str]]) -> Sequences:
    """Sources from their ends and targets after an ``END`` side by side; targets before one."""
    sizes = [max(len(source), len(target) + 1) for source, target in pairs]
    sources = [encoded(source[::-1], n) for (source, _), n in zip(pairs, sizes, strict=True)]
    targets = [encoded(target, n) for (_, target), n in zip(pairs, sizes, strict=True)]
    given = [np.append(END, target_T[:-1]) for target_T in targets]
    x_N2 = np.stack([np.concatenate(sources), np.concatenate(given)], axis=1)
    return Sequences(x_N2.astype(np.int32), np.concatenate(targets), np.array(sizes, np.int32))


def _length(symbols_TB: Array) -> Array:
    """(B,) symbols that are no ``END``."""
    return jnp.sum((symbols_TB != END).astype(jnp.int32), axis=0)


def translated(model: SequenceModel, batch: Batch) -> Array:
    """(T, B): character after character the likeliest after those before it, up to ``END``.

    T is that of the batch: what has not ended by then is cut there.
    """

    def step(before, _):
        symbol_B, carry = before
        logits_TBV, carry = model.logits_and_carry(symbol_B[None], carry)
        symbol_B = jnp.argmax(logits_TBV[0], axis=-1).astype(jnp.int32)
        return (symbol_B, carry), symbol_B

    carry = model.encode(batch.source, batch.source_lengths_B)
    start = jnp.full(batch.y.shape[1:], END, jnp.int32), carry
    _, said_TB = jax.lax.scan(step, start, length=len(batch.y))
    return said_TB * jnp.cumprod((said_TB != END).astype(jnp.int32), axis=0)
