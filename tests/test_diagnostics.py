"""Diagnostics against closed forms, plain loops and finite differences."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from conftest import assert_close
from test_cells import by_name, draw

from seqjax.cells import CELLS
from seqjax.cells.base import Cell, Gate
from seqjax.cells.elman import elman_combine
from seqjax.diagnostics import depth, gates, gradients, jacobians
from seqjax.diagnostics.base import perturbed_step, step
from seqjax.diagnostics.probe import linear_probe
from seqjax.init import InitSpec
from seqjax.modules import ModelSpec, SequenceModel
from seqjax.recurrence import unroll
from seqjax.tasks.base import Batch
from seqjax.types import named_key

T, B, D, H = 3, 2, 2, 3
SOME = ("elman", "lstm", "lstm_peephole", "gru", "mut1", "janet")
some_cells = pytest.mark.parametrize("name", SOME)
with_c = pytest.mark.parametrize("name", [k for k in CELLS if "c" in CELLS[k].carry._fields])
LINEAR = Cell("linear", (Gate("h", "linear"),), elman_combine)
WEIGHT_TBH = np.random.default_rng(7).normal(size=(T, B, H))


def squared(outputs_TBH):
    """One number for each example, in which all outputs count, and not linearly."""
    weight = jnp.asarray(WEIGHT_TBH[:, : outputs_TBH.shape[1]], outputs_TBH.dtype)
    return jnp.sum(jnp.square(outputs_TBH - weight), axis=(0, 2))


def linear_network(seed=0):
    """A linear cell with one fixed recurrent matrix, and some input."""
    params, x, _, _ = draw(LINEAR, T, B, D, H, seed=seed)
    return jax.tree.map(jnp.float32, (params, x))


# --- gradients through time ---


def by_truncation(cell, params, x_TBD, carry):
    """By one jax.grad call a step: ∂L/∂(carry after t) of the steps that are left, and x and θ's.

    Each step's own contribution to ∂L/∂θ comes from a copy of θ that this step alone uses.
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
    d_states, d_theta, states = (
        jax.tree.map(lambda *a: jnp.stack(a), *found) for found in (d_states, d_theta, states[1:])
    )
    return states, d_states, jnp.stack(d_x), d_theta


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
    states, d_states, d_x, d_theta = jax.tree.map(np.asarray, by_truncation(cell, *arrays))
    assert set(profile) == {*cell.carry._fields, "x"}
    assert_close(profile["h"], np.linalg.norm(d_states.h, axis=2), 1e-12)
    assert_close(profile["x"], np.linalg.norm(d_x, axis=2), 1e-12)
    assert_close(each, d_theta, 1e-12)
    if name == "lstm":  # out through h_t, by way of o_t
        o = oracle_gate(by_name(cell, params), "o", x, np.stack([carry.h, *states.h[:-1]]))
        d_c = d_states.c + d_states.h * o * (1 - np.tanh(states.c) ** 2)
        assert_close(profile["c"], np.linalg.norm(d_c, axis=2), 1e-12)


def oracle_gate(p, k, x, h):
    return oracles.sigmoid(oracles.affine(p, k, x, h))


def nudged_lstm(p, x_TD, carry, t_nudged, nudge, peepholes):
    """An LSTM loop: outputs and c, with ``nudge`` added to c where it is computed in one step."""
    h, c = carry
    outputs, memories = [], []
    for t, x in enumerate(x_TD):

        def gate(k, c, x=x, h=h):
            return oracles.sigmoid(
                oracles.affine(p, k, x, h) + (p["p_PH"][k] * c if peepholes else 0)
            )

        c = gate("f", c) * c + gate("i", c) * np.tanh(oracles.affine(p, "g", x, h))
        c = c + nudge if t == t_nudged else c
        h = gate("o", c) * np.tanh(c)
        outputs.append(h)
        memories.append(c)
    return np.stack(outputs), np.stack(memories)


