"""Bounds inside the backward pass of ``unroll``, against a loop over examples and steps."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close, assert_same_bytes
from support.cells import QUICK
from support.cells import draw as draw_float64
from support.short_unroll import LENGTHS_B, RESET_TB, B, D, H, T, lane

from seqjax.cells import CELLS
from seqjax.recurrence.gradient_norms import StepBound
from seqjax.recurrence.unroll import unroll

LEVELS = {
    "threshold": np.float32([0.3, 2.0, np.inf]),
    "floor": np.float32([0.0, 0.3, 2.0]),
    "contribution": np.float32([0.0, 0.3, 2.0]),
}
"""Traced values of each field; the infinite threshold and the floors of 0 change nothing."""


def draw(name):
    return jax.tree.map(np.float32, draw_float64(CELLS[name], T, B, D, H))


def norm_of(tree):
    return np.sqrt(sum(np.sum(np.square(np.float64(leaf))) for leaf in jax.tree.leaves(tree)))


def scaled(tree, where, level):
    """The tree at this norm if ``where(norm)``, and whether that is so."""
    norm = norm_of(tree)
    if not where(norm):
        return tree, False
    return jax.tree.map(lambda leaf: np.float32(leaf * (level / norm)), tree), True


@cache
def one_step(cell):
    """A step of one example, and its gradients from a signal."""

    def forward(params, x_D, carry):
        start = jax.tree.map(lambda leaf: leaf[None], carry)
        return lane(unroll(cell, params, x_D[None, None], carry=start, engine="reference").carry, 0)

    return jax.jit(forward), jax.jit(lambda signal, *at: jax.vjp(forward, *at)[1](signal))


def by_hand(cell, field, level, arrays, reverse):
    """Gradients and the number of clipped signals, example by example and by step."""
    params, x, carry, cotangents = arrays
    forward, backward = one_step(cell)
    add, zero = partial(jax.tree.map, np.add), partial(jax.tree.map, np.zeros_like)
    d_params, d_x, d_carry, count = zero(params), zero(x), zero(carry), 0

    def above(norm):
        return norm > level

    def below(norm):
        return 1e-20 <= norm < level

    for b, length in enumerate(LENGTHS_B):
        initial = state = lane(carry, b)
        steps, starts = range(length)[:: -1 if reverse else 1], {}
        for t in steps:
            starts[t] = initial if RESET_TB[t, b] and not reverse else state
            state = forward(params, x[t, b], starts[t])
            state = initial if RESET_TB[t, b] and reverse else state
        d_outputs, signal = lane((cotangents[0].swapaxes(0, 1), cotangents[1]), b)
        d_initial = zero(signal)
        for t in reversed(steps):
            if RESET_TB[t, b] and reverse:
                d_initial, signal = add(d_initial, signal), zero(signal)
            signal = signal._replace(h=signal.h + d_outputs[t])
            if field == "threshold":
                signal, clipped = scaled(signal, above, level)
                count += clipped
            elif field == "floor":
                signal = type(signal)(*(scaled(leaf, below, level)[0] for leaf in signal))
            own, d_x[t, b], signal = backward(signal, params, x[t, b], starts[t])
            own = scaled(own, below, level)[0] if field == "contribution" else own
            d_params = add(d_params, own)
            if RESET_TB[t, b] and not reverse:
                d_initial, signal = add(d_initial, signal), zero(signal)
        for leaf, value in zip(d_carry, add(d_initial, signal), strict=True):
            leaf[b] = value
    return (d_params, d_x, d_carry), count


SIGNALS = [
    *(("lstm", engine, False) for engine in ("fused", "reference")),
    ("gru_reset_before", "auto", False),  # no pointwise form
]
IN_REVERSE = [(name, "auto", True) for name in ("lstm", "gru_reset_before")]
WEIGHTS = [
    *(("gru", engine, False) for engine in ("fused", "reference")),
    ("lstm_peephole", "auto", False),  # parameters beside W, U and b
    ("feedforward", "fused", False),  # no U
]
PLACES = [
    *(("threshold", *case) for case in (SIGNALS[0], *IN_REVERSE)),
    *(("floor", *case) for case in SIGNALS),
    *(("contribution", *case) for case in (*SIGNALS, *WEIGHTS)),
]
if QUICK:  # each field with a cell that has a fused engine, and with one that has none
    PLACES = [PLACES[k] for k in (0, 2, 3, 5, 6, 9)]


@pytest.mark.core
@pytest.mark.parametrize(("field", "name", "engine", "reverse"), PLACES)
def test_a_bound_in_the_backward_pass_is_a_loop_over_examples_and_steps(
    field, name, engine, reverse
):
    """Some outputs and the last c have cotangents, and so signals, of exactly 0."""
    cell, levels = CELLS[name], LEVELS[field]
    params, x, carry, (d_outputs, d_last) = draw(name)
    if field != "threshold":
        d_outputs = 0.2 * d_outputs * (np.arange(T) == 3)[:, None, None]
        d_last = jax.tree.map(np.zeros_like, d_last)._replace(h=np.float32(0.2) * d_last.h)
    cotangents = np.float32(d_outputs), d_last

    def gradients(level):
        def f(params, x, carry, count):
            options = {"carry": carry, "lengths_B": LENGTHS_B, "engine": engine}
            options |= {"reset_TB": RESET_TB, "reverse": reverse}
            bound = StepBound(**{field: level}, count=count)
            result = unroll(cell, params, x, step_bound=bound, **options)
            return result.outputs_TBH, result.carry

        *own, count = jax.vjp(f, params, x, carry, 0.0)[1](cotangents)
        return tuple(own), count

    found, counts = jax.jit(jax.vmap(gradients))(levels)
    arrays = params, x, carry, cotangents
    for k, level in enumerate(levels):
        hand, count = by_hand(cell, field, float(level), arrays, reverse)
        assert_close(lane(found, k), hand, 2e-5)
        assert counts[k] == count
    norms = [norm_of(lane(found[0], k)) for k in range(3)]
    assert norms[0] < norms[1] and (norms[1] < norms[2] or field == "threshold")
    assert field != "threshold" or counts[0] > counts[1] > counts[2] == 0


@pytest.mark.parametrize(
    ("bound", "name", "engine"),
    [
        (StepBound(np.inf), "lstm", "reference"),  # programs of "fused" may round differently
        (StepBound(np.inf), "mut3", "reference"),
        (StepBound(floor=0.0), "lstm", "auto"),
        (StepBound(contribution=0.0), "lstm", "auto"),
    ],
)
def test_bounds_that_are_off_and_floors_of_tiny_signals_change_no_bit(bound, name, engine):
    params, x, carry, cotangents = draw(name)

    @jax.jit
    def gradient(bound, cotangents):
        def f(params, x, carry):
            options = {"carry": carry, "lengths_B": LENGTHS_B, "engine": engine}
            return unroll(CELLS[name], params, x, step_bound=bound, **options)[:2]

        return jax.vjp(f, params, x, carry)[1](cotangents)

    assert_same_bytes(gradient(bound, cotangents), gradient(None, cotangents))
    tiny = jax.tree.map(lambda leaf: np.float32(1e-22) * leaf, cotangents)
    if bound.threshold is None:
        one = bound._replace(
            **{k: 1.0 for k in ("floor", "contribution") if getattr(bound, k) == 0}
        )
        assert_same_bytes(gradient(one, tiny), gradient(bound, tiny))


def test_a_clip_comes_before_a_floor():
    params, x, carry, (_, d_last) = draw("lstm")
    d_last = d_last._replace(h=5 * d_last.h, c=np.zeros_like(d_last.c))

    @jax.jit
    def gradient(bound):
        def f(carry):
            return unroll(CELLS["lstm"], params, x[:1], carry=carry, step_bound=bound).carry

        return jax.vjp(f, carry)[1](d_last)[0]

    clipped = gradient(StepBound(threshold=0.1))
    both = gradient(StepBound(threshold=0.1, floor=0.4))
    # The signal of c is 0 at the last step and stays 0, so one factor of 4 reaches everything.
    assert_close(both, jax.tree.map(lambda leaf: 4 * leaf, clipped), 1e-5)


def test_a_mean_over_two_copies_of_an_example_halves_its_contributions():
    """Signals have the factor 1/B, so two copies at a level equal one at twice that level."""
    params, x, *_ = draw("gru")

    @jax.jit
    def gradient(x, level):
        def loss(params):
            bound = StepBound(contribution=level)
            outputs_TBH = unroll(CELLS["gru"], params, x, step_bound=bound).outputs_TBH
            return jnp.mean(jnp.sum(jnp.square(outputs_TBH[-1]), axis=1))

        return jax.grad(loss)(params)

    one, two = x[:, :1], np.concatenate([x[:, :1]] * 2, axis=1)
    assert_close(gradient(two, np.float32(0.4)), gradient(one, np.float32(0.8)), 1e-6)
    assert norm_of(gradient(one, np.float32(0.8))) > 1.2 * norm_of(gradient(one, np.float32(0.4)))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"step_bound": StepBound(floor=-0.1)}, "step_bound.floor: .*got -0.1"),
        ({"step_bound": StepBound(contribution=np.inf)}, "step_bound.contribution: .*got inf"),
        ({"step_bound": StepBound(np.nan)}, "step_bound.threshold: .*got nan"),
        ({"step_bound": StepBound(contribution=1.0), "engine": "fused"}, 'engine: .*"reference"'),
    ],
)
def test_invalid_bounds_are_refused(options, field):
    params, x, *_ = draw("lstm_peephole")
    with pytest.raises(ValueError, match=field):
        unroll(CELLS["lstm_peephole"], params, x, **options)
