"""Noise and dropout in training against a plain loop, and off in evaluation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close, assert_same_bytes
from support.training import SMALL, STEPS, alone, mesh_of, stacked, train

from seqjax.cells import CELLS
from seqjax.models.noise import ActivationNoise, add_weight_noise, dropout
from seqjax.recurrence.unroll import unroll
from seqjax.training.config import make_config
from seqjax.training.evaluation import evaluate
from seqjax.training.regularization import KINDS
from seqjax.training.step import initial_state
from seqjax.types import named_key

LAYERS = ("layer0_forward", "layer1_forward")
RATES = {"reg.input_dropout": 0.3, "reg.output_dropout": 0.4, "reg.input_noise": 0.2}
NOISY = SMALL | RATES | {"model.layers": 2, "reg.weight_noise": 0.1, "optim.name": "sgd"}
ALL = "weight_noise+input_noise+input_dropout+output_dropout"


def draws(key, step, params, shapes):
    """Every random array of a step by name, from the keys that the names define."""
    key = jax.random.fold_in(named_key(key, "regularisation"), step)
    weights, activations = named_key(key, "weights"), named_key(key, "activations")
    normal = {
        f"{layer}.{field}": jax.random.normal(
            named_key(weights, f"recurrent.cells.{layer}.{field}"),
            getattr(params["recurrent"]["cells"][layer], field).shape,
        )
        for layer in LAYERS
        for field in ("w_DGH", "u_HGH")
    }
    normal["input"] = jax.random.normal(named_key(activations, "input"), shapes["layer0"])
    keep = {"layer0": 0.7, "layer1": 0.7, "output": 0.6}
    masks = {
        place: np.float32(jax.random.bernoulli(named_key(activations, place), p, shapes[place])) / p
        for place, p in keep.items()
    }
    return normal, masks


@pytest.mark.slow
def test_training_is_a_loop_of_noisy_gradients_and_clean_updates():
    config = make_config(NOISY | {"reg.kinds": ALL})
    (state,), trace = train([config], [5])
    T, B, H = config.task.length, config.train.batch_size, config.model.hidden
    shapes = {"layer0": (T, B, 2), "layer1": (T, B, H), "output": (B, H)}

    @jax.jit
    @jax.value_and_grad
    def loss(params, batch, normal, masks):
        x_TBD = batch.x + 0.2 * normal["input"]
        for layer in LAYERS:
            x_TBD = x_TBD * masks[layer.removesuffix("_forward")]
            own = params["recurrent"]["cells"][layer]
            x_TBD = unroll(CELLS["lstm"], own, x_TBD).outputs_TBH
        h_BH = x_TBD[-1] * masks["output"]
        outputs = h_BH @ params["readout"]["kernel"] + params["readout"]["bias"][None]
        return jnp.mean(jnp.square(outputs[:, 0] - batch.y))

    params, losses = initial_state(config, jnp.uint32(5)).params, []
    key = jax.random.key(5)
    rows = config.task.rows({}, named_key(key, "data"), jnp.int32(0), STEPS, B)
    for step, row in enumerate(rows):
        normal, masks = draws(key, step, params, shapes)
        cells = {
            layer: own._replace(
                w_DGH=own.w_DGH + 0.1 * normal[f"{layer}.w_DGH"],
                u_HGH=own.u_HGH + 0.1 * normal[f"{layer}.u_HGH"],
            )
            for layer, own in params["recurrent"]["cells"].items()
        }
        noisy = {**params, "recurrent": {**params["recurrent"], "cells": cells}}
        value, grads = loss(noisy, config.task.batch({}, row, B), normal, masks)
        params = jax.tree.map(lambda p, g: p - 0.3 * g, params, grads)
        losses.append(float(value))
    assert_close(trace.loss[0], np.array(losses), 1e-5)
    assert_close(alone(state.params), params, 1e-5)


@pytest.mark.slow
def test_draws_depend_on_the_step_and_not_on_chunks_or_neighbours():
    rates = [NOISY | {"reg.kinds": ALL, "reg.input_noise": sd} for sd in (0.2, 9.0)]
    pair = [make_config(settings) for settings in rates]
    states, trace = train(pair, [5, 5], counts=(3, 3))
    _, swapped = train(pair[::-1], [5, 5], counts=(3, 3))
    assert_same_bytes(alone(swapped, 1), alone(trace, 0))
    assert trace.loss[0, 0] != trace.loss[1, 0]
    (whole,), whole_trace = train(pair[:1], [5])
    assert_close(alone(whole.params), alone(states[-1].params), 1e-5)
    assert_close(whole_trace.loss[0], trace.loss[0], 1e-5)


@pytest.mark.slow
def test_evaluation_has_no_noise():
    configs = [make_config(NOISY | {"reg.kinds": kinds}) for kinds in ("", ALL)]
    params = jax.tree.map(lambda a: a[None], initial_state(configs[0], jnp.uint32(0)).params)
    off, on = (
        evaluate(stacked([config]), params, {}, np.int32(0), mesh=mesh_of(1)) for config in configs
    )
    assert_same_bytes(off, on)


def test_weight_noise_moves_the_matrices_of_recurrent_layers_alone():
    settings = {"model.cell": "lstm_peephole", "model.hidden": 40, "task.name": "adding"}
    params = initial_state(make_config(settings), jnp.uint32(0)).params
    noisy = add_weight_noise(params, jax.random.key(1), 0.5)
    moved = jax.tree.map(lambda a, b: np.asarray(b - a), params, noisy)
    own = moved["recurrent"]["cells"]["layer0_forward"]
    for field, array in own._asdict().items():
        deviation = 0.5 if field in ("w_DGH", "u_HGH") else 0.0
        assert np.std(array) == pytest.approx(deviation, rel=0.2)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(moved["readout"]))
    assert abs(np.corrcoef(own.w_DGH[0].ravel(), own.w_DGH[1].ravel())[0, 1]) < 0.3


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.9])
def test_dropout_keeps_the_mean(rate):
    dropped = np.asarray(dropout(jax.random.key(0), jnp.ones((100, 100)), rate))
    assert np.mean(dropped == 0) == pytest.approx(rate, abs=0.02)
    assert np.mean(dropped) == pytest.approx(1, abs=0.1)
    assert len(np.unique(dropped)) == (1 if rate == 0 else 2)


def test_places_of_a_model_have_draws_of_their_own():
    noise = ActivationNoise(jax.random.key(0), 1.0, 0.5, 0.5)
    ones = jnp.ones((5, 4, 3))
    places = [noise.on_layer(0, ones), noise.on_layer(1, ones), noise.on_output(ones)]
    places.append(noise.folded("encoder").on_layer(0, ones))
    assert len({np.asarray(array).tobytes() for array in places}) == 4
    off = ActivationNoise(jax.random.key(0))
    assert off.on_input(ones) is off.on_layer(0, ones) is off.on_output(ones) is ones


def test_fields_of_other_kinds_have_no_effect():
    reg = make_config({"reg.kinds": "omega+weight_noise", "model.cell": "elman"}).reg
    assert [*reg.unused(CELLS["elman"], None)] == ["input_noise", "input_dropout", "output_dropout"]
    assert [*make_config({}).reg.unused(CELLS["lstm"], None)] == [*KINDS, "omega_half"]
