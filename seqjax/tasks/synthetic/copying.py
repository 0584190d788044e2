"""The copying problem: recall ten symbols after a delay (Hochreiter and Schmidhuber 1997)."""

import dataclasses

import jax
import jax.numpy as jnp

from seqjax.metrics import losses
from seqjax.tasks.base import LONGEST, Batch, GeneratedTask
from seqjax.types import Array, check_size

SYMBOLS, RECALLED = 8, 10
BLANK, MARK = 0, 9


@dataclasses.dataclass(frozen=True)
class Copying(GeneratedTask):
    """Recall ten symbols, each one of eight, after a delay of T steps.

        x = s_1 … s_10, T - 1 blanks, a mark, 10 blanks        y = T + 10 blanks, s_1 … s_10

    Sequences have T + 20 steps. The loss is over all steps, so a predictor without memory reaches
    10 ln 8 / (T + 20), as in Arjovsky et al. 2016 and Tallec and Ollivier 2018. Metric: ``recall``,
    the accuracy on the last ten steps, 1/8 at chance.

    Attributes:
      length: T, steps from the last symbol to the mark.
    """

    length: int = 50

    name = "copying"
    inputs, outputs, symbols, every_step = SYMBOLS + 2, SYMBOLS + 1, True, True
    metric = "recall"

    def __post_init__(self) -> None:
        check_size("length", self.length, 1, LONGEST)

    def sample(self, key: Array, batch_size: int) -> Batch:
        T, B = self.length, batch_size
        symbols = jax.random.randint(key, (RECALLED, B), 1, SYMBOLS + 1, jnp.int32)
        blank = jnp.full((T + RECALLED, B), BLANK, symbols.dtype)
        delay = blank.at[T - 1].set(MARK)
        y_TB = jnp.concatenate([blank, symbols])
        return Batch(jnp.concatenate([symbols, delay]), y_TB, jnp.ones(y_TB.shape, jnp.float32))

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        last = jnp.arange(batch.y.shape[0])[:, None] >= self.length + RECALLED
        return {"recall": (losses.correct(logits, batch.y), jnp.where(last, batch.weight, 0))}

    def chance_metric(self) -> float:
        return 1 / SYMBOLS

    def chance_loss(self, link: str) -> float:
        """Return the loss of predicting all blanks with certainty and guessing the ten symbols."""
        return losses.chance_class_loss(link, SYMBOLS) * RECALLED / (self.length + 2 * RECALLED)
