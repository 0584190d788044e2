"""The reference engine: ``lax.scan`` over steps and JAX's own differentiation.

It says what an unroll means; whatever is faster is tested against it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from seqjax.cells.base import Cell
from seqjax.signal import StepClip, clip_signal


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


class Around(NamedTuple):
    """What every step sees besides its input: the carry of a reset, and the bound on the signal."""

    initial: NamedTuple
    step_clip: StepClip | None


def where(mask_B, new, old):
    """``new`` where the mask holds; a mask of None holds everywhere."""
    if mask_B is None:
        return new
    return jax.tree.map(lambda a, b: jnp.where(mask_B[:, None], a, b), new, old)


def begin(carry, initial, reset_B):
    """The carry that a step starts from."""
    return carry if reset_B is None else where(reset_B, initial, carry)


def conclude(plan, around, act, new, carry, valid_B, reset_B):
    """From the equation's new carry to ``(carry, (output, probes))``: the bound, then the masks."""
    if around.step_clip is not None:
        new = clip_signal(new, *around.step_clip)
    shown = (new.h, {name: act.values[name] for name in plan.probe})
    shown = where(valid_B, shown, jax.tree.map(jnp.zeros_like, shown))
    if plan.reverse:
        new = begin(new, around.initial, reset_B)
    return where(valid_B, new, carry), shown


def unroll_reference(plan, params, around, carry, inputs):
    """Runs a cell along T: ``(final carry, (outputs_TBH, probes))``.

    ``inputs`` is ``(x_TBD, valid_TB, reset_TB)``; the last two may be None.
    """
    cell = plan.cell

    def step(carry, inputs):
        x_BD, a_BGH, valid_B, reset_B = inputs
        start = carry if plan.reverse else begin(carry, around.initial, reset_B)
        act = Recorder(cell)
        new = cell.advance(params, act, x_BD, a_BGH, start)
        return conclude(plan, around, act, new, carry, valid_B, reset_B)

    x_TBD, *masks = inputs
    projected = (x_TBD, cell.project(params, x_TBD), *masks)
    return lax.scan(step, carry, projected, reverse=plan.reverse, unroll=plan.unroll)


def in_chunks(steps, carry, inputs, chunk, reverse):
    """``steps(carry, inputs)`` chunk by chunk along T, each chunk recomputed in its backward pass.

    Only the carries between chunks are kept. Steps left over when T is no multiple of ``chunk``
    make a shorter last chunk.
    """
    T = jax.tree.leaves(inputs)[0].shape[0]
    whole = T // chunk * chunk
    recomputed = jax.checkpoint(steps, prevent_cse=False)
    head = jax.tree.map(lambda a: a[:whole].reshape(whole // chunk, chunk, *a.shape[1:]), inputs)
    tail = jax.tree.map(lambda a: a[whole:], inputs)

    def over_head(carry):
        carry, shown = lax.scan(recomputed, carry, head, reverse=reverse)
        return carry, jax.tree.map(lambda a: a.reshape(whole, *a.shape[2:]), shown)

    if whole == T:
        return over_head(carry)
    if reverse:
        carry, last = recomputed(carry, tail)
        carry, first = over_head(carry)
    else:
        carry, first = over_head(carry)
        carry, last = recomputed(carry, tail)
    return carry, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, last)
