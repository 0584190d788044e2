"""Polyphonic music: predict which of 88 keys sound in the next frame."""

import dataclasses
import functools
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from seqjax.data.piano_rolls import KEYS, piano_rolls
from seqjax.metrics import losses
from seqjax.tasks.base import Batch
from seqjax.tasks.datasets.ragged import RaggedTask, Sequences
from seqjax.tasks.lowest import LOWEST
from seqjax.types import Array


class _Music(RaggedTask):
    """Predict each frame v of a piece from the frames before it.

        x_t = v_{t-1},     y_t = v_t,     v_{-1} = 0

    The keys of a frame are predicted independently, each by σ of its logit. All frames count,
    including the first.

    Metrics, all in nats and summed over keys. With ℓ_st the negative log-likelihood of frame t of
    piece s, which has T_s frames, of S pieces:

        frame_nll         Σ_s Σ_{t=1}^{T_s} ℓ_st / Σ_s T_s
        frame_nll_later   Σ_s Σ_{t=2}^{T_s} ℓ_st / Σ_s (T_s - 1)
        piece_nll         1/S Σ_s 1/T_s Σ_{t=1}^{T_s} ℓ_st
        piece_nll_later   the same with t from 2 and T_s - 1, over pieces of two frames or more

    Published figures are any of the four; the first is that of the tables. Probabilities of 1/2
    have 88 ln 2 = 61.0; chance is the best constant, the frequency of each key in training. A score
    of 1 is the lowest published figure of a recurrent network (``tasks.lowest``).
    """

    inputs = outputs = KEYS
    every_step, next_step = True, True
    links = ("logistic",)
    metric, higher_is_better = "frame_nll", False
    extra_metrics = ("frame_nll_later", "piece_nll", "piece_nll_later")
    rolls: ClassVar[str]

    def read(self) -> dict[str, Sequences]:
        return _joined(self.rolls)

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        batch = super().batch(data, row, batch_size)
        v_TBK = batch.x.astype(jnp.float32)
        return batch._replace(x=jnp.pad(v_TBK[:-1], ((1, 0), (0, 0), (0, 0))), y=v_TBK)

    def loss(self, link: str, logits: Array, batch: Batch) -> Array:
        return losses.binary_loss(logits, batch.y)

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        loss_TB = self.loss(link, logits, batch)
        later_TB = jnp.pad(batch.weight[1:], ((1, 0), (0, 0)))
        return {
            "frame_nll": (loss_TB, batch.weight),
            "frame_nll_later": (loss_TB, later_TB),
            "piece_nll": _of_pieces(loss_TB, batch.weight),
            "piece_nll_later": _of_pieces(loss_TB, later_TB),
        }

    def chance_metric(self) -> float:
        return self.chance_loss("logistic")

    def best_loss(self, link: str) -> float:
        return LOWEST[self.name].loss

    def chance_loss(self, link: str) -> float:
        """Return the sum of the entropies of the keys at their training frequencies."""
        return losses.constant_class_loss(link, np.mean(self.read()["train"].x_N, axis=0))


@dataclasses.dataclass(frozen=True)
class Jsb(_Music):
    """382 chorales harmonised by J. S. Bach, of 25 to 160 steps.

    229 training, 76 validation and 77 test pieces (``seqjax.data.piano_rolls``).
    """

    name = rolls = "jsb"
    examples = 229


@dataclasses.dataclass(frozen=True)
class Nottingham(_Music):
    """1,037 folk tunes with chords, of 40 to 1,793 steps.

    694 training, 173 validation and 170 test pieces (``seqjax.data.piano_rolls``).
    """

    name = rolls = "nottingham"
    examples = 694


def _of_pieces(loss_TB: Array, weight_TB: Array) -> tuple[Array, Array]:
    """Mean loss (B,) of each piece, and weights (B,): 1, or 0 for pieces without counted frames."""
    frames_B = jnp.sum(weight_TB, axis=0)
    total_B = jnp.sum(loss_TB * weight_TB, axis=0)
    return total_B / jnp.maximum(frames_B, 1), jnp.minimum(frames_B, 1)


@functools.cache
def _joined(rolls: str) -> dict[str, Sequences]:
    found = {}
    for part, pieces in piano_rolls(rolls).items():
        frames_N = np.concatenate(pieces)
        lengths_S = np.array([len(piece) for piece in pieces], np.int32)
        found[part] = Sequences(frames_N, frames_N, lengths_S)
    return found