@pytest.mark.parametrize("name", ["lstm", "lstm_peephole"])
def test_the_gradient_of_the_cell_state_is_the_total_one(name, x64):
    """By finite differences of a NumPy loop in which c_t is changed where it is computed."""
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
            out, _ = nudged_lstm(by_name(cell, params), x[:, 0], start, t, nudge, peepholes)
            return np.sum((out - WEIGHT_TBH[:, 0]) ** 2)

        (expected,) = oracles.finite_differences(loss, [nudge])
        assert_close(profile["c"][t, 0], np.linalg.norm(expected), 1e-7)


@with_c
def test_gates_held_shut_show_h_of_the_new_cell_state(name, x64):
    """The step to which nothing is added is the step itself, for every cell with a c."""
    cell = CELLS[name]
    params, x, carry, _ = draw(cell, 1, B, D, H)
    nothing = jax.tree.map(np.zeros_like, carry)
    params, x, carry = jax.tree.map(jnp.asarray, (params, x, carry))
    assert_close(
        perturbed_step(cell, params, x[0], carry, nothing), step(cell, params, x[0], carry), 1e-14
    )


def test_contributions_of_all_steps_add_up_to_the_gradient(x64):
    cell = CELLS["lstm"]

    @jax.jit
    def both(params, x, carry):
        def loss(params):
            return jnp.sum(squared(unroll(cell, params, x, carry=carry).outputs_TBH))

        each = gradients.weight_contributions(cell, params, x, squared, carry)
        return jax.tree.map(lambda leaf: leaf.sum(axis=0), each), jax.grad(loss)(params)

    params, x, carry, _ = draw(cell, T, B, D, H)
    assert_close(*both(params, x, carry), 1e-12)


def test_steps_that_no_loss_reads_have_no_gradient():
    params, x = linear_network()
    profile = jax.jit(
        lambda x: gradients.gradient_profile(
            LINEAR, params, x, lambda h: jnp.sum(h[1] ** 2, axis=1)
        )
    )(x)
    for norms_TB in profile.values():
        assert np.all(norms_TB[:2] > 0) and not np.any(norms_TB[2:])


def test_examples_and_runs_are_independent():
    cell = CELLS["elman"]
    params, x, carry, _ = draw(cell, T, B, D, H, runs=(2,))
    params, x, carry = jax.tree.map(jnp.float32, (params, x, carry))
    profile = jax.jit(lambda p, x, c: gradients.gradient_profile(cell, p, x, squared, c))
    together = jax.jit(jax.vmap(profile, (0, None, None)))(params, x, carry)
    own = [jax.tree.map(lambda leaf, r=r: leaf[r], params) for r in range(2)]
    alone = [profile(p, x, carry) for p in own]
    assert_close(together, jax.tree.map(lambda *a: np.stack(a), *alone), 1e-5)
    first = profile(own[0], x[:, :1], jax.tree.map(lambda leaf: leaf[:1], carry))
    assert_close(first, jax.tree.map(lambda leaf: leaf[:, :1], alone[0]), 1e-5)


def test_slopes_and_ratios():
    t = np.arange(20.0, dtype=np.float32)
    assert_close(gradients.decades_per_step(jnp.float32(10 ** (-0.3 * t[::-1]))), -0.3, 1e-4)
    assert_close(gradients.decades_per_step(jnp.float32(3 * 10 ** (0.1 * t[::-1]))), 0.1, 1e-4)
    assert_close(gradients.early_to_late(jnp.float32(2.0**-t)), 2.0**16, 1e-6)
    assert gradients.early_to_late(jnp.array([3.0, 2.0])) == 1.5  # fewer than five steps: one


# --- Jacobians ---


def test_products_of_a_linear_network_are_matrix_powers():
    params, x = linear_network()
    u_T = np.float64(params.u_HGH[:, 0].T)
    found = jax.jit(lambda p: jacobians.products(jacobians.step_jacobians(LINEAR, p, x[:, 0])))(
        params
    )
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


