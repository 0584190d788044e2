"""Optimisers and schedules against their definitions, and the measurements around the clip."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support.assertions import assert_close, assert_same_bytes

from seqjax.optim.clipping import ClipSpec
from seqjax.optim.optimizer import OPTIMIZERS, SCHEDULES, OptimSpec, apply_gradients, make_optimizer

STEPS = 6
GRADIENTS = np.random.default_rng(0).normal(size=(STEPS, 3)).astype(np.float32)
START = np.float32([1.0, -2.0, 0.5])


def run(optim, clip_spec, gradients):
    """The parameters and the optimiser's state after each step."""
    optimizer = make_optimizer(optim, clip_spec, len(gradients))
    params = {"w": jnp.array(START)}
    state = optimizer.init(params)

    def step(carry, g):
        params, state = apply_gradients(optimizer, {"w": g}, carry[1], carry[0])
        measured = {k: optax.tree.get(state, k) for k in ("norm_before", "norm_after", "clipped")}
        return (params, state), (params["w"], measured)

    return jax.lax.scan(step, (params, state), gradients)[1]


@functools.cache
def trained(name, kind="norm", **names):
    """``run`` over arrays of numbers by field, all traced, compiled once."""

    def one(threshold, numbers):
        spec = OptimSpec(name, **names, **numbers)
        return run(spec, ClipSpec(kind, threshold), jnp.array(GRADIENTS))

    return jax.jit(jax.vmap(one))


def train(name, rows, threshold=np.inf, **names):
    """Parameters and measurements of one run for each row of numbers by field."""
    numbers = {field: np.float32([row[field] for row in rows]) for field in rows[0]}
    return trained(name, **names)(np.full(len(rows), threshold, np.float32), numbers)


def definition(name, row, threshold=np.inf):
    """Parameters after each step in float64, one rule after the other, as its paper defines it.

    ``threshold`` bounds the update; the momentum keeps the update as it was before.
    """
    w, m, v = START.astype(np.float64), np.zeros(3), np.zeros(3)
    o = {**{field.name: field.default for field in dataclasses.fields(OptimSpec)}, **row}
    for t, g in enumerate(GRADIENTS.astype(np.float64), start=1):
        if name == "sgd":
            step = g
        elif name in ("momentum", "nesterov"):
            m = o["momentum"] * m + g
            step = g + o["momentum"] * m if name == "nesterov" else m
        elif name in ("rmsprop", "rmsprop_momentum"):
            v = o["decay"] * v + (1 - o["decay"]) * g**2
            root = np.maximum(np.sqrt(v + o["epsilon"]), o["root_floor"])
            m = (o["momentum"] if name == "rmsprop_momentum" else 0) * m + g / root
            step = m
        else:
            m, v = o["b1"] * m + (1 - o["b1"]) * g, o["b2"] * v + (1 - o["b2"]) * g**2
            step = m / (1 - o["b1"] ** t) / (np.sqrt(v / (1 - o["b2"] ** t)) + o["epsilon"])
            step = step + o["weight_decay"] * w if name == "adamw" else step
        update = -o["learning_rate"] * step
        w = w + update * min(1.0, threshold / np.linalg.norm(update))
        yield w


def check_definition(name, rows, threshold=np.inf, **names):
    got, _ = train(name, rows, threshold, **names)
    expected = [list(definition(name, row, threshold)) for row in rows]
    assert_close(got, np.array(expected), 2e-5)  # Adam's 1 - .999^t loses three digits


