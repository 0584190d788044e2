"""Statistics of gates against plain counts and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close
from support.small_cells import T

from seqjax.cells.base import Gate
from seqjax.diagnostics import gates
from seqjax.init import InitSpec
from seqjax.models.sequence import ModelSpec, SequenceModel
from seqjax.tasks.base import Batch


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


def test_an_unbounded_gate_is_refused():
    with pytest.raises(ValueError, match=r"n_h.*sigmoid, tanh, got 'linear'"):
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


@pytest.mark.slow
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


def test_retention_of_refined_gates_is_that_of_the_effective_gate():
    """e = f² for r = 0, and f = σ(0) = 1/2 if no input arrives."""
    spec = ModelSpec("lstm_refine", 2)
    init = InitSpec(bias={"r": -50.0}, recurrent_gain=0.0, input_gain=0.0)
    options = {"every_step": False, "symbols": True, "init": init, "key": jax.random.key(0)}
    x = np.zeros((T, 1), np.int32)
    batch = Batch(x, np.zeros(1, np.int32), np.ones(1, np.float32), None)
    (tau_H,) = gates.model_retention(SequenceModel(spec, 5, 2, **options), batch).values()
    assert_close(tau_H, np.full(2, -1 / np.log(0.25)), 1e-5)
