"""The types of observers: ``Observer``, ``HeldOut`` and ``Layer``."""

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
"""Number of sequences for gradients."""
TRAJECTORIES = 4
"""Number of sequences for Jacobians, which need a matrix for each step."""

Observed = dict[str, Array]


class HeldOut(NamedTuple):
    """A model and the held-out sequences on which it is observed.

    Attributes:
      loss: function from logits and a batch to the loss at each position.
      symbols: the number of input symbols.
    """

    model: SequenceModel
    batch: Batch
    loss: Callable[[Array, Batch], Array]
    symbols: int


@dataclasses.dataclass(frozen=True)
class Observer:
    """A kind of measurement.

    Attributes:
      measure: function from a model and its held-out sequences to arrays by name.
      single_layer: requires one layer of one direction.
      ragged: accepts sequences of different lengths.
      symbols: requires symbols as input.
    """

    measure: Callable[[HeldOut], Observed]
    single_layer: bool = False
    ragged: bool = False
    symbols: bool = False

    @property
    def name(self) -> str:
        """The name in ``train.observe`` and in records."""
        return self.measure.__name__


class Layer(NamedTuple):
    """The recurrent layer of a model, and its inputs.

    Attributes:
      cell, params: the cell and its parameters.
      x_TBD: the inputs of the cell: embedded, windowed and mapped.
      loss: function from outputs (T, B, H) to the loss of each sequence (B,), summed over steps.
    """

    cell: Cell
    params: NamedTuple
    x_TBD: Array
    loss: Loss


def extract_layer(held_out: HeldOut) -> Layer:
    """The only layer of a model of one layer and one direction.

    Its diagnostics use the plain step of ``diagnostics.base``, which can be differentiated in both
    modes and does not round operands under "bf16".
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
    """``held_out`` with its first ``EXAMPLES`` sequences."""
    batch = held_out.batch
    few = jax.tree.map(lambda array: array[..., :EXAMPLES], batch._replace(x=None))
    return held_out._replace(batch=few._replace(x=batch.x[:, :EXAMPLES]))
