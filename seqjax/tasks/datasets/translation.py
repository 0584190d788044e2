"""Translation of software messages from English into French, character by character."""

import dataclasses
import math
from typing import Any

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
"""Symbol before the first character of a target and after the last character of every text."""


def encoded(text: str, size: int = LONGEST + 1) -> np.ndarray:
    """Return a text as (size,) symbols, 1 + index in ``ALPHABET``, padded with ``END``."""
    symbols_T = np.full(size, END, np.int32)
    symbols_T[: len(text)] = [ALPHABET.index(sign) + 1 for sign in text]
    return symbols_T


@dataclasses.dataclass(frozen=True)
class Translation(RaggedTask):
    """Predict the French translation of an English message.

    2,603 training, 331 validation and 353 test messages of at most 60 characters
    (``seqjax.data.messages``). The encoder reads the source backwards, which shortens the distance
    between corresponding parts (Sutskever et al. 2014); the decoder predicts each character of the
    target, and its end, from the characters before it.

    Metrics:
      bits: bits per character of the target, including its end, given the characters before it; at
        chance the entropy of single characters in training.
      accuracy: share of these characters and ends that are the likeliest prediction.
      chrf, chrf_validation: mean chrF of greedy translations of the test and of validation; a
        translation ends with ``END`` or after 61 steps.
      exact: share of greedy test translations that equal the reference.
    """

    name = "translation"
    inputs = outputs = sources = len(ALPHABET) + 1
    symbols, every_step, next_step = True, True, True
    links = ("softmax",)
    metric, higher_is_better = "bits", False
    final_metrics = ("chrf", "exact", "chrf_validation")

    def read(self) -> dict[str, Sequences]:
        return {part: _sequences(pairs) for part, pairs in messages().items()}

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        both = super().batch(data, row, batch_size)
        source_TB, x_TB = both.x[..., 0], both.x[..., 1]
        source_length_B, given_B = (_length(symbols_TB) for symbols_TB in (source_TB, x_TB[1:]))
        inside_TB = jnp.arange(len(x_TB), dtype=jnp.int32)[:, None] <= given_B[None]
        weight_TB = jnp.where(inside_TB, both.weight, 0)
        y_TB = jnp.where(inside_TB, both.y, END)
        return Batch(
            x_TB, y_TB, weight_TB, given_B + 1, source=source_TB, source_lengths_B=source_length_B
        )

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        bits = losses.class_loss("softmax", logits, batch.y) / math.log(2)
        return super().metrics(link, logits, batch) | {"bits": (bits, batch.weight)}

    def final_evaluation(self, data: Any, model: Any, key: Array) -> dict[str, Array]:
        del key

        def of_row(row: Any) -> tuple[Array, Array, Array]:
            batch = self.evaluation_batch(data, row)
            hypothesis_TB = translated(model, batch)
            exact_B = jnp.all(hypothesis_TB == batch.y, axis=0).astype(jnp.float32)
            return chrf(hypothesis_TB, batch.y), exact_B, batch.weight[0]

        def of_part(rows: Any) -> tuple[Array, ...]:
            chrf_NB, exact_NB, weight_NB = jax.lax.map(of_row, rows)
            return tuple(losses.masked_mean(values, weight_NB) for values in (chrf_NB, exact_NB))

        parts = (self.evaluation_rows(data, part) for part in range(2))
        (validation, _), (test, exact) = map(of_part, parts)
        return {"chrf": test, "exact": exact, "chrf_validation": validation}

    def chance_metric(self) -> float:
        return self.chance_loss("softmax") / math.log(2)

    def chance_loss(self, link: str) -> float:
        """Return the entropy of the characters of the training targets, including ends."""
        _, y_N, lengths_S = self.read()["train"]
        counts = np.bincount(y_N, minlength=self.outputs)
        counts[END] = len(lengths_S)
        return losses.constant_class_loss(link, counts / counts.sum())


def _sequences(pairs: list[tuple[str, str]]) -> Sequences:
    """Return x: reversed sources and targets shifted by one step, side by side; y: targets."""
    sizes = [max(len(source), len(target) + 1) for source, target in pairs]
    sources = [encoded(source[::-1], n) for (source, _), n in zip(pairs, sizes, strict=True)]
    targets = [encoded(target, n) for (_, target), n in zip(pairs, sizes, strict=True)]
    given = [np.append(END, target_T[:-1]) for target_T in targets]
    x_N2 = np.stack([np.concatenate(sources), np.concatenate(given)], axis=1)
    return Sequences(x_N2.astype(np.int32), np.concatenate(targets), np.array(sizes, np.int32))


def _length(symbols_TB: Array) -> Array:
    """Return (B,) the number of symbols other than ``END``."""
    return jnp.sum((symbols_TB != END).astype(jnp.int32), axis=0)


def translated(model: SequenceModel, batch: Batch) -> Array:
    """Return greedy translations (T, B), with T of the batch and 0 from the end on."""

    def step(state: tuple[Array, Any], _: None) -> tuple[tuple[Array, Any], Array]:
        symbol_B, carry = state
        logits_TBV, carry = model.logits_and_carry(symbol_B[None], carry)
        symbol_B = jnp.argmax(logits_TBV[0], axis=-1).astype(jnp.int32)
        return (symbol_B, carry), symbol_B

    carry = model.encode(batch.source, batch.source_lengths_B)
    start = jnp.full(batch.y.shape[1:], END, jnp.int32), carry
    _, symbol_TB = jax.lax.scan(step, start, length=len(batch.y))
    return symbol_TB * jnp.cumprod((symbol_TB != END).astype(jnp.int32), axis=0)
