"""Norms, clipping and raising: inf and 0 are the identity, and nothing overflows."""

from functools import cache

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.assertions import assert_close, assert_same_bytes
from support.short_unroll import lane

from seqjax.cells import CELLS
from seqjax.recurrence.gradient_norms import (
    StepBound,
    bound_cotangent,
    clip_to_norm,
    raise_to_norm,
    tree_norm,
)

TINY, HUGE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
ULP = 2.0**-23

# Normal numbers over the whole range, and 0; numbers below TINY count as 0 (see the last property).
magnitudes = st.floats(TINY, HUGE, width=32)
numbers = st.one_of(
    st.just(0.0), magnitudes, magnitudes.map(lambda x: -x), st.floats(-9, 9, width=32)
)
vectors = hnp.arrays(np.float32, 7, elements=numbers)
bounds = st.floats(np.float32(1e-30), np.float32(1e30), width=32)


def tree(vector):
    return {"a": vector[:3], "b": vector[3:].reshape(2, 2)}


def norm(tree):
    return np.sqrt(sum(np.sum(np.square(np.float64(leaf))) for leaf in jax.tree.leaves(tree)))


jitted_norm = jax.jit(tree_norm)


@cache
def compiled(axes=None, change=clip_to_norm):
    return jax.jit(lambda tree, bound: change(tree, bound, axes))


EXTREMES = [[3e19] * 7, [3e38, *[0] * 6], [HUGE] * 7, [TINY] * 7, [0] * 7, [1, *[1e-30] * 6]]


def with_extremes(*others):
    """Add each of the extremes as an example."""

    def decorate(test):
        for vector in EXTREMES:
            test = example(np.float32(vector), *others)(test)
        return test

    return decorate


@with_extremes()
@given(vectors)
def test_norm_is_that_of_float64_over_the_whole_range(vector):
    expected = norm(vector)
    if expected <= HUGE:
        assert_close(jitted_norm(tree(vector)), expected, 4 * ULP)
    else:
        assert tree_norm(tree(vector)) == np.inf


@with_extremes(1.0)
@with_extremes(1e-30)
@with_extremes(1e30)
@given(vectors, bounds)
def test_clip_to_norm_changes_longer_vectors_and_no_others(vector, bound):
    short, longer = compiled()(tree(vector), bound)
    before, after = norm(vector), norm(short)
    assert bool(longer) == (before > bound) or abs(before / bound - 1) < 4 * ULP
    assert after <= min(before, bound) * (1 + 4 * ULP)
    if longer:
        expected = jax.tree.map(lambda leaf: np.float64(leaf) * (bound / before), tree(vector))
        error = norm(jax.tree.map(np.subtract, jax.tree.map(np.float64, short), expected))
        assert error <= 4 * ULP * bound
    else:
        assert_same_bytes(short, tree(vector))


@example(np.float32([1e-21] * 7), 1.0)
@example(np.float32([1e-20] * 7), 1e30)  # floor / norm is beyond float32
@example(np.float32([3e38] * 7), 3e38)  # the norm is beyond float32
@example(np.float32([3e19, *[1e-19] * 6]), 1e20)
@given(vectors, st.floats(0, np.float32(1e30), width=32))
def test_raise_to_norm_changes_shorter_vectors_and_no_others(vector, floor):
    long, shorter = compiled(change=raise_to_norm)(tree(vector), np.float32(floor))
    before = norm(vector)
    on_the_edge = min(abs(before / 1e-20 - 1), abs(before - floor) / (floor or 1)) < 4 * ULP
    assert bool(shorter) == (1e-20 <= before < floor) or on_the_edge
    if shorter:
        expected = jax.tree.map(lambda leaf: np.float64(leaf) / before * floor, tree(vector))
        error = norm(jax.tree.map(np.subtract, jax.tree.map(np.float64, long), expected))
        assert error <= 4 * ULP * floor + 1e-37
    else:
        assert_same_bytes(long, tree(vector))


