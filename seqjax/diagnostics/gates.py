"""Gate statistics from activated values: histograms, saturation, retention times.

A sigmoid gate lies on [0, 1]. A tanh value v is measured on the same scale, as (v + 1) / 2 = σ(2z):
"below .1" then means v < -.8. Unbounded gates (linear, relu) are excluded.
"""

from typing import NamedTuple

import jax.numpy as jnp

from seqjax.cells.base import Gate
from seqjax.diagnostics.base import memory_field
from seqjax.models.sequence import SequenceModel
from seqjax.tasks.base import Batch
from seqjax.types import Array

BINS = 20
BOUNDED = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
EDGES = (0.1, 0.05, 0.01)
"""A value is saturated below an edge or above 1 minus the edge; the claims use the first edge."""


class GateStatistics(NamedTuple):
    """Statistics of one gate over all valid steps and examples; 0 if there are none.

    Attributes:
      histogram: (20,) fractions of the values in equal bins over the gate's range; sum 1.
      low, high: (3,) fractions below .1, .05, .01 and above .9, .95, .99.
      unit_low_H, unit_high_H: each unit's fraction below .1 and above .9 (Karpathy, Johnson and Li
        2015, arXiv 1506.02078, section 4.2).
    """

    histogram: Array
    low: Array
    high: Array
    unit_low_H: Array
    unit_high_H: Array


def gate_statistics(gate: Gate, values_TBH: Array, weight_TB: Array) -> GateStatistics:
    """Statistics of a gate's activated values, as returned by ``unroll(..., probe=...)``.

    Args:
      gate: an entry of ``cell.gates``.
      values_TBH: activated values of the gate.
      weight_TB: the weight of each step of each example: 1, or 0 on padding.

    Raises:
      ValueError: an unbounded gate.

    Cost: no pass through the network.
    """
    if gate.activation not in BOUNDED:
        raise ValueError(
            f"gate {gate.name!r}: expected one of {', '.join(BOUNDED)}, got {gate.activation!r}"
        )
    low, high = BOUNDED[gate.activation]
    open_TBH = (values_TBH - low) / (high - low)
    share_TB = _normalised(weight_TB, open_TBH.dtype)

    def by_unit(chosen_TBH):
        return jnp.sum(share_TB[:, :, None] * chosen_TBH.astype(share_TB.dtype), axis=(0, 1))

    lows = [by_unit(open_TBH < edge) for edge in EDGES]
    highs = [by_unit(open_TBH > 1 - edge) for edge in EDGES]
    place_TBH = jnp.clip(jnp.floor(open_TBH * BINS).astype(jnp.int32), 0, BINS - 1)
    part_TBH = jnp.broadcast_to(share_TB[:, :, None] / open_TBH.shape[2], open_TBH.shape)
    histogram = jnp.zeros((BINS,), share_TB.dtype).at[place_TBH].add(part_TBH)
    return GateStatistics(
        histogram,
        jnp.stack([jnp.mean(unit_H) for unit_H in lows]),
        jnp.stack([jnp.mean(unit_H) for unit_H in highs]),
        lows[0],
        highs[0],
    )


def _normalised(weight_TB: Array, dtype: type) -> Array:
    """The weights divided by their sum; 0 if all weights are 0."""
    total = jnp.sum(weight_TB)
    return (weight_TB / jnp.where(total > 0, total, 1)).astype(dtype)


def retention_time(retained_TBH: Array, weight_TB: Array) -> Array:
    """Retention time τ = -1 / mean(log f) of every unit, in steps: (H,).

    The number of steps in which the product of a gate along a sequence falls to 1/e: -1 / log f for
    a constant gate, and Π f = exp(-T / τ) for any sequence. It is inf for a gate that is always 1,
    and 0 for a gate that is 0 at any step.

    Args:
      retained_TBH: the fraction of the memory that a step retains: f of an LSTM, z of a GRU, 1 - z
        of a MUT.
      weight_TB: as in ``gate_statistics``.
    """
    log_TBH = jnp.where(weight_TB[:, :, None] > 0, jnp.abs(jnp.log(retained_TBH)), 0)
    share_TB = _normalised(weight_TB, retained_TBH.dtype)
    return 1 / jnp.sum(share_TB[:, :, None] * log_TBH, axis=(0, 1))


def model_gates(model: SequenceModel, batch: Batch) -> dict[str, GateStatistics]:
    """Statistics of every bounded gate of every layer, by names like "layer0_forward.f".

    All valid steps count equally, including those without a readout. Examples of weight 0, which
    fill up evaluation batches, do not count.

    Args:
      model: with its parameters (``with_params``).
      batch: a batch of the model's task.

    Cost: one forward pass that stores all gates.
    """
    gates = [gate for gate in model.recurrent.cell.gates if gate.activation in BOUNDED]
    values, weight_TB = _probed(model, batch, gates), _valid(batch)
    return {
        f"{layer}.{gate.name}": gate_statistics(gate, probes[gate.name], weight_TB)
        for layer, probes in values.items()
        for gate in gates
    }


def model_retention(model: SequenceModel, batch: Batch) -> dict[str, Array]:
    """``retention_time`` of every unit (H,), by layers like "layer0_forward".

    Empty for cells without a gate that retains the memory, such as an LSTM without forget gate.
    Steps and examples count as in ``model_gates``.

    Cost: one forward pass that stores one gate.
    """
    cell = model.recurrent.cell
    keeping = [gate for gate in cell.gates if gate.memory > 0]
    writing = [gate for gate in cell.gates if gate.memory < 0 and memory_field(cell) == "h"]
    if not keeping + writing:
        return {}
    # If h is the memory, a gate z that writes the new state retains 1 - z of the old one.
    gate, weight_TB = (keeping or writing)[0], _valid(batch)
    return {
        layer: retention_time(probes[gate.name] if keeping else 1 - probes[gate.name], weight_TB)
        for layer, probes in _probed(model, batch, [gate]).items()
    }


def _probed(model: SequenceModel, batch: Batch, gates: list[Gate]) -> dict[str, dict[str, Array]]:
    """The activated values (T, B, H) of these gates by layer and name."""
    x_TBD, names = model.windowed(model.embed(batch.x)), tuple(gate.name for gate in gates)
    return model.recurrent(x_TBD, lengths_B=batch.lengths_B, probe=names).probes


def _valid(batch: Batch) -> Array:
    """1 on the valid steps of the examples of nonzero weight, else 0: (T, B)."""
    T, B = batch.x.shape[:2]
    counts_B = jnp.any(batch.weight.reshape(-1, B) > 0, axis=0)
    lengths_B = jnp.full((B,), T) if batch.lengths_B is None else batch.lengths_B.astype(int)
    valid_TB = (jnp.arange(T)[:, None] < lengths_B[None, :]) & counts_B[None, :]
    return valid_TB.astype(jnp.float32)
