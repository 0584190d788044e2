"""The observer type, the held-out sequences that it reads, and the layer that it observes."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell
from seqjax.diagnostics.gradients import Loss
from seqjax.models.sequence import SequenceModel
from seqjax.tasks.base import Batch
from seqjax.types import Array

EXAMPLES = 64
"""So many sequences of the batch are looked at for gradients."""
TRAJECTORIES = 4
"""And so many for Jacobians, which take a matrix a step."""

Observed = dict[str, Array]


class HeldOut(NamedTuple):
    """A model and the held-out sequences on which it is observed.

    Attributes:
      loss: from logits and a batch to the loss at each position.
      symbols: how many symbols the input has.
    """

    model: SequenceModel
    batch: Batch
    loss: Callable[[Array, Batch], Array]
    symbols: int


@dataclasses.dataclass(frozen=True)
class Observer:
    """A kind of measurement during training.

    Attributes:
      measure: from a model on held-out sequences to named arrays.
      single_layer: it needs one layer of one direction.
      ragged: it accepts sequences of different lengths.
      symbols: it needs symbols as input.
    """

    measure: Callable[[HeldOut], Observed]
    single_layer: bool = False
    ragged: bool = False
    symbols: bool = False

    @property
    def name(self) -> str:
        return self.measure.__name__


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


def extract_layer(held_out: HeldOut) -> Layer:
    """The model's layer, of one direction, on these sequences.

    What is observed of it runs on the plain step of ``diagnostics.base``, which can be
    differentiated in both modes; under "bf16" too its operands are not rounded.
    """
    model, batch = held_out.model, held_out.batch
    recurrent = model.recurrent
    x_TBD = model.windowed(model.embed(batch.x))
    ((name, params),) = recurrent.cells.items()
    if name in recurrent.maps:
        x_TBD = recurrent.maps[name](x_TBD)

    def loss(outputs_TBH):
        logits = model.readout(outputs_TBH if model.every_step else outputs_TBH[-1])
        values = held_out.loss(logits, batch) * batch.weight
        return jnp.sum(values, axis=0) if model.every_step else values

    return Layer(recurrent.cell, params.get_value(), x_TBD, loss)


def first_examples(held_out: HeldOut) -> HeldOut:
    """Its first ``EXAMPLES`` sequences."""
    batch = held_out.batch
    few = jax.tree.map(lambda array: array[..., :EXAMPLES], batch._replace(x=None))
    return held_out._replace(batch=few._replace(x=batch.x[:, :EXAMPLES]))