def test_the_product_of_jacobians_carries_the_gradient_back(x64):
    """∂L/∂h_1 of an LSTM whose loss is an entry of h_T is in a row of J_T … J_2."""
    cell = CELLS["lstm"]
    params, x, _, _ = draw(cell, T, 1, D, H)

    @jax.jit
    def both(params):
        j_TSS = jacobians.step_jacobians(cell, params, x[:, 0])
        profile = gradients.gradient_profile(cell, params, x, lambda outputs: outputs[-1, :, 1])
        return jacobians.products(j_TSS[1:])[-1], profile["h"][0, 0]

    product, norm = both(params)
    assert_close(norm, np.linalg.norm(product[1, :H]), 1e-12)


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
    """Of a symmetric matrix log |eigenvalues|, and far beyond what products could hold."""
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    matrix = jnp.float32(q @ np.diag([10.0, 1.0, -0.2, 0.01]) @ q.T)
    found = jacobians.lyapunov_spectrum(jnp.broadcast_to(matrix, (500, 4, 4)))
    assert np.max(np.abs(found - np.log([10, 1, 0.2, 0.01]))) < 0.01
    assert np.all(jacobians.lyapunov_spectrum(jnp.zeros((3, 2, 2))) == -np.inf)


def constant_gates(name, **biases):
    """A cell whose gates see nothing but these biases."""
    cell = CELLS[name]
    params, x, _, _ = jax.tree.map(jnp.float32, draw(cell, T, 1, D, H))
    params = jax.tree.map(jnp.zeros_like, params)
    rows = [jnp.full((H,), biases.get(k, 0.0)) for k in cell.bias_gates]
    return cell, params._replace(b_GH=jnp.stack(rows)), x[:, 0]


@pytest.mark.parametrize(
    ("name", "biases", "kept"),
    [
        ("lstm", {"f": 1.5}, oracles.sigmoid(1.5)),
        ("lstm_peephole", {"f": 1.5}, oracles.sigmoid(1.5)),
        ("lstm_cifg", {"f": -1.0}, oracles.sigmoid(-1)),
        ("lstm_layernorm", {"f": 1.5}, oracles.sigmoid(1.5)),
        ("lstm_nfg", {}, 1.0),
        ("lstm_ungated", {}, 1.0),
        ("janet", {"f": 0.5}, oracles.sigmoid(0.5)),
        ("gru", {"z": 2.0}, oracles.sigmoid(2)),
        ("mut1", {"z": 2.0}, 1 - oracles.sigmoid(2)),
        ("elman", {}, 0.0),
    ],
    ids=str,
)
def test_the_direct_path_through_constant_gates_is_constant(name, biases, kept):
    cell, params, x = constant_gates(name, **biases)
    if cell.square:
        x = jnp.ones((T, H))
    assert_close(jacobians.direct_path(cell, params, x), np.full((T, H), kept), 1e-6)


@pytest.mark.parametrize(
    ("name", "gate", "sign"),
    [("lstm_peephole", "f", 1), ("gru", "z", 1), ("mut1", "z", -1)],
)
def test_the_direct_path_holds_gates_that_see_the_memory(name, gate, sign, x64):
    cell = CELLS[name]
    params, x, carry, _ = draw(cell, T, 1, D, H)

    @jax.jit
    def both(params, x, carry):
        start = jax.tree.map(lambda leaf: leaf[0], carry)
        kept_TH = jacobians.direct_path(cell, params, x[:, 0], start)
        return kept_TH, unroll(cell, params, x, carry=carry, probe=(gate,)).probes[gate][:, 0]

    kept_TH, values_TH = both(params, x, carry)
    assert_close(kept_TH, values_TH if sign > 0 else 1 - values_TH, 1e-12)


def test_constant_gates_alone_make_a_path_of_powers():
    """With U = 0 nothing but the direct path is left of ∂c_t/∂c_0."""
    kept = oracles.sigmoid(1.5)
    cell, params, x = constant_gates("lstm", f=1.5)
    path = jax.jit(partial(jacobians.memory_path, cell))(params, x, 0)
    powers = kept ** np.arange(T)
    assert_close(path.direct_TH, np.tile(powers[:, None], H), 1e-6)
    assert_close(path.total_THH, powers[:, None, None] * np.eye(H), 1e-6)
    assert_close(path.share_T, np.ones(T), 1e-6)


