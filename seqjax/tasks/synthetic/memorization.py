"""Memorisation: read five letters, then say them again (Jozefowicz et al. 2015)."""

import dataclasses

import jax
import jax.numpy as jnp

from seqjax.metrics import losses
from seqjax.tasks.base import Batch, GeneratedTask
from seqjax.types import Array

LETTERS, KEPT = 26, 5
MARK = LETTERS
PASS = 0.95
"""The recall that a cell had to reach in the paper to be tried on anything else."""


@dataclasses.dataclass(frozen=True)
class Memorization(GeneratedTask):
    """Five of 26 letters, then five marks; at each mark the next letter is asked for, in order.

    Jozefowicz, Zaremba and Sutskever used it as a cheap filter of architectures: those under 95 %
    (``PASS``) were dropped. The summaries at hand leave open how the letters are drawn, what is
    read while answering, and what is counted. Here letters are uniform and independent, so that
    they may repeat; every answering step reads the same mark, and no answer is fed back; the loss
    and ``recall``, 1/26 at chance, are over single letters of the answer, not over whole answers.

    There are 26^5 sequences, 11.9 million, so some of those trained on may be tested.
    """

    name = "memorization"
    inputs, outputs, symbols, every_step = LETTERS + 1, LETTERS, True, True
    metric = "recall"

    def sample(self, key: Array, batch_size: int) -> Batch:
        kept = jax.random.randint(key, (KEPT, batch_size), 0, LETTERS, jnp.int32)
        weight = jnp.ones((KEPT, batch_size), jnp.float32)
        return Batch(
            jnp.concatenate([kept, jnp.full_like(kept, MARK)]),
            jnp.concatenate([jnp.zeros_like(kept), kept]),
            jnp.concatenate([jnp.zeros_like(weight), weight]),
        )

    def metrics(self, link, logits, batch):
        return {"recall": (losses.correct(logits, batch.y), batch.weight)}
