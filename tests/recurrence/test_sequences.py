"""Properties of ``unroll``: padding, resets, both directions, and chunks with a carry."""

from functools import cache

import jax
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support.assertions import assert_close
from support.short_unroll import LSTM, D, H, lane

from seqjax.init import InitSpec, init_cell
from seqjax.recurrence.unroll import unroll

STEPS = SLOTS = 6
seeds = st.integers(0, 2**32 - 1)
some_lengths = st.lists(st.integers(0, STEPS), min_size=SLOTS, max_size=SLOTS)
some_resets = st.lists(st.booleans(), min_size=STEPS, max_size=STEPS)
directions = st.booleans()


@cache
def program(reverse):
    """The compiled unroll, for all examples that hypothesis draws."""
    params = init_cell(jax.random.key(1), LSTM, D, H, InitSpec(bias={"f": 1.0}))

    def run(x, carry, lengths_B, reset_TB):
        options = {"carry": carry, "lengths_B": lengths_B, "reset_TB": reset_TB}
        result = unroll(LSTM, params, x, reverse=reverse, **options)
        return result.outputs_TBH, result.carry

    return jax.jit(run)


def run(x, carry, lengths_B=(STEPS,) * SLOTS, reset_T=(False,) * STEPS, reverse=False):
    reset_TB = np.array([reset_T] * SLOTS).T
    return jax.tree.map(np.array, program(reverse)(x, carry, np.array(lengths_B), reset_TB))


def sequences(seed):
    """Inputs of SLOTS sequences, and their initial carries."""
    normal = np.random.default_rng(seed).normal
    leaves = normal(size=(STEPS, SLOTS, D)), normal(size=(SLOTS, H)), normal(size=(SLOTS, H))
    x, h, c = (leaf.astype(np.float32) for leaf in leaves)
    return x, LSTM.carry(h, c)


def flipped(array, lengths_B):
    """``array`` with time reversed within each length."""
    out = array.copy()
    for b, length in enumerate(lengths_B):
        out[:length, b] = array[:length, b][::-1]
    return out


@given(seeds, some_lengths)
def test_padding_changes_nothing(seed, lengths_B):
    """Outputs of valid steps have the same bits, and the carry is that of the last one."""
    x, carry = sequences(seed)
    whole, _ = run(x, carry)
    outputs, last = run(x, carry, lengths_B)
    for b, length in enumerate(lengths_B):
        assert_close(outputs[:length, b], whole[:length, b], 0)
        assert not outputs[length:, b].any()
        assert_close(last.h[b], whole[length - 1, b] if length else carry.h[b], 0)
        assert length or (last.c[b] == carry.c[b]).all()


@given(seeds, some_lengths)
def test_reversing_commutes_with_flipping_time(seed, lengths_B):
    x, carry = sequences(seed)
    outputs, last = run(x, carry, lengths_B, reverse=True)
    other, other_last = run(flipped(x, lengths_B), carry, lengths_B)
    assert_close((outputs, last), (flipped(other, lengths_B), other_last), 1e-6)


@given(seeds, some_resets, directions)
def test_resets_equal_separate_sequences(seed, reset_T, reverse):
    """One sequence with resets, against its pieces as separate sequences."""
    x, carry = sequences(seed)
    carry = jax.tree.map(lambda leaf: np.repeat(leaf[:1], SLOTS, axis=0), carry)
    together, last = run(x, carry, reset_T=reset_T, reverse=reverse)

    starts = [0, *(t for t in range(1, STEPS) if reset_T[t])]
    lengths = np.diff([*starts, STEPS])
    pieces = np.zeros_like(x)
    for slot, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        pieces[:length, slot] = x[start : start + length, 0]
    unused = [0] * (SLOTS - len(starts))
    apart, apart_last = run(pieces, carry, [*lengths, *unused], reverse=reverse)

    joined = np.concatenate([apart[:length, slot] for slot, length in enumerate(lengths)])
    assert_close(together[:, 0], joined, 1e-6)
    final = lane(apart_last, 0 if reverse else len(starts) - 1)
    if reverse and reset_T[0]:  # the reset after step 0 comes last
        final = lane(carry, 0)
    assert_close(lane(last, 0), final, 1e-6)


@given(seeds, some_lengths, directions)
def test_chunks_that_pass_the_carry_equal_the_whole(seed, cuts_B, reverse):
    x, carry = sequences(seed)
    whole, last = run(x, carry, reverse=reverse)
    head, tail = np.array(cuts_B), STEPS - np.array(cuts_B)
    behind = np.zeros_like(x)
    for b, cut in enumerate(cuts_B):
        behind[: STEPS - cut, b] = x[cut:, b]
    if reverse:
        late, middle = run(behind, carry, tail, reverse=True)
        early, end = run(x, middle, head, reverse=True)
    else:
        early, middle = run(x, carry, head)
        late, end = run(behind, middle, tail)
    for b, cut in enumerate(cuts_B):
        early[cut:, b] = late[: STEPS - cut, b]
    assert_close((early, end), (whole, last), 1e-6)
