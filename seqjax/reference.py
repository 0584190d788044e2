"""The reference engine: ``lax.scan`` over steps and JAX's own differentiation.

It says what an unroll means; whatever is faster is tested against it.
"""

import jax
import jax.numpy as jnp
from jax import lax

from seqjax.cells.base import Cell
from seqjax.signal import clip_signal


class Recorder:
    """The ``act`` of a step: applies a gate's activation and keeps the value."""

    def __init__(self, cell: Cell):
        self.activations, self.values = cell.activations, {}

    def __call__(self, name, value):
        self.values[name] = self.activations[name](value)
        return self.values[name]


def _where(mask_B, new, old):
    """``new`` where the mask holds; a mask of None holds everywhere."""
    if mask_B is None:
        return new
    return jax.tree.map(lambda a, b: jnp.where(mask_B[:, None], a, b), new, old)


def unroll_reference(
    cell, params, x_TBD, carry, valid_TB, reset_TB, *, reverse, unroll, chunk, probe, step_clip
):
    """Runs ``cell`` along T: ``(final carry, (outputs_TBH, probes))``.

    Arguments are those of ``recurrence.unroll`` after its checks; ``valid_TB`` and ``reset_TB`` may
    be None, and ``chunk`` is the number of steps whose intermediate values are recomputed together
    (None: everything is kept).
    """
    initial = carry

    def restart(carry, reset_B):
        return carry if reset_B is None else _where(reset_B, initial, carry)

    def step(carry, inputs):
        x_BD, a_BGH, valid_B, reset_B = inputs
        start = carry if reverse else restart(carry, reset_B)
        act = Recorder(cell)
        new = cell.advance(params, act, x_BD, a_BGH, start)
        if step_clip is not None:
            new = clip_signal(new, step_clip.threshold, step_clip.count)
        shown = (new.h, {name: act.values[name] for name in probe})
        shown = _where(valid_B, shown, jax.tree.map(jnp.zeros_like, shown))
        if reverse:
            new = restart(new, reset_B)
        return _where(valid_B, new, carry), shown

    def steps(carry, inputs):
        x_TBD, valid_TB, reset_TB = inputs
        projected = cell.project(params, x_TBD)
        return lax.scan(
            step, carry, (x_TBD, projected, valid_TB, reset_TB), reverse=reverse, unroll=unroll
        )

    inputs = (x_TBD, valid_TB, reset_TB)
    return (
        steps(carry, inputs) if chunk is None else in_chunks(steps, carry, inputs, chunk, reverse)
    )


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
