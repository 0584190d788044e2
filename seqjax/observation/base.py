"""What the observations share: held-out sequences, and the layer that is looked at."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell
from seqjax.config import Config
from seqjax.diagnostics.gradients import Loss
from seqjax.modules import SequenceModel
from seqjax.tasks.base import Batch
from seqjax.types import Array

EXAMPLES = 64
"""So many sequences of the batch are looked at for gradients."""
TRAJECTORIES = 4
"""And so many for Jacobians, which take a matrix a step."""

Observed = dict[str, Array]


class Layer(NamedTuple):
    """The one layer of a model, on some sequences.

    Attributes:
      x_TBD: what the cell reads: embedded, windowed and mapped.
      loss: from its outputs (T, B, H) to each sequence's own loss (B,), summed over its steps.
    """

    cell: Cell
    params: NamedTuple
    x_TBD: Array
    loss: Loss


def only_layer(config: Config, model: SequenceModel, batch: Batch) -> Layer:
    """The model's layer, of one direction, on these sequences.

    What is observed of it runs on the plain step of ``diagnostics.base``, which can be
    differentiated in both modes; under "bf16" too its operands are not rounded.
    """
    recurrent = model.recurrent
    x_TBD = model.read(model.embed(batch.x))
    ((name, params),) = recurrent.cells.items()
    if name in recurrent.maps:
        x_TBD = recurrent.maps[name](x_TBD)

    def loss(outputs_TBH):
        logits = model.readout(outputs_TBH if model.every_step else outputs_TBH[-1])
        values = config.task.loss(config.link, logits, batch) * batch.weight
        return jnp.sum(values, axis=0) if model.every_step else values

    return Layer(recurrent.cell, params.get_value(), x_TBD, loss)


def first(batch: Batch) -> Batch:
    """Its first ``EXAMPLES`` sequences."""
    return jax.tree.map(lambda array: array[..., :EXAMPLES], batch._replace(x=None))._replace(
        x=batch.x[:, :EXAMPLES]
    )
