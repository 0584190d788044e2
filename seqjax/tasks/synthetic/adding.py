"""The adding problem: add two marked numbers of a sequence (Hochreiter and Schmidhuber 1997).

``AddingBai`` is the variant of Bai, Kolter and Koltun 2018.
"""

import dataclasses

import jax
import jax.numpy as jnp

from seqjax.metrics import losses
from seqjax.tasks.base import LONGEST, Batch, GeneratedTask
from seqjax.types import Array, check_name, check_size

VARIANTS = {"halves": 2, "pascanu": 10, "hochreiter": 10}
"""Smallest length T of each variant."""


@dataclasses.dataclass(frozen=True)
class Adding(GeneratedTask):
    """x_t = (value, marker); the target, read out at the end, is a function of two marked values.

    Variants:
      halves: T steps, values U[0, 1], one marker uniform in each half, target a + b. Chance 1/6.
      pascanu: T to T + T/10 steps, values U[0, 1], markers uniform in [0, T/10) and [T/10, T/2),
        target (a + b) / 2. Chance 1/24. (Pascanu et al. 2013, their code.)
      hochreiter: T to T + T/10 steps, values U[-1, 1], first and last marker -1, one marker among
        the first ten steps, one among the first T/2 - 1 unmarked ones, target 1/2 + (a + b) / 4;
        a marked first step has value 0. (Hochreiter and Schmidhuber 1997.)

    Metrics: ``mse``; ``solved``, share with |error| < .04 (pascanu: squared error < .04).

    Attributes:
      length: T, the steps of the shortest sequence.
      variant: values, markers and target: "halves", "pascanu" or "hochreiter".

    Raises:
      ValueError: the variant is unknown, or the length is too small or too large.
    """

    length: int = 50
    variant: str = "halves"

    name = "adding"
    targets, inputs, outputs = "values", 2, 1

    def __post_init__(self) -> None:
        check_name("variant", self.variant, "variant", VARIANTS)
        check_size("length", self.length, VARIANTS[self.variant], LONGEST)

    def sample(self, key: Array, batch_size: int) -> Batch:
        T, B = self.length, batch_size
        longest = T if self.variant == "halves" else T + T // 10
        keys = jax.random.split(key, 4)
        length_1B = jax.random.randint(keys[0], (1, B), T, longest + 1, jnp.int32)
        low = -1.0 if self.variant == "hochreiter" else 0.0
        value_TB = jax.random.uniform(keys[1], (longest, B), jnp.float32, low)
        first_1B, second_1B = self._places(keys[2], keys[3], (1, B))
        step_T1 = jnp.arange(longest, dtype=jnp.int32)[:, None]
        marked_TB = (step_T1 == first_1B) | (step_T1 == second_1B)
        marker_TB = marked_TB.astype(value_TB.dtype)
        if self.variant == "hochreiter":
            ends_TB = (step_T1 == 0) | (step_T1 == length_1B - 1)
            marker_TB = jnp.where(ends_TB & ~marked_TB, -1, marker_TB)
            value_TB = jnp.where((step_T1 == 0) & marked_TB, 0, value_TB)
        valid_TB = step_T1 < length_1B
        sum_B = jnp.sum(jnp.where(marked_TB, value_TB, 0), axis=0)
        x_TBD = jnp.where(valid_TB[:, :, None], jnp.stack([value_TB, marker_TB], axis=-1), 0)
        y_B = {"halves": sum_B, "pascanu": sum_B / 2, "hochreiter": 0.5 + sum_B / 4}[self.variant]
        fixed = self.variant == "halves"
        return Batch(x_TBD, y_B, jnp.ones_like(y_B), None if fixed else length_1B[0])

    def _places(self, key_1: Array, key_2: Array, shape: tuple) -> tuple[Array, Array]:
        """The steps of the first and the second marker."""
        T = self.length
        if self.variant == "hochreiter":
            first = jax.random.randint(key_1, shape, 0, 10, jnp.int32)
            second = jax.random.randint(key_2, shape, 0, T // 2 - 1, jnp.int32)
            return first, jnp.where(second >= first, second + 1, second)  # skips the first marker
        middle, end = (T // 2, T) if self.variant == "halves" else (T // 10, T // 2)
        first = jax.random.randint(key_1, shape, 0, middle, jnp.int32)
        return first, jax.random.randint(key_2, shape, middle, end, jnp.int32)

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        error = losses.value(link, logits) - batch.y
        close = jnp.square(error) < (0.04 if self.variant == "pascanu" else 0.04**2)
        return {
            "mse": (jnp.square(error), batch.weight),
            "solved": (close.astype(error.dtype), batch.weight),
        }

    def chance_metric(self) -> float:
        if self.variant == "halves":
            return 1 / 6
        if self.variant == "pascanu":
            return 1 / 24
        zeroed = 0.1 + 0.9 / (self.length // 2 - 1)  # expected marked values at the first step
        return (2 - zeroed) / 3 / 16

    def best_loss(self, link: str) -> float:
        """Return 0; for a logistic readout of a + b, E[max(a + b - 1, 0)²] = 1/12."""
        return 1 / 12 if self.variant == "halves" and link == "logistic" else 0.0

    def chance_loss(self, link: str) -> float:
        del link  # the loss is the squared error under both links
        return self.chance_metric()


@dataclasses.dataclass(frozen=True)
class AddingBai(GeneratedTask):
    """The adding problem with markers anywhere.

        x_t = (u_t, marker_t), u_t ~ U[0, 1], marker_t = 1 at two steps i ≠ j, else 0
        y = u_i + u_j

    Sequences have T steps; the pair of marked steps is uniform among all pairs, so that the last
    step may be marked. Read out at the last step. Metrics: ``mse``, 1/6 at chance; ``solved``, the
    share with |error| < .04.

    Bai, Kolter and Koltun 2018 (arXiv 1803.01271, section 5.1) and their code.

    Attributes:
      length: T, steps of a sequence.
    """

    length: int = 50

    name = "adding_bai"
    targets, inputs, outputs = "values", 2, 1

    def __post_init__(self) -> None:
        check_size("length", self.length, 2, LONGEST)

    def sample(self, key: Array, batch_size: int) -> Batch:
        T, B = self.length, batch_size
        keys = jax.random.split(key, 3)
        value_TB = jax.random.uniform(keys[0], (T, B), jnp.float32)
        one_1B = jax.random.randint(keys[1], (1, B), 0, T, jnp.int32)
        other_1B = jax.random.randint(keys[2], (1, B), 0, T - 1, jnp.int32)
        other_1B = jnp.where(other_1B >= one_1B, other_1B + 1, other_1B)  # skips the other marker
        step_T1 = jnp.arange(T, dtype=jnp.int32)[:, None]
        marker_TB = ((step_T1 == one_1B) | (step_T1 == other_1B)).astype(value_TB.dtype)
        y_B = jnp.sum(value_TB * marker_TB, axis=0)
        return Batch(jnp.stack([value_TB, marker_TB], axis=-1), y_B, jnp.ones_like(y_B))

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        error = losses.value(link, logits) - batch.y
        close = jnp.square(error) < 0.04**2
        return {
            "mse": (jnp.square(error), batch.weight),
            "solved": (close.astype(error.dtype), batch.weight),
        }

    def chance_metric(self) -> float:
        return 1 / 6

    def chance_loss(self, link: str) -> float:
        del link  # the loss is the squared error under both links
        return 1 / 6

    def best_loss(self, link: str) -> float:
        """Return 0; for a logistic readout E[max(u_i + u_j - 1, 0)²] = 1/12."""
        return 1 / 12 if link == "logistic" else 0.0
