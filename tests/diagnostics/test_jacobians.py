"""Jacobians, their exponents and paths against closed forms and finite differences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import oracles
from support.assertions import assert_close
from support.cells import by_name, draw
from support.small_cells import LINEAR, B, D, H, T, linear_network, some_cells

from seqjax.cells import CELLS
from seqjax.diagnostics import jacobians
from seqjax.recurrence.unroll import unroll


def test_products_of_a_linear_network_are_matrix_powers():
    params, x = linear_network()
    u_T = np.float64(params.u_HGH[:, 0].T)
    found = jax.jit(
        lambda p: jacobians.cumulative_products(jacobians.step_jacobians(LINEAR, p, x[:, 0]))
    )(params)
    for t in range(T):
        assert_close(found[t], np.linalg.matrix_power(u_T, t + 1), 1e-5)


@some_cells
def test_jacobians_of_steps_by_finite_differences(name, x64):
    cell = CELLS[name]
    params, x, carry, _ = draw(cell, T, 1, D, H)
    start = jax.tree.map(lambda leaf: leaf[0], carry)
    found = jax.jit(partial(jacobians.step_jacobians, cell))(params, x[:, 0], start)
    p, step_of = by_name(cell, params), oracles.STEPS[name]
    state = tuple(np.array(leaf) for leaf in start)
    for t in range(T):
        columns = []
        for leaf in range(len(state)):
            for unit in range(H):
                ends = []
                for sign in (1, -1):
                    moved = [part.copy() for part in state]
                    moved[leaf][unit] += sign * 1e-6
                    ends.append(np.concatenate(step_of(p, x[t, 0], *moved)))
                columns.append((ends[0] - ends[1]) / 2e-6)
        assert_close(found[t], np.stack(columns, axis=1), 1e-8)
        state = step_of(p, x[t, 0], *state)


def test_lyapunov_exponents_of_the_henon_map(x64):
    """Sprott 2003: .41922 and -1.62319; their sum is log .3 exactly."""

    def body(state, _):
        x, y = state
        jacobian = jnp.array([[-2.8 * x, 1.0], [0.3, 0.0]])
        return (1 - 1.4 * x * x + y, 0.3 * x), jacobian

    _, along = jax.lax.scan(body, (0.1, 0.1), length=20_000)
    found = jax.jit(jacobians.lyapunov_spectrum)(along[100:])
    assert abs(found[0] - 0.41922) < 0.01
    assert_close(found.sum(), np.log(0.3), 1e-12)


def test_lyapunov_exponents_of_a_linear_network():
    """For a symmetric matrix they are log |eigenvalues|, also where products would overflow."""
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    matrix = jnp.float32(q @ np.diag([10.0, 1.0, -0.2, 0.01]) @ q.T)
    found = jacobians.lyapunov_spectrum(jnp.broadcast_to(matrix, (500, 4, 4)))
    assert np.max(np.abs(found - np.log([10, 1, 0.2, 0.01]))) < 0.01
    assert np.all(jacobians.lyapunov_spectrum(jnp.zeros((3, 2, 2))) == -np.inf)


def constant_gates(name, **biases):
    """A cell whose gates depend on these biases alone."""
    cell = CELLS[name]
    params, x, _, _ = jax.tree.map(jnp.float32, draw(cell, T, 1, D, H))
    params = jax.tree.map(jnp.zeros_like, params)
    rows = [jnp.full((H,), biases.get(k, 0.0)) for k in cell.bias_gates]
    return cell, params._replace(b_GH=jnp.stack(rows)), x[:, 0]


@pytest.mark.parametrize(
    ("name", "biases", "expected"),
    [
        ("lstm", {"f": 1.5}, oracles.sigmoid(1.5)),
        ("lstm_peephole", {"f": 1.5}, oracles.sigmoid(1.5)),
        ("lstm_cifg", {"f": -1.0}, oracles.sigmoid(-1)),
        ("lstm_layernorm", {"f": 1.5}, oracles.sigmoid(1.5)),
        ("lstm_nfg", {}, 1.0),
        ("lstm_ungated", {}, 1.0),
        ("lstm_decay", {}, 0.9),
        ("lstm_refine", {"f": 0.0, "r": -50.0}, 0.25),
        ("lstm_refine", {"f": 0.0, "r": 50.0}, 0.75),
        ("janet", {"f": 0.5}, oracles.sigmoid(0.5)),
        ("gru", {"z": 2.0}, oracles.sigmoid(2)),
        ("mut1", {"z": 2.0}, 1 - oracles.sigmoid(2)),
        ("elman", {}, 0.0),
    ],
    ids=str,
)
def test_the_direct_path_through_constant_gates_is_constant(name, biases, expected):
    cell, params, x = constant_gates(name, **biases)
    if cell.square:
        x = jnp.ones((T, H))
    assert_close(jacobians.direct_path(cell, params, x), np.full((T, H), expected), 1e-6)


@pytest.mark.parametrize(
    ("name", "gate", "sign"),
    [("lstm_peephole", "f", 1), ("gru", "z", 1), ("mut1", "z", -1)],
)
def test_the_direct_path_fixes_gates_that_read_the_memory(name, gate, sign, x64):
    cell = CELLS[name]
    params, x, carry, _ = draw(cell, T, 1, D, H)

    @jax.jit
    def both(params, x, carry):
        start = jax.tree.map(lambda leaf: leaf[0], carry)
        kept_TH = jacobians.direct_path(cell, params, x[:, 0], start)
        return kept_TH, unroll(cell, params, x, carry=carry, probe=(gate,)).probes[gate][:, 0]

    kept_TH, values_TH = both(params, x, carry)
    assert_close(kept_TH, values_TH if sign > 0 else 1 - values_TH, 1e-12)


def test_the_total_path_of_a_cell_state_by_finite_differences(x64):
    cell, source = CELLS["lstm"], 1
    params, x, carry, _ = draw(cell, T, 1, D, H)
    start = jax.tree.map(lambda leaf: leaf[0], carry)
    path = jax.jit(partial(jacobians.memory_path, cell))(params, x[:, 0], source, start)
    p = by_name(cell, params)

    def memories(nudge=0.0):
        return oracles.nudged_lstm(p, x[:, 0], start, source, nudge, False)[1]

    for unit in range(H):
        nudge = 1e-6 * np.eye(H)[unit]
        columns = (memories(nudge) - memories(-nudge)) / 2e-6
        assert_close(path.total_THH[:, :, unit], columns, 1e-7)
    states = [start.h, *oracles.nudged_lstm(p, x[:, 0], start, source, 0.0, False)[0]]
    f = [oracles.gate(p, "f", x[t, 0], states[t]) for t in range(T)]
    assert_close(path.direct_TH, np.stack([0 * f[0], 1 + 0 * f[0], f[2]]), 1e-12)
    share = np.linalg.norm(f[2]) / np.linalg.norm(path.total_THH[2])
    assert_close(path.share_T, np.array([0, 1, share]), 1e-12)


def test_scales_of_recurrent_matrices():
    cell = CELLS["gru"]
    params, *_ = draw(cell, T, B, D, 4)
    found = jacobians.recurrent_scales(cell, jax.tree.map(jnp.float32, params))
    assert set(found) == {"r", "z", "n_h"}
    for k, gate in enumerate(cell.state_gates):
        u = params.u_HGH[:, k]
        assert_close(found[gate].radius, np.max(np.abs(np.linalg.eigvals(u))), 1e-5)
        assert_close(found[gate].norm, np.linalg.norm(u, 2), 1e-5)
    zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), params)
    assert jacobians.recurrent_scales(cell, zero)["r"] == (0, 0)
    assert jacobians.recurrent_scales(CELLS["feedforward"], None) == {}


@pytest.mark.parametrize("name", ["feedforward", "elman"])
def test_outputs_depend_on_the_inputs_up_to_their_step(name, x64):
    cell = CELLS[name]
    params, x, _, _ = draw(cell, T, 1, D, H)

    def predict(x_TD):
        return unroll(cell, params, x_TD[:, None]).outputs_TBH[:, 0]

    predict = jax.jit(predict)
    found = np.asarray(jax.jit(partial(jacobians.input_jacobian, predict))(x[:, 0]))
    assert np.all(np.diag(found) > 0) and not np.any(np.triu(found, 1))
    below = found[np.tril_indices(T, -1)]
    assert not np.any(below) if name == "feedforward" else np.all(below > 0)
    (t, s) = (2, 1) if name == "elman" else (2, 2)
    entries = []
    for d in range(D):
        ends = [
            predict(x[:, 0] + sign * 1e-6 * (np.arange(T) == s)[:, None] * (np.arange(D) == d))[t]
            for sign in (1, -1)
        ]
        entries.append((ends[0] - ends[1]) / 2e-6)
    assert_close(found[t, s], np.linalg.norm(entries), 1e-7)
