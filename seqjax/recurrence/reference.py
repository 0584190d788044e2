"""The reference engine: ``lax.scan`` over steps and JAX's own differentiation.

It says what an unroll means; whatever is faster is tested against it.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from seqjax.cells.base import Cell
from seqjax.recurrence.gradient_norms import StepBound, bound_cotangent, raise_cotangent
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
    """What every step sees: the parameters, the carry of a reset, the bounds on gradients."""

    params: NamedTuple
    initial: NamedTuple
    step_bound: StepBound | None

    @property
    def contribution(self) -> Array | None:
        """The floor on what a step adds to the gradient of the parameters, if there is one."""
        return None if self.step_bound is None else self.step_bound.contribution


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


def conclude(plan, shared, values, new, carry, valid_B, reset_B):
    """From the equation's new carry to ``(carry, (output, probes))``: the bound, then the masks."""
    if shared.step_bound is not None:
        new = bound_cotangent(new, shared.step_bound)
    shown = (new.h, {name: values[name] for name in plan.probe})
    shown = _where(valid_B, shown, jax.tree.map(jnp.zeros_like, shown))
    if plan.reverse:
        new = begin(new, shared.initial, reset_B)
    return _where(valid_B, new, carry), shown


def advance(plan, params, x_BD, a_BGH, start):
    """One step of the equation: the new carry, and the values of the gates by name.

    ``a_BGH`` is W x, or None where that is still to be taken.
    """
    cell, act = plan.cell, Recorder(plan.cell)
    if a_BGH is None:
        a_BGH = cell.project(params, x_BD, plan.dtype)
    return cell.advance(params, act, x_BD, a_BGH, start, plan.dtype), act.values


def advance_per_example(plan, params, x_BD, a_BGH, start, floor):
    """``advance``, what each example adds to the gradient of the parameters lengthened to a floor.

    Each example has a copy of the parameters, so that its contribution is a cotangent of its own:
    slow, but it is what the words mean.
    """

    def one(params, x_D, start):
        rows = jax.tree.map(lambda leaf: leaf[None], (x_D, start))
        stepped = advance(plan, raise_cotangent(params, floor), rows[0], a_BGH, rows[1])
        return jax.tree.map(lambda leaf: leaf[0], stepped)

    copies = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(x_BD), *leaf.shape)), params)
    return jax.vmap(one)(copies, x_BD, start)


def run(plan, shared, carry, inputs, keep, project_first=True, take=advance):
    """Runs a cell along T: ``(final carry, ((outputs_TBH, probes), kept))``.

    ``keep(start, values)`` is what a step keeps of the carry it starts from and its gates' values.
    With ``project_first`` the product W x is taken for all steps before the first one. ``take``
    takes a step, as ``advance`` does.
    """

    def step(carry, inputs):
        (x_BD, valid_B, reset_B), a_BGH = inputs
        start = carry if plan.reverse else begin(carry, shared.initial, reset_B)
        new, values = take(plan, shared.params, x_BD, a_BGH, start)
        carry, shown = conclude(plan, shared, values, new, carry, valid_B, reset_B)
        # Flat, because XLA's CPU loops over rows of H numbers take several times as long.
        return carry, (jax.tree.map(jnp.ravel, shown), keep(start, values))

    a_TBGH = None
    if project_first:
        a_TBGH = plan.cell.project(shared.params, inputs.x_TBD, plan.dtype)
    carry, (shown, kept) = lax.scan(
        step, carry, (inputs, a_TBGH), reverse=plan.reverse, unroll=plan.unroll
    )
    return carry, (jax.tree.map(lambda a: a.reshape(-1, *carry.h.shape), shown), kept)


def unroll_reference(plan, shared, carry, inputs):
    """``(final carry, (outputs_TBH, probes))``, to be differentiated by JAX itself."""
    options = {}
    if shared.contribution is not None:
        apart = functools.partial(advance_per_example, floor=shared.contribution)
        options = {"project_first": False, "take": apart}
    final, (shown, _) = run(plan, shared, carry, inputs, lambda start, values: None, **options)
    return final, shown


def chunk_size_near(wanted: int, T: int) -> int:
    """About ``wanted`` steps, rather a divisor of T: steps left over are joined on by a copy."""
    near = [K for K in range(wanted // 2 + 1, 2 * wanted) if T % K == 0]
    return min(near, key=lambda K: abs(math.log(K / wanted)), default=wanted)


def scan_chunks(steps, carry, inputs, chunk, reverse):
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