def test_the_total_path_of_a_cell_state_by_finite_differences(x64):
    cell, source = CELLS["lstm"], 1
    params, x, carry, _ = draw(cell, T, 1, D, H)
    start = jax.tree.map(lambda leaf: leaf[0], carry)
    path = jax.jit(partial(jacobians.memory_path, cell))(params, x[:, 0], source, start)
    p = by_name(cell, params)

    def memories(nudge=0.0):
        return nudged_lstm(p, x[:, 0], start, source, nudge, False)[1]

    for unit in range(H):
        nudge = 1e-6 * np.eye(H)[unit]
        columns = (memories(nudge) - memories(-nudge)) / 2e-6
        assert_close(path.total_THH[:, :, unit], columns, 1e-7)
    states = [start.h, *nudged_lstm(p, x[:, 0], start, source, 0.0, False)[0]]
    f = [oracle_gate(p, "f", x[t, 0], states[t]) for t in range(T)]
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
def test_outputs_depend_on_the_inputs_that_they_can_see(name, x64):
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


# --- what a state still tells ---


def test_a_probe_reads_what_is_there_and_nothing_else():
    """Three states: the class itself, a rotated and shifted class, and noise."""
    rng = np.random.default_rng(0)

    def states(labels):
        noise = rng.normal(size=(3, len(labels), 6))
        one_hot = np.eye(6)[labels]
        return jnp.float32([one_hot, 5 + 0.1 * (one_hot @ rotation) + 0.005 * noise[1], noise[2]])

    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    train, held = rng.integers(0, 4, 800), rng.integers(0, 4, 400)
    found = jax.jit(linear_probe, static_argnums=4)(
        states(train), jnp.array(train), states(held), jnp.array(held), 4
    )
    assert found.shape == (3,) and found[0] == 1 and found[1] > 0.99
    assert abs(found[2] - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 400)


def test_the_probe_is_ridge_regression(x64):
    rng = np.random.default_rng(1)
    y, y_held = rng.integers(0, 3, 40), rng.integers(0, 3, 30)
    h, h_held = rng.normal(size=(2, 40, 5)), rng.normal(size=(2, 30, 5))
    found = jax.jit(linear_probe, static_argnums=4)(h, y, h_held, y_held, 3)
    for t in range(2):
        mean, target = h[t].mean(axis=0), np.eye(3)[y]
        # The same least squares as rows of data: the ridge as 5 more examples.
        rows = np.concatenate([h[t] - mean, np.sqrt(40 * 1e-4) * np.eye(5)])
        w = np.linalg.lstsq(rows, np.concatenate([target - target.mean(0), np.zeros((5, 3))]))[0]
        guesses = np.argmax(target.mean(0) + (h_held[t] - mean) @ w, axis=1)
        assert_close(found[t], np.mean(guesses == y_held), 1e-12)


# --- gates ---


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_gate_statistics_count_the_valid_values(activation):
    rng = np.random.default_rng(0)
    opening = rng.beta(0.3, 0.4, (9, 4, 3)).astype(np.float32)
    opening[0, 0] = [0.0, 1.0, 1.0]
    weight = (rng.random((9, 4)) < 0.6).astype(np.float32)
    weight[0, 0] = 1
    values = opening if activation == "sigmoid" else 2 * opening - 1
    opening = values if activation == "sigmoid" else (values + 1) / 2
    count = jax.jit(gates.gate_statistics, static_argnums=0)
    found = count(Gate("f", activation), values, weight)
    valid = opening[weight > 0]  # (steps and examples, H)
    assert_close(found.histogram, np.histogram(valid, 20, (0, 1))[0] / valid.size, 1e-6)
    for k, edge in enumerate((0.1, 0.05, 0.01)):
        assert_close(found.low[k], np.mean(valid < edge), 1e-6)
        assert_close(found.high[k], np.mean(valid > 1 - edge), 1e-6)
    assert_close(found.unit_low_H, np.mean(valid < 0.1, axis=0), 1e-6)
    assert_close(found.unit_high_H, np.mean(valid > 0.9, axis=0), 1e-6)
    nothing = count(Gate("f", activation), values, np.zeros_like(weight))
    assert not any(np.any(leaf) for leaf in nothing)


