"""The state that a stream carries from one window of training to the next."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close
from support.batches import data_of
from support.counted_text import Counted, batches_of
from support.interrupted import StopAt, bits, results
from support.training import STEPS, alone, mesh_of, stacked, train

from seqjax.cells import CELLS
from seqjax.recurrence.unroll import unroll
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Axis, Study
from seqjax.tasks import TASKS
from seqjax.training.checkpoint import Checkpoints
from seqjax.training.config import make_config
from seqjax.training.evaluation import evaluate
from seqjax.training.state import abstract_arrays
from seqjax.training.step import initialise
from seqjax.types import named_key

H, B = 4, 3
LAYERS = ("layer0_forward", "layer1_forward")


def counted_config(carried=True, rate=0.5):
    settings = {
        "task.name": "xml",
        "model.cell": "elman",
        "model.hidden": H,
        "model.layers": 2,
        "init.recurrent": "uniform",
        "train.steps": STEPS,
        "train.batch_size": B,
        "optim.name": "sgd",
        "optim.learning_rate": rate,
    }
    return dataclasses.replace(make_config(settings), task=Counted(4, carried))


@functools.cache
def trained(carried=True, rate=0.5):
    (state,), trace = train([counted_config(carried, rate)], [0])
    return state, trace


def zeros():
    return {name: CELLS["elman"].initial_carry(B, H) for name in LAYERS}


@jax.jit
def forward(params, x_TB, carry):
    """Return logits and last carries of two layers, each a matrix product and an unroll."""
    x, last = jax.nn.one_hot(x_TB, 50, dtype=jnp.float32), {}
    for name in LAYERS:
        result = unroll(CELLS["elman"], params["recurrent"]["cells"][name], x, carry=carry[name])
        x, last[name] = result.outputs_TBH, result.carry
    return x @ params["readout"]["kernel"] + params["readout"]["bias"][None, None], last


@jax.jit
def window(params, batch, carry, rate):
    """Return parameters, loss and carry after one window of gradient descent."""

    def loss(params):
        logits, last = forward(params, batch.x, carry)
        correct = jnp.take_along_axis(jax.nn.log_softmax(logits), batch.y[..., None], 2)[..., 0]
        return -jnp.sum(correct * batch.weight) / jnp.sum(batch.weight), last

    (value, last), grads = jax.value_and_grad(loss, has_aux=True)(params)
    return jax.tree.map(lambda p, g: p - rate * g, params, grads), value, last


def looped(steps, carried=True, rate=0.5):
    """Return parameters and carry after ``steps`` windows, and the loss of each window."""
    config, values = counted_config(carried, rate), []
    state = jax.device_get(initialise(stacked([config]), np.uint32([0]), mesh=mesh_of(1)))
    params, carry = alone(state.params), zeros()
    key = named_key(jax.random.key(0), "data")
    for batch in itertools.islice(batches_of(config.task, STEPS, B, key), steps):
        params, value, last = window(params, batch, carry, float(rate))
        carry = last if carried else zeros()
        values.append(float(value))
    return jax.device_get(params), jax.device_get(carry), np.array(values)


@pytest.mark.slow
@pytest.mark.parametrize("carried", [True, False])
def test_training_is_a_loop_over_windows(carried):
    params, carry, values = looped(STEPS, carried)
    state, trace = trained(carried)
    assert_close(trace.loss[0], values, 1e-5)
    assert_close(alone(state.params), params, 1e-5)
    assert_close(alone(state.carry), carry if carried else {}, 1e-5)


@pytest.mark.slow
def test_a_failed_run_retains_the_state_before_the_failure():
    state, _ = trained(rate=1e38)
    (step,) = state.failed_at
    assert 0 < step < STEPS - 1
    before, after = (looped(steps, rate=1e38)[1] for steps in (step, step + 1))
    assert_close(alone(state.carry), before, 1e-5)
    assert any(np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (before, after)), strict=True))


@pytest.mark.slow
def test_a_stream_resumes_from_a_checkpoint_bit_for_bit(monkeypatch, tmp_path):
    monkeypatch.setitem(TASKS, "counted", Counted)
    base = {
        "task.name": "counted",
        "task.length": 4,
        "model.cell": "elman",
        "model.hidden": H,
        "init.recurrent": "uniform",
        "train.steps": STEPS,
        "train.eval_every": 3,
        "train.batch_size": B,
    }
    axes = (Axis("optim.learning_rate", (0.5, 1e38)),)
    runs = plan_runs(Study("made_up", "Why?", base, axes=axes), range(2))[:3]
    whole = results(runs, 1, 2)
    reasons = [record.failed and record.failed.reason for record, _ in whole.values()]
    assert [reason == "nonfinite" for reason in reasons] == [False, False, True]
    checkpointer = StopAt(3)
    with pytest.raises(InterruptedError):
        results(runs, 1, 2, checkpointer)
    batch, step, seconds, arrays = checkpointer.checkpoint
    checkpoints = Checkpoints(tmp_path / "checkpoints", print)
    checkpoints.save(arrays, {})
    checkpoints.wait()
    loaded, _ = checkpoints.restore_latest(
        lambda facts: abstract_arrays(batch[0].config, len(batch), step)
    )
    checkpoints.close()
    assert bits(loaded) == bits(arrays)
    again = results(runs, 1, 2, StopAt(checkpoint=(batch, step, seconds, loaded)))
    assert repr(again) == repr(whole)
    names = [name for name in arrays if name.startswith("state.carry.")]
    assert names == ["state.carry.layer0_forward.h"]


@pytest.mark.parametrize("carried", [True, False])
def test_evaluation_starts_each_segment_from_the_zero_state(carried):
    task, text = Counted(4, carried), np.arange(32, 44)
    params = alone(trained()[0].params)
    length, values = 5 if carried else 4, []
    for start in range(0, 11, length):
        piece = text[start : start + length + 1]
        x_TB = np.repeat(piece[:-1, None], B, axis=1)
        logits_TV = np.asarray(forward(params, x_TB, zeros())[0])[:, 0]
        for logits_V, y in zip(logits_TV, piece[1:], strict=True):
            if y % 3:
                odds = np.exp(logits_V.astype(np.float64))
                values.append((-np.log(odds[y] / odds.sum()), logits_V.argmax() == y))
    loss, accuracy = np.mean(values, axis=0)
    config, stacked_params = counted_config(carried), jax.tree.map(lambda leaf: leaf[None], params)
    got = evaluate(stacked([config]), stacked_params, data_of(task), np.int32(1), mesh=mesh_of(1))
    assert got["loss"][0] == pytest.approx(loss, 1e-5)
    assert got["accuracy"][0] == pytest.approx(accuracy, 1e-6)
