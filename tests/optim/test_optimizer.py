"""Optimisers and schedules against their definitions, and the measurements around the clip."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support.assertions import assert_close

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
def trained(name, schedule="constant"):
    """``run`` over a vector of settings, compiled once; every number of the settings is traced."""

    def one(rate, momentum, decay, final, threshold):
        optim = OptimSpec(name, rate, momentum, decay, schedule, final)
        return run(optim, ClipSpec("norm", threshold), jnp.array(GRADIENTS))

    return jax.jit(jax.vmap(one))


def definition(name, rate, momentum, decay):
    """The parameters after each step, in float64, as Optax's documentation defines the rule."""
    w, m, v = START.astype(np.float64), np.zeros(3), np.zeros(3)
    for t, g in enumerate(GRADIENTS.astype(np.float64), start=1):
        if name == "sgd":
            step = g
        elif name in ("momentum", "nesterov"):
            m = momentum * m + g
            step = g + momentum * m if name == "nesterov" else m
        elif name == "rmsprop":
            v = 0.9 * v + 0.1 * g**2
            step = g / np.sqrt(v + 1e-8)
        else:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            step = step + decay * w if name == "adamw" else step
        w = w - rate * step
        yield w


@pytest.mark.core
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_its_definition_for_traced_settings(name):
    settings = np.float32([[0.1, 0.9, 0.01], [0.5, 0.0, 0.3]])
    others = np.float32([[0.1, np.inf]] * 2)
    got, _ = trained(name)(*settings.T, *others.T)
    expected = [list(definition(name, *np.float64(row))) for row in settings]
    assert_close(got, np.array(expected), 2e-5)  # Adam's 1 - .999^t loses three digits


@pytest.mark.parametrize(
    ("schedule", "factor"),
    [
        ("constant", lambda part: 1.0),
        ("cosine", lambda part: (1 + np.cos(np.pi * part)) / 2),
        ("exponential", lambda part: 0.2**part),
    ],
)
def test_a_schedule_at_the_first_the_middle_and_the_last_step(schedule, factor):
    assert schedule in SCHEDULES
    row = np.float32([[0.5, 0.0, 0.0, 0.2, np.inf]])
    got, _ = trained("sgd", schedule)(*row.T)
    change = np.diff(np.concatenate([START[None], got[0]]), axis=0)
    for step in (0, STEPS // 2, STEPS - 1):
        rate = 0.5 * factor(step / STEPS)
        assert_close(change[step], -rate * GRADIENTS[step], 1e-5)


def test_the_norm_is_measured_before_and_after_the_clip():
    row = np.float32([[0.5, 0.9, 0.0, 0.1, 1.5], [0.5, 0.9, 0.0, 0.1, np.inf]])
    _, measured = trained("momentum")(*row.T)
    norms = np.linalg.norm(GRADIENTS.astype(np.float64), axis=1)
    assert 0 < np.sum(norms > 1.5) < STEPS
    assert_close(measured["norm_before"], np.array([norms, norms]), 1e-6)
    assert_close(measured["norm_after"], np.array([np.minimum(norms, 1.5), norms]), 1e-6)
    assert np.array_equal(measured["clipped"], [norms > 1.5, np.zeros(STEPS, bool)])
