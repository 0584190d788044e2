"""Memorisation: repeat five letters (Jozefowicz et al. 2015)."""

import dataclasses

import jax
import jax.numpy as jnp

from seqjax.metrics import losses
from seqjax.tasks.base import Batch, GeneratedTask
from seqjax.types import Array

LETTERS, RECALLED = 26, 5
MARK = LETTERS


@dataclasses.dataclass(frozen=True)
class Memorization(GeneratedTask):
    """Five letters out of 26, then five marks; the target at each mark is the next letter.

    Jozefowicz, Zaremba and Sutskever dropped architectures with a recall below 95 % on this task.
    Summaries of the paper leave details open. Here letters are uniform and independent, so they
    may repeat; every answering step reads the same mark, and answers are not fed back; the loss
    and the metric ``recall``, 1/26 at chance, are over single letters.

    There are 26^5 = 11.9 million sequences, so some test sequences may also occur in training.
    """

    name = "memorization"
    inputs, outputs, symbols, every_step = LETTERS + 1, LETTERS, True, True
    metric, balanced = "recall", True

    def sample(self, key: Array, batch_size: int) -> Batch:
        letters = jax.random.randint(key, (RECALLED, batch_size), 0, LETTERS, jnp.int32)
        weight = jnp.ones((RECALLED, batch_size), jnp.float32)
        return Batch(
            jnp.concatenate([letters, jnp.full_like(letters, MARK)]),
            jnp.concatenate([jnp.zeros_like(letters), letters]),
            jnp.concatenate([jnp.zeros_like(weight), weight]),
        )

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        return {"recall": (losses.correct(logits, batch.y), batch.weight)}

    def chance_metric(self) -> float:
        return 1 / LETTERS
