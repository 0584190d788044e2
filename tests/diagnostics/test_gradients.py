"""Gradients through time against plain loops and finite differences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import oracles
from support.assertions import assert_close
from support.cells import NAMES, by_name, draw
from support.small_cells import LINEAR, B, D, H, T, linear_network, some_cells

from seqjax.cells import CELLS
from seqjax.diagnostics import gradients
from seqjax.diagnostics.base import perturbed_step, step

with_c = pytest.mark.parametrize("name", [k for k in NAMES if "c" in CELLS[k].carry._fields])
WEIGHT_TBH = np.random.default_rng(7).normal(size=(T, B, H))


def squared(outputs_TBH):
    """One number for each example, in which all outputs count, and not linearly."""
    weight = jnp.asarray(WEIGHT_TBH[:, : outputs_TBH.shape[1]], outputs_TBH.dtype)
    return jnp.sum(jnp.square(outputs_TBH - weight), axis=(0, 2))


def by_truncation(cell, params, x_TBD, carry):
    """Gradients in the carry after each step, in x and in θ, by one ``jax.grad`` for each step.

    The contribution of a step to ∂L/∂θ comes from a copy of θ that this step alone uses.
    """

    def rest(state, t, outputs):
        """The loss as a function of the carry after step t."""
        outputs = [*outputs[:t], state.h]
        for later in range(t + 1, T):
            state = step(cell, params, x_TBD[later], state)
            outputs.append(state.h)
        return jnp.sum(squared(jnp.stack(outputs)))

    states = [carry]
    for t in range(T):
        states.append(step(cell, params, x_TBD[t], states[-1]))
    outputs = [state.h for state in states[1:]]
    d_states = [jax.grad(rest)(states[t + 1], t, outputs) for t in range(T)]
    d_x, d_theta = [], []
    for t in range(T):

        def through(x_BD, theta, t=t):
            return rest(step(cell, theta, x_BD, states[t]), t, outputs)

        for found, d in zip(
            (d_x, d_theta), jax.grad(through, (0, 1))(x_TBD[t], params), strict=True
        ):
            found.append(d)
    d_states, d_theta = (
        jax.tree.map(lambda *a: jnp.stack(a), *found) for found in (d_states, d_theta)
    )
    return d_states, jnp.stack(d_x), d_theta


@pytest.mark.slow
@some_cells
def test_gradients_through_time_are_those_of_a_loop_of_truncated_unrolls(name, x64):
    cell = CELLS[name]

    @jax.jit
    def found(params, x, carry):
        profile = gradients.gradient_profile(cell, params, x, squared, carry)
        return profile, gradients.weight_contributions(cell, params, x, squared, carry)

    params, x, carry, _ = draw(cell, T, B, D, H)
    profile, each = found(params, x, carry)
    arrays = jax.tree.map(jnp.asarray, (params, x, carry))
    found_by_loop = jax.jit(partial(by_truncation, cell))(*arrays)
    d_states, d_x, d_theta = jax.device_get(found_by_loop)
    assert set(profile) == {*cell.carry._fields, "x"}
    assert_close(profile["h"], np.linalg.norm(d_states.h, axis=2), 1e-12)
    assert_close(profile["x"], np.linalg.norm(d_x, axis=2), 1e-12)
    assert_close(each, d_theta, 1e-12)


@pytest.mark.parametrize("name", ["lstm", "lstm_peephole"])
def test_the_gradient_of_the_cell_state_is_the_total_one(name, x64):
    """By finite differences of a NumPy loop that changes c_t."""
    cell = CELLS[name]
    params, x, carry, _ = draw(cell, T, 1, D, H)
    profile = jax.jit(partial(gradients.gradient_profile, cell, loss=squared))(
        params, x, carry=carry
    )
    start = tuple(leaf[0] for leaf in carry)
    for t in range(T):
        nudge = np.zeros(H)

        def loss(t=t, nudge=nudge):
            peepholes = name == "lstm_peephole"
            out, _ = oracles.nudged_lstm(by_name(cell, params), x[:, 0], start, t, nudge, peepholes)
            return np.sum((out - WEIGHT_TBH[:, 0]) ** 2)

        (expected,) = oracles.finite_differences(loss, [nudge])
        assert_close(profile["c"][t, 0], np.linalg.norm(expected), 1e-7)


@with_c
def test_a_step_with_perturbation_0_is_the_step(name, x64):
    """For every cell with a c, whose h' is computed by a second call of the equation."""
    cell = CELLS[name]
    params, x, carry, _ = draw(cell, 1, B, D, H)
    zero = jax.tree.map(np.zeros_like, carry)

    @jax.jit
    def both(params, x_BD, carry):
        return perturbed_step(cell, params, x_BD, carry, zero), step(cell, params, x_BD, carry)

    assert_close(*both(params, x[0], carry), 1e-14)


def test_steps_that_no_loss_reads_have_no_gradient():
    params, x = linear_network()
    profile = jax.jit(
        lambda x: gradients.gradient_profile(
            LINEAR, params, x, lambda h: jnp.sum(h[1] ** 2, axis=1)
        )
    )(x)
    for norms_TB in profile.values():
        assert np.all(norms_TB[:2] > 0) and not np.any(norms_TB[2:])


def test_slopes_and_ratios():
    t = np.arange(20.0, dtype=np.float32)
    assert_close(gradients.decades_per_step(jnp.float32(10 ** (-0.3 * t[::-1]))), -0.3, 1e-4)
    assert_close(gradients.decades_per_step(jnp.float32(3 * 10 ** (0.1 * t[::-1]))), 0.1, 1e-4)
    assert_close(gradients.early_to_late(jnp.float32(2.0**-t)), 2.0**16, 1e-6)
    assert gradients.early_to_late(jnp.array([3.0, 2.0])) == 1.5  # fewer than five steps: one