def test_a_gate_without_bounds_is_refused():
    with pytest.raises(ValueError, match="gate 'n_h': expected one of sigmoid, tanh, got 'linear'"):
        gates.gate_statistics(Gate("n_h", "linear"), jnp.zeros((1, 1, 1)), jnp.ones((1, 1)))


def test_retention_is_the_time_in_which_the_product_falls_to_1_over_e():
    f = np.random.default_rng(0).uniform(0.2, 1, (50, 1, 4)).astype(np.float32)
    f[:, :, 2], f[:, :, 3] = 1, 0.9
    f[3, 0, 1] = 0
    weight = np.ones((60, 1), np.float32)
    weight[50:] = 0
    padded = np.concatenate([f, np.zeros((10, 1, 4), np.float32)])  # as probes are on padding
    tau = gates.retention_time(padded, weight)
    assert_close(np.exp(-50 / tau[0]), np.prod(np.float64(f[:, 0, 0])), 1e-4)
    assert tau[1] == 0 and tau[2] == np.inf
    assert_close(tau[3], -1 / np.log(0.9), 1e-5)


def test_the_gates_of_a_model_by_layer():
    spec = ModelSpec("gru", 4, layers=2)

    @jax.jit
    def measured(bias, gain, batch):
        model = SequenceModel(
            spec,
            5,
            2,
            every_step=False,
            symbols=True,
            init=InitSpec("uniform", bias=bias, recurrent_gain=gain, input_gain=gain),
            key=jax.random.key(0),
        )
        return gates.model_gates(model, batch)

    x = np.random.default_rng(0).integers(0, 5, (T, 3)).astype(np.int32)
    weight = np.float32([1, 1, 0])  # the last one fills the batch up
    batch = Batch(x, np.zeros(3, np.int32), weight, np.array([T, 2, T]))
    found = measured({"z": 2.0, "r": -8.0}, 0.0, batch)
    layers = ("layer0_forward", "layer1_forward")
    assert set(found) == {f"{layer}.{gate}" for layer in layers for gate in "rzn"}
    for layer in layers:
        assert_close(found[f"{layer}.r"].low, np.ones(3), 1e-6)  # σ(-8) = .0003
        assert_close(found[f"{layer}.z"].histogram, np.eye(20)[17], 1e-6)  # σ(2) = .88
        assert_close(found[f"{layer}.n"].histogram, np.eye(20)[10], 1e-6)  # tanh(0), the middle
    # Padded steps and examples without weight are not seen; others are.
    before = measured({"z": 2.0, "r": -8.0}, 1.0, batch)
    unseen, seen = x.copy(), x.copy()
    unseen[2:, 1], unseen[:, 2] = (x[2:, 1] + 1) % 5, (x[:, 2] + 1) % 5
    seen[1, 1] = (x[1, 1] + 1) % 5
    same = measured({"z": 2.0, "r": -8.0}, 1.0, batch._replace(x=unseen))
    assert_close(same, before, 0)
    other = measured({"z": 2.0, "r": -8.0}, 1.0, batch._replace(x=seen))
    assert np.any(other["layer0_forward.n"].histogram != before["layer0_forward.n"].histogram)


# --- depth ---

KEY = jax.random.key(3)
pieces = jax.jit(depth.pieces)


SCALES = np.float32([0.7, 1.4])


