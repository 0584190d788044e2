"""The reference engine: ``lax.scan`` over steps and JAX's own differentiation.

It says what an unroll means; whatever is faster is tested against it.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from seqjax.cells.base import Cell
from seqjax.signal import StepClip, clip_signal
from seqjax.types import Array


class Recorder:
    """The ``act`` of a step: applies a gate's activation and keeps the value."""

    def __init__(self, cell: Cell):
        self.activations, self.values = cell.activations, {}

    def __call__(self, name, value):
        self.values[name] = self.activations[name](value)
        return self.values[name]


class Plan(NamedTuple):
    """What an unroll is, beside its arrays."""

    cell: Cell
    reverse: bool
    unroll: int
    probe: tuple[str, ...]
    dtype: type | None


class Shared(NamedTuple):
    """What every step sees: the parameters, the carry of a reset, the bound on the signal."""

    params: NamedTuple
    initial: NamedTuple
    step_clip: StepClip | None


class Inputs(NamedTuple):
    """What each step has for itself; masks may be None."""

    x_TBD: Array
    valid_TB: Array | None
    reset_TB: Array | None


def _where(mask_B, new, old):
    """``new`` where the mask holds; a mask of None holds everywhere."""
    if mask_B is None:
        return new
    return jax.tree.map(lambda a, b: jnp.where(mask_B[:, None], a, b), new, old)


def begin(carry, initial, reset_B):
    """The carry of a new sequence where one starts."""
    return carry if reset_B is None else _where(reset_B, initial, carry)


def conclude(plan, shared, act, new, carry, valid_B, reset_B):
    """From the equation's new carry to ``(carry, (output, probes))``: the bound, then the masks."""
    if shared.step_clip is not None:
        new = clip_signal(new, *shared.step_clip)
    shown = (new.h, {name: act.values[name] for name in plan.probe})
    shown = _where(valid_B, shown, jax.tree.map(jnp.zeros_like, shown))
    if plan.reverse:
        new = begin(new, shared.initial, reset_B)
    return _where(valid_B, new, carry), shown


def run(plan, shared, carry, inputs, keep, project_first=True):
    """Runs a cell along T: ``(final carry, ((outputs_TBH, probes), kept))``.

    ``keep(start, values)`` is what a step keeps of the carry it starts from and its gates' values.
    With ``project_first`` the product W x is taken for all steps before the first one.
    """
    cell, params = plan.cell, shared.params

    def step(carry, inputs):
        (x_BD, valid_B, reset_B), a_BGH = inputs
        if a_BGH is None:
            a_BGH = cell.project(params, x_BD, plan.dtype)
        start = carry if plan.reverse else begin(carry, shared.initial, reset_B)
        act = Recorder(cell)
        new = cell.advance(params, act, x_BD, a_BGH, start, plan.dtype)
        carry, shown = conclude(plan, shared, act, new, carry, valid_B, reset_B)
        # Flat, because XLA's CPU loops over rows of H numbers take several times as long.
        return carry, (jax.tree.map(jnp.ravel, shown), keep(start, act.values))

    a_TBGH = cell.project(params, inputs.x_TBD, plan.dtype) if project_first else None
    carry, (shown, kept) = lax.scan(
        step, carry, (inputs, a_TBGH), reverse=plan.reverse, unroll=plan.unroll
    )
    return carry, (jax.tree.map(lambda a: a.reshape(-1, *carry.h.shape), shown), kept)


def unroll_reference(plan, shared, carry, inputs):
    """``(final carry, (outputs_TBH, probes))``, to be differentiated by JAX itself."""
    final, (shown, _) = run(plan, shared, carry, inputs, lambda start, values: None)
    return final, shown


def chunk_near(wanted: int, T: int) -> int:
    """About ``wanted`` steps, rather a divisor of T: steps left over are joined on by a copy."""
    near = [K for K in range(wanted // 2 + 1, 2 * wanted) if T % K == 0]
    return min(near, key=lambda K: abs(math.log(K / wanted)), default=wanted)


def in_chunks(steps, carry, inputs, chunk, reverse):
    """``steps(carry, inputs)`` chunk by chunk along T.

    Steps left over when T is no multiple of ``chunk`` make a shorter last chunk.
    """
    T = jax.tree.leaves(inputs)[0].shape[0]
    whole = T // chunk * chunk
    head = jax.tree.map(lambda a: a[:whole].reshape(whole // chunk, chunk, *a.shape[1:]), inputs)
    tail = jax.tree.map(lambda a: a[whole:], inputs)

    def over_head(carry):
        carry, shown = lax.scan(steps, carry, head, reverse=reverse)
        return carry, jax.tree.map(lambda a: a.reshape(whole, *a.shape[2:]), shown)

    if whole == T:
        return over_head(carry)
    if reverse:
        carry, last = steps(carry, tail)
        carry, first = over_head(carry)
    else:
        carry, first = over_head(carry)
        carry, last = steps(carry, tail)
    return carry, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, last)
