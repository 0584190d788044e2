"""The copying problem: recall ten symbols after a delay (Hochreiter and Schmidhuber 1997).

Variants: a delay that varies (Tallec and Ollivier 2018), and an input that ends in marks (Bai,
Kolter and Koltun 2018).
"""

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


@dataclasses.dataclass(frozen=True)
class VariableCopying(Copying):
    """Recall ten symbols, each one of eight, after a delay of d steps, uniform in 1 … T.

        x = s_1 … s_10, d - 1 blanks, a mark, T - d + 10 blanks
        y = d + 10 blanks, s_1 … s_10, T - d blanks

    All sequences have T + 20 steps, so the loss of a predictor without memory is that of
    ``Copying``, 10 ln 8 / (T + 20). Metric: ``recall``, the accuracy on the ten steps after the
    mark, 1/8 at chance.

    From the description in Tallec and Ollivier 2018 (ICLR, section 3), after Henaff, Szlam and
    LeCun 2016: the delay is drawn from 1 to T. Their text does not say where the sequence ends; the
    blanks at the end are ours.

    Attributes:
      length: T, the longest delay.
    """

    name = "variable_copying"

    def sample(self, key: Array, batch_size: int) -> Batch:
        T, B = self.length, batch_size
        keys = jax.random.split(key)
        symbols = jax.random.randint(keys[0], (RECALLED, B), 1, SYMBOLS + 1, jnp.int32)
        delay_1B = jax.random.randint(keys[1], (1, B), 1, T + 1, jnp.int32)
        step_T1 = jnp.arange(T + 2 * RECALLED, dtype=jnp.int32)[:, None]
        mark_1B = RECALLED - 1 + delay_1B
        x_TB = jnp.where(step_T1 == mark_1B, MARK, BLANK).at[:RECALLED].set(symbols)
        place_TB = step_T1 - mark_1B - 1
        answered_TB = (place_TB >= 0) & (place_TB < RECALLED)
        recalled_TB = jnp.take_along_axis(symbols, jnp.clip(place_TB, 0, RECALLED - 1), axis=0)
        y_TB = jnp.where(answered_TB, recalled_TB, BLANK)
        return Batch(x_TB, y_TB, jnp.ones(y_TB.shape, jnp.float32))

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        answer = batch.y != BLANK
        return {"recall": (losses.correct(logits, batch.y), jnp.where(answer, batch.weight, 0))}


@dataclasses.dataclass(frozen=True)
class CopyingBai(Copying):
    """``Copying`` with marks from the first mark to the end of the input.

        x = s_1 … s_10, T - 1 blanks, 11 marks        y = T + 10 blanks, s_1 … s_10

    Bai, Kolter and Koltun 2018 (arXiv 1803.01271, section 5.1) and their code; they report the loss
    over all T + 20 steps. Loss of a predictor without memory and metric as in ``Copying``.

    Attributes:
      length: T, steps from the last symbol to the first mark.
    """

    name = "copying_bai"

    def sample(self, key: Array, batch_size: int) -> Batch:
        batch = super().sample(key, batch_size)
        return batch._replace(x=batch.x.at[self.length + RECALLED - 1 :].set(MARK))
