"""One step of a cell: plain, perturbed, or with fixed gates. Shared by the diagnostics.

Every step calls ``Cell.advance``, so it can be differentiated in both modes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell
from seqjax.recurrence.reference import Recorder
from seqjax.types import Array

KEEP_MEMORY = {"f": 1.0, "i": 0.0, "g": 0.0}
"""Gate values with which every cell that has a cell state computes c' = c, and h' from c."""
COMPUTED_FROM_C = ("h", "o")
"""Leaves of a carry that depend on c'."""


def memory_field(cell: Cell) -> str:
    """The name of the carry's leaf that is the cell's memory: "c" if it has one, else "h"."""
    return "c" if "c" in cell.carry._fields else "h"


def map_sequentially(decompose: Callable, *arrays: Array) -> Array:
    """Apply ``decompose`` to each matrix along the first axis, one after another.

    On the CPU, LAPACK distributes a batch over the thread pool that it was called from, and waits.
    If programs run on as many devices as the pool has threads, they deadlock.
    """
    return jax.lax.map(lambda matrices: decompose(*matrices), arrays)


def fixed_gates(cell: Cell, values: dict[str, Any]) -> Callable[[str, Array], Array]:
    """The ``act`` of a step in which these gates have fixed values; other gates are computed."""

    def act(name, value):
        if name in values:
            return jnp.broadcast_to(jnp.asarray(values[name], value.dtype), value.shape)
        return cell.activations[name](value)

    return act


def step(cell: Cell, params: NamedTuple, x_BD: Array, carry: NamedTuple) -> NamedTuple:
    """The carry after one step."""
    return cell.advance(params, Recorder(cell), x_BD, cell.project(params, x_BD), carry)


def perturbed_step(
    cell: Cell, params: NamedTuple, x_BD: Array, carry: NamedTuple, eps: NamedTuple
) -> NamedTuple:
    """The carry after one step, with ``eps`` (leaves (B, H)) added to its leaves.

    The perturbation of c' also reaches h' = o ∘ tanh(c'), as in the equations, so the derivative
    with respect to eps is the total derivative. A second call of the equation, from c' with the
    gates f = 1 and i = g = 0, computes this h'.
    """
    a_BGH = cell.project(params, x_BD)
    new = cell.advance(params, Recorder(cell), x_BD, a_BGH, carry)
    if memory_field(cell) == "c":
        start = carry._replace(c=new.c + eps.c)
        after = cell.advance(params, fixed_gates(cell, KEEP_MEMORY), x_BD, a_BGH, start)
        new = new._replace(**{k: getattr(after, k) for k in COMPUTED_FROM_C if k in new._fields})
    return jax.tree.map(jnp.add, new, eps)


def direct_step(
    cell: Cell, params: NamedTuple, x_BD: Array, carry: NamedTuple
) -> tuple[NamedTuple, Array]:
    """The carry after one step, and ∂m'/∂m (B, H) of the memory m with all gates fixed.

    With fixed gates the equation is elementwise in m, so one tangent gives the whole diagonal.
    """
    a_BGH, act = cell.project(params, x_BD), Recorder(cell)
    new, name = cell.advance(params, act, x_BD, a_BGH, carry), memory_field(cell)

    def memory_after(m_BH):
        start = carry._replace(**{name: m_BH})
        return getattr(
            cell.advance(params, fixed_gates(cell, act.values), x_BD, a_BGH, start), name
        )

    m_BH = getattr(carry, name)
    return new, jax.jvp(memory_after, (m_BH,), (jnp.ones_like(m_BH),))[1]


def initial_carry_of(
    cell: Cell, params: NamedTuple, x_TBD: Array, carry: tuple | None = None
) -> NamedTuple:
    """``carry``, or the zero carry of the cell if it is None."""
    if carry is not None:
        return carry
    return cell.initial_carry(x_TBD.shape[1], params.b_GH.shape[1], x_TBD.dtype)


def perturbed_states(
    cell: Cell, params: NamedTuple, x_TBD: Array, eps: NamedTuple, carry: NamedTuple
) -> NamedTuple:
    """The carries after every step with ``eps`` added to them; leaves of both are (T, B, H)."""

    def body(carry, inputs):
        carry = perturbed_step(cell, params, inputs[0], carry, inputs[1])
        return carry, carry

    return jax.lax.scan(body, carry, (x_TBD, eps))[1]


def zero_perturbation(carry: NamedTuple, T: int) -> NamedTuple:
    """The perturbation 0 for T steps, leaves (T, B, H)."""
    return jax.tree.map(lambda leaf: jnp.zeros((T, *leaf.shape), leaf.dtype), carry)
