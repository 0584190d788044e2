"""Recall at a lag: predict the symbol a fixed number of steps before."""

import dataclasses

import jax
import jax.numpy as jnp

from seqjax.tasks.base import LONGEST, Batch, GeneratedTask
from seqjax.types import Array, check_size

SYMBOLS = 8


@dataclasses.dataclass(frozen=True)
class LagRecall(GeneratedTask):
    """T independent symbols, uniform among eight; the target at step t is the symbol at t - lag.

    The first ``lag`` steps have weight 0. With length = lag + 1 only the last step counts, and its
    target is the first symbol. Lag 0 needs no memory. Metric: ``accuracy``, 1/8 at chance.

    Attributes:
      length: T, steps of a sequence.
      lag: steps between a symbol and the step at which it is the target.

    Raises:
      ValueError: not 0 <= lag < length.
    """

    length: int = 10
    lag: int = 1

    name = "lag_recall"
    inputs, outputs, symbols, every_step, balanced = SYMBOLS, SYMBOLS, True, True, True

    def __post_init__(self) -> None:
        check_size("length", self.length, 1, LONGEST)
        check_size("lag", self.lag, 0, self.length - 1)

    def sample(self, key: Array, batch_size: int) -> Batch:
        x_TB = jax.random.randint(key, (self.length, batch_size), 0, SYMBOLS, jnp.int32)
        nothing = jnp.zeros((self.lag, batch_size), x_TB.dtype)
        y_TB = jnp.concatenate([nothing, x_TB[: self.length - self.lag]])
        asked_T1 = jnp.arange(self.length, dtype=jnp.int32)[:, None] >= self.lag
        return Batch(x_TB, y_TB, jnp.broadcast_to(asked_T1, y_TB.shape).astype(jnp.float32))
