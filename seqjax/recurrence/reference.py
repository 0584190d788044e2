"""The reference engine: ``lax.scan`` over steps, differentiated by JAX itself.

It defines the result of an unroll; the fused engine is tested against it.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from seqjax.cells.base import Cell
from seqjax.recurrence.gradient_norms import StepBound, bound_cotangent, raise_cotangent
from seqjax.types import Array


class Recorder:
    """The ``act`` of a step: applies each gate's activation and records its value.

    Attributes:
      values: the activated values (B, H) by gate name, in the order of the calls.
    """

    def __init__(self, cell: Cell):
        self.activations, self.values = cell.activations, {}

    def __call__(self, name: str, value: Array) -> Array:
        self.values[name] = self.activations[name](value)
        return self.values[name]


class Static(NamedTuple):
    """The static arguments of an unroll, which are never traced. Fields as in ``unroll``."""

    cell: Cell
    reverse: bool
    unroll: int
    probe: tuple[str, ...]
    dtype: type | None


class Shared(NamedTuple):
    """The arrays that all steps read: parameters, initial carry, bounds on gradients."""

    params: NamedTuple
    initial: NamedTuple
    step_bound: StepBound | None

    @property
    def contribution(self) -> Array | None:
        """The floor on each step's contribution to the gradient of the parameters, or None."""
        return None if self.step_bound is None else self.step_bound.contribution


class Inputs(NamedTuple):
    """The arrays with a time axis; a mask may be None."""

    x_TBD: Array
    valid_TB: Array | None
    reset_TB: Array | None


def _where(mask_B: Array | None, new: Any, old: Any) -> Any:
    """``new`` where the mask is True or None, else ``old``; leaves (B, H)."""
    if mask_B is None:
        return new
    return jax.tree.map(lambda a, b: jnp.where(mask_B[:, None], a, b), new, old)


def reset_carry(carry: NamedTuple, initial: NamedTuple, reset_B: Array | None) -> NamedTuple:
    """``carry``, replaced by ``initial`` for the examples where a new sequence starts."""
    return carry if reset_B is None else _where(reset_B, initial, carry)


def finish_step(
    static: Static,
    shared: Shared,
    values: dict[str, Array],
    new: NamedTuple,
    carry: NamedTuple,
    valid_B: Array | None,
    reset_B: Array | None,
) -> tuple[NamedTuple, tuple[Array, dict[str, Array]]]:
    """Bound the cotangent of the cell's new carry and apply the masks.

    Args:
      values: gate values (B, H) by name; the gates in ``static.probe`` are returned.
      new: the carry that the cell computed.
      carry: the carry before the step, which padded steps leave unchanged.

    Returns:
      The carry for the next step, and ``(output (B, H), probes)``, which are 0 on padding.
    """
    if shared.step_bound is not None:
        new = bound_cotangent(new, shared.step_bound)
    outputs = (new.h, {name: values[name] for name in static.probe})
    outputs = _where(valid_B, outputs, jax.tree.map(jnp.zeros_like, outputs))
    if static.reverse:
        new = reset_carry(new, shared.initial, reset_B)
    return _where(valid_B, new, carry), outputs


def advance(
    static: Static, params: NamedTuple, x_BD: Array, a_BGH: Array | None, carry: NamedTuple
) -> tuple[NamedTuple, dict[str, Array]]:
    """The cell's new carry after one step, and its gate values by name.

    Args:
      a_BGH: W x if it has been computed for all steps at once, else None.
    """
    cell, act = static.cell, Recorder(static.cell)
    if a_BGH is None:
        a_BGH = cell.project(params, x_BD, static.dtype)
    return cell.advance(params, act, x_BD, a_BGH, carry, static.dtype), act.values


def advance_per_example(
    static: Static,
    params: NamedTuple,
    x_BD: Array,
    a_BGH: None,
    carry: NamedTuple,
    floor: Array,
) -> tuple[NamedTuple, dict[str, Array]]:
    """``advance`` with each example's gradient of the parameters raised to norm ``floor``.

    Each example reads a copy of the parameters, whose cotangent is that example's contribution.
    Slow, but a direct statement of the definition.
    """

    def one(params, x_D, carry):
        rows = jax.tree.map(lambda leaf: leaf[None], (x_D, carry))
        stepped = advance(static, raise_cotangent(params, floor), rows[0], a_BGH, rows[1])
        return jax.tree.map(lambda leaf: leaf[0], stepped)

    copies = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(x_BD), *leaf.shape)), params)
    return jax.vmap(one)(copies, x_BD, carry)


