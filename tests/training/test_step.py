"""Training programs against plain loops, failed runs, and independence of the other runs."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close, assert_same_bytes
from support.training import (
    CELL,
    SMALL,
    STEPS,
    alone,
    mesh_of,
    stacked,
    starting_arrays,
    train,
)

from seqjax.cells import CELLS
from seqjax.recurrence.unroll import unroll
from seqjax.tasks.base import EVALUATION_BATCH
from seqjax.training.config import make_config
from seqjax.training.evaluation import evaluate
from seqjax.training.step import initialise, train_step
from seqjax.types import named_key

CLIPPED = {"clip.kind": "norm", "clip.threshold": 0.5}


@functools.cache
def small(**options):
    """One run of ``SMALL`` under these options, trained in one chunk."""
    config = make_config(SMALL | options)
    (state,), trace = train([config], [0])
    return config, state, trace


def predict(params, batch, cell="lstm"):
    """The model of one layer as one ``unroll`` and a product."""
    result = unroll(
        CELLS[cell], params["recurrent"]["cells"][CELL], batch.x, lengths_B=batch.lengths_B
    )
    return result.carry.h @ params["readout"]["kernel"] + params["readout"]["bias"][None]


def training_batches(config, seed):
    key = named_key(jax.random.key(seed), "data")
    for row in config.task.rows({}, key, jnp.int32(0), STEPS, config.train.batch_size):
        yield config.task.batch({}, row, config.train.batch_size)


@pytest.mark.core
def test_training_is_a_loop_of_gradient_clip_and_momentum():
    config, state, trace = small(**CLIPPED)

    @jax.jit
    @jax.value_and_grad
    def loss(params, batch):
        return jnp.mean(jnp.square(predict(params, batch)[:, 0] - batch.y))

    params = starting_arrays(config, 0)
    momentum = jax.tree.map(jnp.zeros_like, params)
    losses, norms = [], []
    for batch in training_batches(config, 0):
        value, grads = loss(params, batch)
        losses.append(float(value))
        norms.append(np.sqrt(sum(np.sum(np.square(g)) for g in jax.tree.leaves(grads))))
        factor = min(1.0, 0.5 / norms[-1])
        momentum = jax.tree.map(lambda m, g, f=factor: 0.9 * m + f * g, momentum, grads)
        params = jax.tree.map(lambda p, m: p - 0.3 * m, params, momentum)
    assert 0 < np.sum(np.array(norms) > 0.5) < STEPS
    assert_close(alone(state.params), params, 1e-5)
    assert_close(trace.loss[0], np.array(losses), 1e-5)
    assert_close(trace.norm[0], np.array(norms), 1e-5)
    assert np.array_equal(trace.clipped[0], np.array(norms) > 0.5)
    assert state.failed_at[0] == -1


@pytest.mark.slow
@pytest.mark.parametrize("counts", [(2, 2, 2), (4, 4)], ids=str)
def test_chunks_are_the_whole_bit_for_bit(counts):
    config, state, trace = small(**CLIPPED)
    states, chunks = train([config], [0], counts=counts)
    assert_same_bytes(states[-1], state)
    assert_same_bytes(jax.tree.map(lambda x: x[:, :STEPS], chunks), trace)
    assert np.all(np.isnan(chunks.loss[:, STEPS:]))  # (4, 4): two steps of the last are none


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["norm", "step"])
def test_an_infinite_threshold_trains_as_no_clipping_bit_for_bit(kind):
    _, free, free_trace = small()
    _, state, trace = small(**{"clip.kind": kind, "clip.threshold": float("inf")})
    assert_same_bytes(state.params, free.params)
    assert_same_bytes(trace, free_trace)


@functools.cache
def together(rate, order=(0, 1, 2)):
    """Three runs in one program, the second at this rate, in chunks of two steps."""
    rates = [0.3, rate, 0.1]
    configs = [make_config(SMALL | {"optim.learning_rate": rates[k]}) for k in order]
    return train(configs, order, counts=(2, 2, 2))


@pytest.mark.slow
def test_a_run_that_explodes_is_frozen_where_it_failed():
    states, trace = together(1e30)
    assert [state.failed_at.tolist() for state in states] == [[-1, 1, -1]] * 3
    assert np.isfinite(trace.loss[1, 0]) and not np.isfinite(trace.loss[1, 1])
    frozen = [alone(state, 1) for state in states]
    assert_same_bytes(frozen[0], frozen[2])
    for leaf in jax.tree.leaves(frozen[0].params):
        assert np.all(np.isfinite(leaf)) and np.max(np.abs(leaf)) > 1e20  # step 0 was taken
    assert np.all(np.isfinite(trace.loss[[0, 2]]))


@pytest.mark.slow
def test_a_run_that_explodes_does_not_touch_its_neighbours():
    (*_, state), trace = together(1e30)
    (*_, calm), calm_trace = together(0.2)
    assert calm.failed_at.tolist() == [-1] * 3
    assert_same_bytes(alone((state, trace), [0, 2]), alone((calm, calm_trace), [0, 2]))
    (*_, turned), turned_trace = together(0.2, order=(2, 0, 1))
    assert_same_bytes((turned, turned_trace), alone((calm, calm_trace), [2, 0, 1]))


STEP_CLIPPED = {"task.variant": "pascanu", "task.length": 10, "clip.kind": "step"}


def clipped_pairs(threshold, params, batch):
    """(valid pairs, those clipped): the backward pass of ``predict``, one step at a time."""
    cell = CELLS["lstm"]

    @jax.jit
    def forward(carry, x_BD):
        arrays = params["recurrent"]["cells"][CELL]
        return unroll(cell, arrays, x_BD[None], carry=carry).carry

    @jax.jit
    def backward(carry, x_BD, cotangent):
        return jax.vjp(lambda carry: forward(carry, x_BD), carry)[1](cotangent)[0]

    kernel, bias = (np.asarray(params["readout"][name]) for name in ("kernel", "bias"))
    pairs = clipped = 0
    for b, length in enumerate(batch.lengths_B.tolist()):
        carries = [cell.initial_carry(1, 4)]
        for x_D in batch.x[:length, b]:
            carries.append(forward(carries[-1], x_D[None]))
        slope = 2 * (np.asarray(carries[-1].h[0]) @ kernel + bias - batch.y[b]) / len(batch.y)
        cotangent = cell.carry((kernel * slope).T, np.zeros((1, 4), np.float32))
        for t in reversed(range(length)):
            norm = np.linalg.norm(np.concatenate(cotangent))
            pairs, clipped = pairs + 1, clipped + (norm > threshold)
            bounded = (np.asarray(x) * min(1.0, threshold / norm) for x in cotangent)
            cotangent = backward(carries[t], batch.x[t, b][None], cell.carry(*bounded))
    return pairs, clipped


@pytest.mark.slow
def test_under_step_clipping_the_fraction_of_clipped_pairs_is_recorded():
    thresholds = [float("inf"), 0.1, 0.03]
    configs = [make_config(SMALL | STEP_CLIPPED | {"clip.threshold": t}) for t in thresholds]
    _, trace = train(configs, [0, 0, 0])
    params = starting_arrays(configs[0], 0)
    batch = jax.tree.map(np.asarray, next(training_batches(configs[0], 0)))
    assert np.all(trace.clipped[0] == 0)
    for run in (1, 2):
        pairs, clipped = clipped_pairs(configs[run].clip.threshold, params, batch)
        assert pairs == np.sum(batch.lengths_B) < batch.x.shape[0] * batch.x.shape[1]
        assert 0 < clipped < pairs
        assert trace.clipped[run, 0] == np.float32(clipped) / np.float32(pairs)
        assert trace.norm[run, 0] < trace.norm[run - 1, 0]


@pytest.mark.parametrize("task", ["adding", "digits_rows"])
def test_evaluation_is_the_mean_over_the_whole_set(task):
    config = make_config({"model.hidden": 4, "task.name": task, "clip.kind": "step"})
    data = jax.tree.map(jnp.asarray, config.task.data())
    params = starting_arrays(config, 0)
    rows = config.task.evaluation_rows(data, jnp.int32(0))
    batches = [config.task.batch(data, row, EVALUATION_BATCH) for row in rows]
    counted = np.concatenate([batch.weight for batch in batches]) > 0
    outputs = np.concatenate([jax.jit(predict)(params, batch) for batch in batches])[counted]
    y = np.concatenate([batch.y for batch in batches])[counted]
    if task == "adding":
        error = outputs[:, 0] - y
        expected = {"mse": np.mean(error**2), "solved": np.mean(np.abs(error) < 0.04)}
        expected["loss"] = expected["mse"]
    else:
        assert len(y) == 297 < len(counted)
        odds = np.exp(outputs)
        p = odds[np.arange(297), y] / odds.sum(axis=1)
        expected = {"loss": -np.mean(np.log(p)), "accuracy": np.mean(outputs.argmax(1) == y)}
    got = evaluate(
        stacked([config]),
        jax.tree.map(lambda leaf: leaf[None], params),
        data,
        np.int32(0),
        mesh=mesh_of(1),
    )
    assert {name: float(value[0]) for name, value in got.items()} == pytest.approx(expected, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [32, 128])
def test_a_run_has_the_same_bits_alone_and_beside_another_on_two_devices(hidden):
    settings = SMALL | CLIPPED | {"model.hidden": hidden, "train.batch_size": 8}
    configs = [make_config(settings | {"optim.learning_rate": rate}) for rate in (0.1, 0.3)]
    pair = train(configs, [0, 1], devices=2)
    for run in (0, 1):
        assert_same_bytes(alone(pair, run), alone(train(configs[run : run + 1], [run])))
    turned = train(configs[::-1], [1, 0], devices=2)
    assert_same_bytes(alone(turned, [1, 0]), pair)


@pytest.mark.parametrize("kind", ["norm", "step"])
def test_a_training_step_lowers_for_every_platform(kind):
    config = make_config(SMALL | {"clip.kind": kind, "optim.name": "adam"})
    state = jax.eval_shape(lambda: initialise(stacked([config]), np.uint32([0]), mesh=mesh_of(1)))
    state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), state)

    def step(config, state, step, key):
        return train_step(config, {}, state, step, jax.random.wrap_key_data(key))

    platforms = ("cpu", "cuda", "tpu", "rocm")
    exported = jax.export.export(jax.jit(step), platforms=platforms)(
        alone(stacked([config])), state, np.int32(0), np.zeros(2, np.uint32)
    )
    assert exported.platforms == platforms


SETTINGS = [
    SMALL | STEP_CLIPPED,
    {"task.name": "digits_rows", "model.hidden": 4, "optim.name": "adam"},
]


@pytest.mark.exhaustive
@pytest.mark.subprocess
def test_runs_are_float32_also_where_x64_is_on():
    program = f"""if True:
    import conftest, jax, numpy as np
    from support import training as t
    from seqjax.training.config import make_config
    from seqjax.training.evaluation import evaluate

    assert jax.config.jax_enable_x64 and jax.numpy.ones(()).dtype == "float64"
    for settings in {SETTINGS!r}:
        config = make_config(settings)
        states, trace = t.train([config], [0], counts=(3,))
        floats = [x.dtype for x in jax.tree.leaves((states, trace)) if x.dtype.kind == "f"]
        assert set(floats) == {{np.dtype("float32")}}, floats
        assert np.all(np.isfinite(trace.loss))
        data, mesh = config.task.data(), t.mesh_of(1)
        scores = evaluate(t.stacked([config]), states[0].params, data, np.int32(0), mesh=mesh)
        assert all(np.isfinite(value) for value in scores.values())
    """
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), str(tests.parent)])
    environment = {**os.environ, "JAX_ENABLE_X64": "1", "PYTHONPATH": path}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_bfloat16_rounds_products_and_no_state():
    options = {"train.precision": "bf16", "model.cell": "gru"}
    state = small(**options)[1]
    single = small(**{"model.cell": "gru"})[1].params["readout"]["kernel"]
    assert {x.dtype for x in jax.tree.leaves(state.params)} == {np.dtype("float32")}
    assert 0 < np.abs(state.params["readout"]["kernel"] - single).max() < 1e-2