@pytest.mark.parametrize(
    ("family", "shared"),
    [("gaussian_linear", False), ("gaussian_tanh", True), ("orthogonal_tanh", False)],
)
def test_gradients_through_depth_are_those_of_a_plain_loop(family, shared):
    """Jacobians multiplied by NumPy in float64, from the documented draws."""
    kind, activation = depth.FAMILIES[family]
    depths = (1, 4, 9)

    @jax.jit
    def run(scales):
        one = partial(depth.depth_gradient, KEY, family, shared, depths=depths)
        drawn = depth.draw_matrices(KEY, kind, shared, max(depths))
        ends = [depth._direction(named_key(KEY, k)) for k in ("top", "bottom")]
        return jax.vmap(lambda scale: one(scale=scale))(scales), drawn, *ends

    results, u, w, h_0 = (np.float64(array) for array in run(SCALES))
    for scale, found in zip(SCALES, results, strict=True):
        for k, value in zip(depths, found, strict=True):
            h, product = 8 * h_0, np.eye(64)
            for matrix in scale * u[:k]:
                h = np.tanh(h @ matrix) if activation == "tanh" else h @ matrix
                slope = 1 - h**2 if activation == "tanh" else np.ones(64)
                product = product @ matrix * slope  # ∂h_k/∂h_0, inputs along the rows
            assert abs(value - np.log10(np.linalg.norm(product @ w))) < 1e-4


def test_orthogonal_linear_depth_is_a_power_of_the_scale_at_any_size():
    run = jax.jit(
        jax.vmap(lambda g: depth.depth_gradient(KEY, "orthogonal_linear", True, g, (10, 50)))
    )
    expected = np.array([[-30, -150], [0, 0], [13.0103, 65.0515]])
    assert np.max(np.abs(run(jnp.array([1e-3, 1.0, 20.0])) - expected)) < 1e-3


def test_a_draw_does_not_depend_on_the_draws_beside_it():
    one = partial(depth.depth_gradient, family="gaussian_tanh", shared=True, scale=1.2, depths=(5,))

    @jax.jit
    def run(keys):
        return jax.vmap(one)(keys), jax.lax.map(one, keys)

    assert_close(*run(jax.random.split(KEY, 2)), 1e-4)


def test_independent_matrices_begin_with_the_shared_one():
    draws = jax.jit(lambda: [depth.draw_matrices(KEY, "gaussian", k, 3) for k in (False, True)])
    u, shared = np.asarray(draws())
    assert_close(shared, np.stack([u[0]] * 3), 0)
    assert np.all(u[1] != u[0]) and abs(np.std(u) * 8 - 1) < 0.03


def test_depth_refuses_unknown_names():
    with pytest.raises(ValueError, match=r"family: unknown family 'tanh'.*gaussian_linear"):
        depth.depth_gradient(KEY, "tanh", True, 1.0, (1,))
    with pytest.raises(ValueError, match="unknown kind of matrix 'g'"):
        depth.draw_matrices(KEY, "g", True, 1)


def test_a_tent_map_composed_k_times_has_2_to_the_k_pieces():
    values = np.linspace(-1, 1, 4001, dtype=np.float32)
    for k in range(1, 6):
        values = 1 - 2 * np.abs(values)
        assert pieces(values) == 2**k


def test_rounding_and_level_stretches_are_no_turns():
    level = np.float32([1, 1 + 1e-6, 1 - 1e-6, 1, 2, 2, 2, 3, 3 - 3e-6, 3])
    assert pieces(np.float32([0, 1, 1, 1, 1, 1, 1, 1, 1, 0])) == 2
    assert pieces(level) == 1 and pieces(np.ones(10, np.float32)) == 1


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "independent"])
def test_monotone_pieces_are_those_of_a_plain_loop(shared):
    u = 3 * depth.draw_matrices(KEY, "gaussian", shared, 4, 8)
    a, b, w = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    grid = np.linspace(-2, 2, 401, dtype=np.float32)
    found = jax.jit(depth.monotone_pieces)(u, a, b, w, grid)
    h, counts = a + np.float64(grid)[:, None] * b, []
    for k in range(4):
        h = np.tanh(h @ np.float64(u[k]))
        values, turns, rising = h @ w, 0, None
        for old, new in itertools.pairwise(values):
            turns += rising is not None and rising != (new > old)
            rising = new > old
        counts.append(1 + turns)
    assert found.tolist() == counts and max(counts) > 2


def test_one_unit_never_turns():
    found = depth.monotone_pieces(
        jnp.full((6, 1, 1), -2.0), *(jnp.ones(1) for _ in range(3)), jnp.linspace(-9.0, 9.0, 999)
    )
    assert found.tolist() == [1] * 6
