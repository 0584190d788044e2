"""Gradient floors against plain loops over examples and steps, in the three places."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.assertions import assert_close
from support.training import SMALL, assert_same_bits, train

from seqjax.cells import CELLS
from seqjax.init import InitSpec, init_cell
from seqjax.optim.clipping import ClipSpec
from seqjax.optim.gradient_floor import KINDS, FloorSpec
from seqjax.optim.optimizer import OptimSpec, apply_gradients, make_optimizer
from seqjax.recurrence.gradient_norms import StepBound, raise_to_norm
from seqjax.recurrence.unroll import unroll
from seqjax.training.config import make_config
from seqjax.training.step import _step_bound

T, B, D, H = 5, 3, 2, 3
LENGTHS_B = np.array([5, 0, 4])
LEVELS = np.float32([0.0, 0.3, 2.0])
TINY, HUGE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
ULP = 2.0**-23


def norm_of(tree):
    return np.sqrt(sum(np.sum(np.square(np.float64(leaf))) for leaf in jax.tree.leaves(tree)))


def by_definition(tree, floor):
    norm = norm_of(tree)
    factor = floor / norm if 1e-20 <= norm < floor else 1.0
    return jax.tree.map(lambda leaf: np.float64(leaf) * factor, tree)


# --- the elementary function ---

numbers = st.one_of(
    st.just(0.0), st.floats(TINY, HUGE, width=32), st.floats(-1, 1, width=32).map(lambda x: x**9)
)
vectors = hnp.arrays(np.float32, 7, elements=numbers)


@functools.cache
def compiled(axes=None):
    return jax.jit(lambda tree, floor: raise_to_norm(tree, floor, axes))


def tree(vector):
    return {"a": vector[:3], "b": vector[3:].reshape(2, 2)}


@example(np.float32([1e-21] * 7), 1.0)
@example(np.float32([1e-20] * 7), 1e30)  # floor / norm is beyond float32
@example(np.float32([3e38] * 7), 3e38)  # the norm is beyond float32
@example(np.float32([TINY] * 7), 1.0)
@example(np.float32([3e19, *[1e-19] * 6]), 1e20)
@given(vectors, st.floats(0, np.float32(1e30), width=32))
def test_raise_to_norm_changes_shorter_vectors_and_no_others(vector, floor):
    long, shorter = compiled()(tree(vector), np.float32(floor))
    before = norm_of(vector)
    raised = 1e-20 <= before < floor
    on_the_edge = min(abs(before / 1e-20 - 1), abs(before - floor) / (floor or 1)) < 4 * ULP
    assert bool(shorter) == raised or on_the_edge
    if shorter:
        expected = jax.tree.map(lambda leaf: np.float64(leaf) / before * floor, tree(vector))
        error = norm_of(jax.tree.map(np.subtract, jax.tree.map(np.float64, long), expected))
        assert error <= 4 * ULP * floor + 1e-37
    else:
        assert_same_bits(long, tree(vector))


@given(hnp.arrays(np.float32, 7, elements=st.floats(width=32)))
def test_a_floor_of_zero_is_the_identity_bit_for_bit(vector):
    long, shorter = compiled()(tree(vector), np.float32(0))
    assert not shorter
    for name, leaf in tree(vector).items():
        assert np.asarray(long[name]).tobytes() == leaf.tobytes()


def test_axes_give_every_example_a_norm_of_its_own():
    rows = np.float32([[3, 4, 0], [0.3, 0.4, 0], [1e-21, 0, 0], [0, 0, 0], [np.nan, 1, 0]])
    long, shorter = compiled((1,))({"a": rows[:, :1], "b": rows[:, 1:]}, np.float32(1))
    assert shorter[:, 0].tolist() == [False, True, False, False, False]
    expected = np.concatenate([rows[:1], rows[1:2] * 2, rows[2:]])
    joined = np.concatenate([long["a"], long["b"]], axis=1)
    assert np.allclose(joined, expected, rtol=1e-6, atol=0, equal_nan=True)
    assert np.array_equal(joined[[0, 2, 3]], rows[[0, 2, 3]])


# --- inside the backward pass ---


@functools.cache
def one_step(cell):
    """A step of one example, and its gradients from a signal."""

    def forward(params, x_D, carry):
        start = jax.tree.map(lambda leaf: leaf[None], carry)
        last = unroll(cell, params, x_D[None, None], carry=start, engine="reference").carry
        return jax.tree.map(lambda leaf: leaf[0], last)

    return jax.jit(forward), jax.jit(lambda signal, *at: jax.vjp(forward, *at)[1](signal))


def by_hand(cell, kind, level, params, x, carry, cotangents):
    """Gradients of parameters, input and carry, one example after the other, step by step."""
    forward, backward = one_step(cell)
    d_params, d_x, d_carry = (
        jax.tree.map(lambda a: np.zeros(a.shape), a) for a in (params, x, carry)
    )
    for b, length in enumerate(LENGTHS_B):
        starts = [jax.tree.map(lambda leaf, b=b: leaf[b], carry)]
        for t in range(length):
            starts.append(forward(params, x[t, b], starts[-1]))
        signal = jax.tree.map(lambda leaf, b=b: np.asarray(leaf[b]), cotangents[1])
        for t in reversed(range(length)):
            signal = signal._replace(h=signal.h + cotangents[0][t, b])
            if kind == "signal":
                signal = type(signal)(*(np.float32(by_definition(s, level)) for s in signal))
            own, d_x[t, b], signal = backward(signal, params, x[t, b], starts[t])
            if kind == "contribution":
                own = by_definition(own, level)
            d_params = jax.tree.map(np.add, d_params, own)
        for leaf, value in zip(d_carry, signal, strict=True):
            leaf[b] = value
    return d_params, d_x, d_carry


def draw(cell, scale):
    normal = np.random.default_rng(0).normal
    shapes = jax.eval_shape(lambda: init_cell(jax.random.key(0), cell, D, H, InitSpec()))
    params = jax.tree.map(lambda leaf: np.float32(normal(size=leaf.shape, scale=0.8)), shapes)
    carry = cell.carry(*(np.float32(normal(size=(B, H))) for _ in cell.carry._fields))
    # Some outputs and the last c have cotangents, and so signals, of exactly 0.
    d_outputs = np.float32(normal(size=(T, B, H), scale=scale)) * (np.arange(T) == 3)[:, None, None]
    d_last = jax.tree.map(np.zeros_like, carry)._replace(h=np.float32(normal(size=(B, H))) * scale)
    return params, np.float32(normal(size=(T, B, D))), carry, (np.float32(d_outputs), d_last)


BOTH = [
    *((name, engine) for name in ("lstm", "gru") for engine in ("fused", "reference")),
    ("lstm_peephole", "auto"),  # parameters beside W, U and b
    ("gru_reset_before", "auto"),  # no pointwise form
    ("feedforward", "fused"),  # no U
]


@pytest.mark.core
@pytest.mark.parametrize(("name", "engine"), BOTH)
@pytest.mark.parametrize("kind", ["signal", "contribution"])
def test_a_floor_inside_the_backward_pass_is_a_loop_over_examples_and_steps(name, engine, kind):
    """The level is mapped over, so it is traced; 0, the first of them, raises nothing."""
    cell = CELLS[name]
    params, x, carry, cotangents = draw(cell, scale=np.float32(0.2))
    field = {"signal": "floor", "contribution": "contribution"}[kind]

    def gradients(level):
        def f(params, x, carry):
            options = {"carry": carry, "lengths_B": LENGTHS_B, "engine": engine}
            bound = StepBound(**{field: level})
            result = unroll(cell, params, x, step_bound=bound, **options)
            return result.outputs_TBH, result.carry

        return jax.vjp(f, params, x, carry)[1](cotangents)

    found = jax.jit(jax.vmap(gradients))(LEVELS)
    for k, level in enumerate(LEVELS):
        hand = by_hand(cell, kind, float(level), params, x, carry, cotangents)
        assert_close(jax.tree.map(lambda leaf, k=k: np.float64(leaf[k]), found), hand, 2e-5)
    lengths = [norm_of(jax.tree.map(lambda leaf, k=k: leaf[k], found[0])) for k in range(3)]
    assert lengths[0] < lengths[1] < lengths[2]


@pytest.mark.parametrize("field", ["floor", "contribution"])
def test_a_floor_of_zero_inside_the_backward_pass_leaves_every_bit(field):
    cell = CELLS["lstm"]
    params, x, _, _ = draw(cell, scale=1.0)

    @jax.jit
    @functools.partial(jax.grad, argnums=(0, 1))
    def gradient(params, x, bound):
        result = unroll(cell, params, x, lengths_B=LENGTHS_B, step_bound=bound)
        return jnp.sum(jnp.square(result.carry.h))

    assert_same_bits(gradient(params, x, StepBound(**{field: 0.0})), gradient(params, x, None))


def test_a_clip_comes_before_a_floor():
    cell = CELLS["lstm"]
    params, x, carry, cotangents = draw(cell, scale=np.float32(5.0))

    @jax.jit
    def gradient(bound):
        def f(carry):
            return unroll(cell, params, x[:1], carry=carry, step_bound=bound).carry

        (d_carry,) = jax.vjp(f, carry)[1](cotangents[1])
        return d_carry

    clipped = gradient(StepBound(threshold=0.1))
    both = gradient(StepBound(threshold=0.1, floor=0.4))
    # The signal of c is 0 at the last step and stays 0, so one factor of 4 reaches everything.
    assert_close(both, jax.tree.map(lambda leaf: 4 * leaf, clipped), 1e-5)


def test_signals_with_norms_below_1e_20_do_not_change():
    cell = CELLS["elman"]
    params, x, carry, cotangents = draw(cell, scale=np.float32(1e-22))

    @functools.partial(jax.jit, static_argnames="field")
    def gradient(level, field):
        def f(params):
            result = unroll(cell, params, x, carry=carry, step_bound=StepBound(**{field: level}))
            return result.outputs_TBH, result.carry

        return jax.vjp(f, params)[1](cotangents)

    for field in ("floor", "contribution"):
        assert_same_bits(gradient(np.float32(1), field), gradient(np.float32(0), field))


def test_a_mean_over_two_copies_of_an_example_halves_its_contributions():
    """Signals have the factor 1/B, so two copies at a level equal one at twice that level."""
    cell = CELLS["gru"]
    params, x, _, _ = draw(cell, scale=np.float32(1.0))

    @jax.jit
    def gradient(x, level):
        def loss(params):
            bound = StepBound(contribution=level)
            outputs_TBH = unroll(cell, params, x, step_bound=bound).outputs_TBH
            return jnp.mean(jnp.sum(jnp.square(outputs_TBH[-1]), axis=1))

        return jax.grad(loss)(params)

    one, two = x[:, :1], np.concatenate([x[:, :1]] * 2, axis=1)
    assert_close(gradient(two, np.float32(0.4)), gradient(one, np.float32(0.8)), 1e-6)
    assert norm_of(gradient(one, np.float32(0.8))) > 1.2 * norm_of(gradient(one, np.float32(0.4)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_bound": StepBound(floor=-0.1)}, r"step_bound.floor: expected a finite.*got -0.1"),
        ({"step_bound": StepBound(floor=np.inf)}, r"step_bound.floor: .* 0 or more, got inf"),
        ({"step_bound": StepBound(contribution=np.inf)}, r"step_bound.contribution: .*got inf"),
        ({"step_bound": StepBound(np.nan)}, r"step_bound.threshold: expected a positive.*nan"),
        (
            {"step_bound": StepBound(contribution=1.0), "engine": "fused"},
            r"engine: .*'lstm_peephole'.*\"auto\" or \"reference\"",
        ),
    ],
)
def test_invalid_bounds_are_refused(options, message):
    cell = CELLS["lstm_peephole"]
    params, x, _, _ = draw(cell, scale=1.0)
    with pytest.raises(ValueError, match=message):
        unroll(cell, params, x, **options)


# --- the whole gradient, and training ---


@pytest.mark.parametrize("level", [0.0, 0.5, 3.0])
def test_the_whole_gradient_is_raised_after_the_clip(level):
    gradients = np.float32([[3.0, -4.0], [0.3, 0.4], [6e-22, 8e-22], [0.0, 0.0]])
    floor_spec, clip_spec = FloorSpec("norm", level), ClipSpec("norm", 2.0)
    optimizer = make_optimizer(OptimSpec("sgd", 1.0), clip_spec, 4, floor_spec=floor_spec)
    params = {"w": jnp.zeros((2,))}
    state = optimizer.init(params)
    for g in gradients:
        moved, _ = apply_gradients(optimizer, {"w": jnp.array(g)}, state, params)
        clipped = np.float64(g) * min(1.0, 2.0 / max(norm_of(g), 1e-30))
        assert_close(moved, {"w": -by_definition(clipped, level)}, 1e-6)


LEVELS_IN_TRAINING = (0.0, 4.0, 16.0)


@functools.cache
def one_run(kind, level):
    config = make_config(SMALL | {"model.cell": "elman", "floor.kind": kind, "floor.level": level})
    (state,), trace = train([config], [0])  # levels of a kind share a program
    return state, trace


@pytest.mark.parametrize("kind", ["contribution", "norm"])
def test_a_level_of_zero_trains_as_no_floor_bit_for_bit_and_others_do_not(kind):
    free, free_trace = one_run("none", 0.0)
    state, trace = one_run(kind, 0.0)
    assert_same_bits(state.params, free.params)
    assert_same_bits(trace, free_trace)
    norms = [one_run(kind, level)[1].norm[0, 0] for level in LEVELS_IN_TRAINING]
    # The norm is measured before a finished gradient is raised, but after all else.
    assert norms[0] == norms[1] == norms[2] if kind == "norm" else norms[0] < norms[1] < norms[2]
    assert len({one_run(kind, level)[1].loss[0, -1].item() for level in LEVELS_IN_TRAINING}) == 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clip", ["none", "step"])
def test_the_step_bound_of_a_configuration(kind, clip):
    settings = {"floor.kind": kind, "floor.level": 0.5, "clip.kind": clip, "clip.threshold": 2.0}
    bound = _step_bound(make_config(settings), jnp.float32(0))
    inside = {"signal": {"floor": 0.5}, "contribution": {"contribution": 0.5}}.get(kind, {})
    inside |= {"threshold": 2.0} if clip == "step" else {}
    assert (bound is None) == (not inside)
    if inside:
        given = {name: number for name, number in bound._asdict().items() if number is not None}
        assert given == {"count": 0.0, **inside}
