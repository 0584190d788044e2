"""Clipping at every step of the backward pass of ``unroll``, against a loop over steps."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close
from support.short_unroll import LENGTHS_B, RESET_TB, B, H, T, draw, lane, total

from seqjax.cells import CELLS
from seqjax.recurrence.gradient_norms import StepBound
from seqjax.recurrence.unroll import unroll


@cache
def one_step(cell):
    """A step of one example, and its gradients from a signal."""

    def forward(params, x_D, carry):
        start = jax.tree.map(lambda leaf: leaf[None], carry)
        return lane(unroll(cell, params, x_D[None, None], carry=start).carry, 0)

    return jax.jit(forward), jax.jit(lambda signal, *at: jax.vjp(forward, *at)[1](signal))


def by_hand(cell, params, x, carry, cotangents, threshold, reverse):
    """Gradients and count, example by example and by step, with signals clipped by NumPy."""
    forward, backward = one_step(cell)
    add = partial(jax.tree.map, np.add)
    zero = partial(jax.tree.map, np.zeros_like)
    d_params, d_x, d_carry, count = zero(params), zero(x), zero(carry), 0
    for b, length in enumerate(LENGTHS_B):
        initial = state = lane(carry, b)
        steps, starts = range(length)[:: -1 if reverse else 1], {}
        for t in steps:
            first = RESET_TB[t, b]
            starts[t] = initial if first and not reverse else state
            state = forward(params, x[t, b], starts[t])
            state = initial if first and reverse else state
        d_outputs, signal = lane((cotangents[0].swapaxes(0, 1), cotangents[1]), b)
        d_initial = zero(signal)
        for t in reversed(steps):
            first = RESET_TB[t, b]
            if first and reverse:
                d_initial, signal = add(d_initial, signal), zero(signal)
            signal = signal._replace(h=signal.h + d_outputs[t])
            norm = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in signal))
            if norm > threshold:
                count += 1
                signal = jax.tree.map(lambda leaf, factor=threshold / norm: leaf * factor, signal)
            own, d_x[t, b], signal = backward(signal, params, x[t, b], starts[t])
            d_params = add(d_params, own)
            if first and not reverse:
                d_initial, signal = add(d_initial, signal), zero(signal)
        for leaf, value in zip(d_carry, add(d_initial, signal), strict=True):
            leaf[b] = value
    return (d_params, d_x, d_carry), count


@pytest.mark.parametrize("name", ["lstm", "gru_reset_before"])
@pytest.mark.parametrize("reverse", [False, True])
def test_step_clip_equals_a_loop_that_clips_each_signal(name, reverse):
    """The threshold is mapped over, so it is traced; the last one, inf, clips nothing."""
    cell = CELLS[name]
    params, x, carry = draw(cell)
    normal = np.random.default_rng(1).normal
    cotangents = normal(size=(T, B, H)), cell.carry(*(normal(size=(B, H)) for _ in carry))
    cotangents = jax.tree.map(np.float32, cotangents)

    def gradients(threshold):
        def f(params, x, carry, count):
            options = {"carry": carry, "lengths_B": LENGTHS_B, "reset_TB": RESET_TB}
            clip = StepBound(threshold, count)
            result = unroll(cell, params, x, reverse=reverse, step_bound=clip, **options)
            return result.outputs_TBH, result.carry

        *own, count = jax.vjp(f, params, x, carry, 0.0)[1](cotangents)
        return tuple(own), count

    thresholds = np.float32([0.3, 2.0, np.inf])
    found = jax.jit(jax.vmap(gradients))(thresholds)
    counts = []
    for k, threshold in enumerate(thresholds):
        hand, count = by_hand(cell, params, x, carry, cotangents, threshold, reverse)
        assert_close(jax.tree.map(lambda leaf, k=k: leaf[k], found[0]), hand, 1e-5)
        assert found[1][k] == count
        counts.append(count)
    assert counts[0] > counts[1] > counts[2] == 0


@pytest.mark.parametrize("name", ["lstm", "gru", "mut3"])
def test_an_infinite_step_clip_changes_no_bit(name):
    """In the reference engine; the two programs of the fused one may round differently."""
    cell = CELLS[name]
    params, x, carry = draw(cell)

    def f(params, x, carry, **options):
        options |= {"carry": carry, "lengths_B": LENGTHS_B, "engine": "reference"}
        return total(unroll(cell, params, x, **options)[:2])

    plain = jax.jit(jax.grad(f, (0, 1, 2)))(params, x, carry)
    for clip in (StepBound(np.inf), StepBound(jnp.inf)):
        bounded = jax.jit(jax.grad(partial(f, step_bound=clip), (0, 1, 2)))(params, x, carry)
        assert_close(bounded, plain, 0)
