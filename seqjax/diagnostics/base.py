"""One step of any cell, plain, perturbed, and with its gates held: what the diagnostics share.

All of it calls ``Cell.advance`` and JAX's own differentiation, in both modes.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell
from seqjax.recurrence.reference import Recorder
from seqjax.types import Array

CLOSED = {"f": 1.0, "i": 0.0, "g": 0.0}
"""With these gates every cell that has a c computes c' = c, and h' from it."""
AFTER = ("h", "o")
"""Parts of a carry that an equation computes after c', and from it."""


def memory_field(cell: Cell) -> str:
    """The leaf of the carry that is the cell's memory: "c" where there is one, else "h"."""
    return "c" if "c" in cell.carry._fields else "h"


def map_sequentially(decompose: Callable, *arrays: Array) -> Array:
    """``decompose`` of each matrix along the first axis, one after another.

    On the CPU LAPACK shares a batch out to the pool of threads that it was called from, and waits.
    Programs of as many devices as the pool has threads so wait for one another for ever.
    """
    return jax.lax.map(lambda matrices: decompose(*matrices), arrays)


def fixed_gates(cell: Cell, values: dict):
    """The ``act`` of a step whose gates have these values; gates left out are computed."""

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
    """The carry after one step, with ``eps`` (leaves (B, H)) added to every part of it.

    What is added to c' also reaches h' = o ∘ tanh(c'), as it does in the equations, so that the
    derivative in eps is the total one. The equation itself is asked for that h', by a second call
    from c' with the gates f = 1, i = g = 0.
    """
    a_BGH = cell.project(params, x_BD)
    new = cell.advance(params, Recorder(cell), x_BD, a_BGH, carry)
    if memory_field(cell) == "c":
        start = carry._replace(c=new.c + eps.c)
        shown = cell.advance(params, fixed_gates(cell, CLOSED), x_BD, a_BGH, start)
        new = new._replace(**{k: getattr(shown, k) for k in AFTER if k in new._fields})
    return jax.tree.map(jnp.add, new, eps)


def direct_step(
    cell: Cell, params: NamedTuple, x_BD: Array, carry: NamedTuple
) -> tuple[NamedTuple, Array]:
    """The carry after one step, and ∂m'/∂m (B, H) of the memory m with every gate held fixed.

    With its gates fixed an equation is elementwise in its memory, so one tangent gives the whole
    diagonal.
    """
    a_BGH, act = cell.project(params, x_BD), Recorder(cell)
    new, name = cell.advance(params, act, x_BD, a_BGH, carry), memory_field(cell)

    def kept(m_BH):
        start = carry._replace(**{name: m_BH})
        return getattr(
            cell.advance(params, fixed_gates(cell, act.values), x_BD, a_BGH, start), name
        )

    m_BH = getattr(carry, name)
    return new, jax.jvp(kept, (m_BH,), (jnp.ones_like(m_BH),))[1]


def initial_carry_of(
    cell: Cell, params: NamedTuple, x_TBD: Array, carry: tuple | None = None
) -> NamedTuple:
    """``carry``, or the zero one."""
    if carry is not None:
        return carry
    return cell.initial_carry(x_TBD.shape[1], params.b_GH.shape[1], x_TBD.dtype)


def perturbed_states(
    cell: Cell, params: NamedTuple, x_TBD: Array, eps: NamedTuple, carry: NamedTuple
) -> NamedTuple:
    """The carries after every step, leaves (T, B, H), with ``eps`` of that shape added to them."""

    def body(carry, inputs):
        carry = perturbed_step(cell, params, inputs[0], carry, inputs[1])
        return carry, carry

    return jax.lax.scan(body, carry, (x_TBD, eps))[1]


def zero_perturbation(carry: NamedTuple, T: int) -> NamedTuple:
    """Zeros, leaves (T, B, H)."""
    return jax.tree.map(lambda leaf: jnp.zeros((T, *leaf.shape), leaf.dtype), carry)
