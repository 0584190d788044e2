"""Temporal order: classify which two targets occurred in which order (Pascanu et al. 2013)."""

import dataclasses

import jax
import jax.numpy as jnp

from seqjax.tasks.base import LONGEST, Batch, GeneratedTask
from seqjax.types import Array, check_size

TARGETS, DISTRACTORS = 2, 4


@dataclasses.dataclass(frozen=True)
class TemporalOrder(GeneratedTask):
    """Distractors, with a target uniform in [T/10, T/5) and another in [T/2, 3T/5).

    Six symbols: targets 0 and 1, distractors 2 to 5. The class, read at the last of T >= 20 steps,
    is first + 2 · second. Metric: ``accuracy``, 1/4 at chance.

    Attributes:
      length: T, steps of a sequence, 20 or more.
    """

    length: int = 50

    name = "temporal_order"
    inputs, outputs, symbols, balanced = TARGETS + DISTRACTORS, TARGETS**2, True, True

    def __post_init__(self) -> None:
        check_size("length", self.length, 20, LONGEST)

    def sample(self, key: Array, batch_size: int) -> Batch:
        T, B = self.length, batch_size
        keys = jax.random.split(key, 4)
        x_TB = jax.random.randint(keys[0], (T, B), TARGETS, TARGETS + DISTRACTORS, jnp.int32)
        first, second = jax.random.randint(keys[1], (2, 1, B), 0, TARGETS, jnp.int32)
        early = jax.random.randint(keys[2], (1, B), T // 10, T // 5, jnp.int32)
        late = jax.random.randint(keys[3], (1, B), T // 2, 3 * T // 5, jnp.int32)
        step = jnp.arange(T, dtype=jnp.int32)[:, None]
        x_TB = jnp.where(step == early, first, jnp.where(step == late, second, x_TB))
        return Batch(x_TB, (first + TARGETS * second)[0], jnp.ones((B,), jnp.float32))