@with_extremes(1.0)
@given(vectors, bounds)
def test_clip_to_norm_is_idempotent(vector, bound):
    once, _ = compiled()(tree(vector), bound)
    twice, _ = compiled()(once, bound)
    assert norm(jax.tree.map(np.subtract, twice, once)) <= 4 * ULP * norm(once)


@pytest.mark.parametrize(("change", "off"), [(clip_to_norm, np.inf), (raise_to_norm, 0)])
@with_extremes()
@given(hnp.arrays(np.float32, 7, elements=st.floats(width=32)))
def test_bounds_that_are_off_are_the_identity_bit_for_bit(change, off, vector):
    """Also for NaN, infinity, negative zero and subnormal numbers."""
    same, changed = compiled(change=change)(tree(vector), np.float32(off))
    assert_same_bytes(same, tree(vector))
    assert not changed


@given(hnp.arrays(np.float32, 7, elements=st.floats(-TINY / 16, TINY / 16, width=32)))
def test_subnormal_numbers_do_not_change(vector):
    """Their norm counts as 0, because XLA flushes them."""
    short, longer = compiled()(tree(vector), 1e-30)
    assert_same_bytes(short, tree(vector))
    assert not longer
    assert tree_norm(tree(vector)) <= norm(vector)


@pytest.mark.parametrize("change", [clip_to_norm, raise_to_norm])
@given(hnp.arrays(np.float32, (4, 5), elements=numbers), bounds)
def test_axes_give_each_example_its_norm(change, rows, bound):
    pair = {"a": rows[:, :2], "b": rows[:, 2:]}
    together, flags = compiled((1,), change)(pair, bound)
    assert flags.shape == (4, 1)
    for k in range(4):
        alone, flag = compiled(change=change)(lane(pair, k), bound)
        assert_close(lane(together, k), alone, 4 * ULP)
        assert flag == flags[k, 0]


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
@given(
    hnp.arrays(np.float32, 7, elements=st.floats(-1e4, 1e4, width=16)),
    st.floats(0.125, 1e3, width=16),
)
def test_narrow_leaves_are_measured_in_float32_and_stay_narrow(dtype, vector, bound):
    narrow = vector.astype(dtype)
    both = {"a": narrow[:3], "b": vector[3:]}
    short, longer = compiled()(both, bound)
    assert (short["a"].dtype, short["b"].dtype) == (dtype, np.float32)
    assert tree_norm(both).dtype == np.float32
    assert_close(tree_norm(both), norm(both), 4 * ULP)
    half_ulp = float(ml_dtypes.finfo(dtype).eps) / 2
    assert norm(short) <= min(norm(both), bound) * (1 + half_ulp + 4 * ULP)
    if not longer:
        assert_same_bytes(short, both)


def test_float64_keeps_its_range_and_precision(x64):
    vector = np.random.default_rng(0).normal(size=7)
    short, _ = clip_to_norm(tree(vector * 1e200), 1e-3)
    expected = vector * (1e-3 / norm(vector))
    assert_close(short, tree(expected), 1e-14)


# --- in the backward pass ---


def test_bound_cotangent_clips_the_joint_cotangent_of_each_example_and_counts():
    carry = CELLS["lstm"].carry(h=jnp.ones((3, 2)), c=jnp.zeros((3, 2)))
    bound = StepBound(jnp.float32(5.0), jnp.float32(0.0))
    out, pull = jax.vjp(bound_cotangent, carry, bound)
    assert_same_bytes(out, carry)
    # Norms of h and c together: 10, 1 and 13; alone, the h of the first would be 6.
    cotangent = type(carry)(
        h=jnp.array([[6.0, 0.0], [1.0, 0.0], [3.0, 4.0]]),
        c=jnp.array([[0.0, 8.0], [0.0, 0.0], [0.0, 12.0]]),
    )
    signal, d_bound = pull(cotangent)
    factors = np.float32([[5 / 10], [1], [5 / 13]])
    assert_close(signal, jax.tree.map(lambda leaf: leaf * factors, cotangent), 1e-6)
    assert (d_bound.threshold, d_bound.count) == (0, 2)