@pytest.mark.core
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_its_definition_for_traced_settings(name):
    rows = [
        {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        {"learning_rate": 0.5, "momentum": 0.0, "weight_decay": 0.3},
    ]
    check_definition(name, rows)


CONSTANTS = {
    "rmsprop": [{"decay": 0.95, "epsilon": 1e-3}, {"decay": 0.5, "epsilon": 1e-8}],
    "rmsprop_momentum": [
        {"decay": 0.95, "epsilon": 0.0, "root_floor": 0.4, "momentum": 0.9},
        {"decay": 0.9, "epsilon": 0.1, "root_floor": 0.01, "momentum": 0.5},
    ],
    "adam": [{"b1": 0.5, "b2": 0.99, "epsilon": 0.1}, {"b1": 0.0, "b2": 0.9, "epsilon": 1e-8}],
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_of_an_optimizer_may_be_traced(name):
    check_definition(name, [{"learning_rate": 0.1, **row} for row in CONSTANTS[name]])


def test_the_floor_of_the_root_bounds_some_roots_and_not_others():
    row = CONSTANTS["rmsprop_momentum"][0]
    squares = np.zeros(3)
    for g in GRADIENTS:
        squares = row["decay"] * squares + (1 - row["decay"]) * g**2
    assert 0 < np.sum(np.sqrt(squares) < row["root_floor"]) < 3


def test_a_bound_on_the_update_leaves_the_momentum_as_it_was():
    row = {"learning_rate": 0.1, "momentum": 0.9}
    check_definition("rmsprop_momentum", [row], threshold=0.5, kind="update")
    _, measured = train("rmsprop_momentum", [row], 0.5, kind="update")
    assert 0 < np.sum(measured["clipped"]) < STEPS
    assert np.array_equal(measured["norm_after"], measured["norm_before"])


def test_the_rate_may_be_scaled_by_one_minus_momentum():
    row = {"learning_rate": 0.5, "momentum": 0.9}
    got, _ = train("nesterov", [row], scale_rate=True)
    expected = list(definition("nesterov", {**row, "learning_rate": 0.5 * 0.1}))
    assert_close(got[0], np.array(expected), 1e-5)


@pytest.mark.parametrize(("name", "optax_rule"), [("rmsprop", optax.rmsprop), ("adam", optax.adam)])
def test_constants_at_their_defaults_are_those_of_optax_to_the_bit(name, optax_rule):
    assert len(jax.tree.leaves(OptimSpec(name))) == 5
    assert len(jax.tree.leaves(OptimSpec(name, b2=0.99, decay=0.8))) == 7

    @jax.jit
    def updates(optimizer, rate):
        optimizer = make_optimizer(optimizer, ClipSpec(), 1)
        ours = optimizer.update({"w": GRADIENTS[0]}, optimizer.init({"w": START}))[0]
        theirs = optax_rule(rate)
        return ours, theirs.update({"w": GRADIENTS[0]}, theirs.init({"w": START}))[0]

    with jax.numpy_dtype_promotion("standard"):
        ours, theirs = updates(OptimSpec(name, 0.1), np.float32(0.1))
    assert_same_bytes(ours, theirs)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epsilon": 0.0, "name": "adam"}, "^epsilon: .*positive.*got 0.0"),
        ({"epsilon": 0.0, "name": "rmsprop"}, "^epsilon: .*root_floor.*got 0.0"),
        ({"root_floor": -0.1}, "^root_floor: .*0 or more"),
        ({"decay": 1.0}, r"^decay: .*\[0, 1\)"),
        ({"b2": -0.5}, r"^b2: .*\[0, 1\)"),
    ],
)
def test_constants_out_of_range_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        OptimSpec(**fields)


@pytest.mark.parametrize(
    ("schedule", "factor"),
    [
        ("constant", lambda part: 1.0),
        ("cosine", lambda part: (1 + np.cos(np.pi * part)) / 2),
        ("exponential", lambda part: 0.2**part),
        ("linear", lambda part: 1 - 0.8 * part),
    ],
)
def test_a_schedule_at_the_first_the_middle_and_the_last_step(schedule, factor):
    """Validation lowers the rate under "plateau"; tests/training/test_control.py has a loop."""
    assert schedule in SCHEDULES
    got, _ = train("sgd", [{"learning_rate": 0.5, "final": 0.2}], schedule=schedule)
    change = np.diff(np.concatenate([START[None], got[0]]), axis=0)
    for step in (0, STEPS // 2, STEPS - 1):
        rate = 0.5 * factor(step / STEPS)
        assert_close(change[step], -rate * GRADIENTS[step], 1e-5)


def test_the_norm_is_measured_before_and_after_the_clip():
    row = {"learning_rate": 0.5, "momentum": 0.9}
    _, measured = train("momentum", [row], 1.5)
    _, free = train("momentum", [row])
    norms = np.linalg.norm(GRADIENTS.astype(np.float64), axis=1)
    assert 0 < np.sum(norms > 1.5) < STEPS
    for found, threshold in ((measured, 1.5), (free, np.inf)):
        assert_close(found["norm_before"][0], norms, 1e-6)
        assert_close(found["norm_after"][0], np.minimum(norms, threshold), 1e-6)
        assert np.array_equal(found["clipped"][0], norms > threshold)