def scan_steps(
    static: Static,
    shared: Shared,
    carry: NamedTuple,
    inputs: Inputs,
    residuals: Callable[[NamedTuple, dict[str, Array]], Any],
    project_first: bool = True,
    advance: Callable = advance,
) -> tuple[NamedTuple, tuple[tuple[Array, dict[str, Array]], Any]]:
    """Scan a cell along T.

    Args:
      residuals: function of the carry before a step and its gate values; returns the arrays to
        save for a backward pass, which are stacked along T, or None.
      project_first: compute W x for all steps in one matrix product before the loop.
      advance: computes one step, with the signature of ``advance`` above.

    Returns:
      ``(final carry, ((outputs_TBH, probes), stacked residuals))``.
    """

    def step(carry, inputs):
        (x_BD, valid_B, reset_B), a_BGH = inputs
        before = carry if static.reverse else reset_carry(carry, shared.initial, reset_B)
        new, values = advance(static, shared.params, x_BD, a_BGH, before)
        carry, outputs = finish_step(static, shared, values, new, carry, valid_B, reset_B)
        # Flat, because XLA's CPU loops over rows of H numbers take several times as long.
        return carry, (jax.tree.map(jnp.ravel, outputs), residuals(before, values))

    a_TBGH = None
    if project_first:
        a_TBGH = static.cell.project(shared.params, inputs.x_TBD, static.dtype)
    carry, (outputs, saved) = lax.scan(
        step, carry, (inputs, a_TBGH), reverse=static.reverse, unroll=static.unroll
    )
    return carry, (jax.tree.map(lambda a: a.reshape(-1, *carry.h.shape), outputs), saved)


def unroll_reference(
    static: Static, shared: Shared, carry: NamedTuple, inputs: Inputs
) -> tuple[NamedTuple, tuple[Array, dict[str, Array]]]:
    """``(final carry, (outputs_TBH, probes))``, differentiable in both modes."""
    options = {}
    if shared.contribution is not None:
        per_example = functools.partial(advance_per_example, floor=shared.contribution)
        options = {"project_first": False, "advance": per_example}
    final, (outputs, _) = scan_steps(
        static, shared, carry, inputs, lambda carry, values: None, **options
    )
    return final, outputs


def chunk_size_near(target: int, T: int) -> int:
    """A divisor of T near ``target``, or ``target`` itself if none is within a factor of 2.

    A chunk size that divides T avoids a copy that appends the remaining steps.
    """
    near = [K for K in range(target // 2 + 1, 2 * target) if T % K == 0]
    return min(near, key=lambda K: abs(math.log(K / target)), default=target)


def scan_chunks(
    steps: Callable[[Any, Any], tuple[Any, Any]], carry: Any, inputs: Any, chunk: int, reverse: bool
) -> tuple[Any, Any]:
    """Apply ``steps(carry, inputs)`` to chunks of ``chunk`` steps along T, one after another.

    If T is no multiple of ``chunk``, the last chunk is shorter.
    """
    T = jax.tree.leaves(inputs)[0].shape[0]
    chunks, remainder = divmod(T, chunk)
    end = chunks * chunk
    head = jax.tree.map(lambda a: a[:end].reshape(chunks, chunk, *a.shape[1:]), inputs)
    tail = jax.tree.map(lambda a: a[end:], inputs)

    def over_head(carry):
        carry, outputs = lax.scan(steps, carry, head, reverse=reverse)
        return carry, jax.tree.map(lambda a: a.reshape(end, *a.shape[2:]), outputs)

    if not remainder:
        return over_head(carry)
    if reverse:
        carry, last = steps(carry, tail)
        carry, first = over_head(carry)
    else:
        carry, first = over_head(carry)
        carry, last = steps(carry, tail)
    return carry, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, last)
