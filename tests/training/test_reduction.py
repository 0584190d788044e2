"""Reductions of the training loss, against a loop over sequences of different lengths."""

import functools
import math

import jax
import numpy as np
import pytest
from support.assertions import assert_close
from support.oracles import elman, finite_differences
from support.training import CELL

from seqjax.sweeps import executor
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Study
from seqjax.tasks.base import Batch
from seqjax.training.config import make_config, unused_reasons
from seqjax.training.step import initial_state, loss_and_gradient

SETTINGS = {"task.name": "lag_recall", "model.cell": "elman", "model.hidden": 2}
V, T, LENGTHS_B = 8, 4, np.int32([4, 1, 3, 0])
"""The last sequence fills the batch up."""


def batch():
    """A batch of symbols whose positions after the end of a sequence have weight 0."""
    x_TB, y_TB = np.random.default_rng(0).integers(0, V, (2, T, len(LENGTHS_B))).astype(np.int32)
    weight_TB = (np.arange(T)[:, None] < LENGTHS_B[None]).astype(np.float32)
    return Batch(x_TB, y_TB, weight_TB, LENGTHS_B)


def losses_of_steps(params):
    """The loss of every valid step, by sequence, in float64."""
    weights, readout = params["recurrent"]["cells"][CELL], params["readout"]
    p = {
        "W": {"h": weights.w_DGH[:, 0]},
        "U": {"h": weights.u_HGH[:, 0]},
        "b": {"h": weights.b_GH[0]},
    }
    step = functools.partial(elman, phi=np.tanh)
    made = batch()
    for b, length in enumerate(LENGTHS_B):
        h, losses = np.zeros(2), []
        for t in range(length):
            (h,) = step(p, np.eye(V)[made.x[t, b]], h)
            logits = h @ readout["kernel"] + readout["bias"]
            losses.append(np.log(np.sum(np.exp(logits))) - logits[made.y[t, b]])
        yield losses


def definition(reduction, params):
    losses = [losses for losses in losses_of_steps(params) if losses]
    if reduction == "mean":
        return np.mean(np.concatenate(losses))
    return sum(map(sum, losses)) / len(losses)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_gradient_is_that_of_the_reduced_loss_and_the_reported_loss_is_the_mean(reduction):
    config = make_config(SETTINGS | {"train.reduction": reduction})
    state = initial_state(config, np.uint32(0))
    (loss, _), (grads, _) = jax.jit(loss_and_gradient)(config, state, batch())
    params = jax.tree.map(np.float64, state.params)
    leaves = jax.tree.leaves(params)
    expected = finite_differences(lambda: definition(reduction, params), leaves, 1e-5)
    assert_close(jax.tree.leaves(grads), expected, 1e-5)
    assert_close(loss, definition("mean", params), 1e-6)


def test_a_task_with_one_loss_a_sequence_does_not_use_the_reduction():
    assert "train.reduction" in unused_reasons({"task.name": "adding"})
    assert "train.reduction" not in unused_reasons(SETTINGS)


@pytest.mark.slow
def test_a_record_states_the_reduction_and_the_mean_loss():
    settings = SETTINGS | {"train.steps": 2, "train.batch_size": 4, "task.length": 40}
    base = settings | {"train.reduction": "sum", "optim.learning_rate": 1e-6}
    runs = plan_runs(Study("made_up", "Why?", base), [0])
    ((record, _),) = executor.train_group(runs, 1, jax.devices()[:1])
    assert record.reduction.startswith("sum") and record.settings["train.reduction"] == "sum"
    assert record.curve["training_loss"][0] < 2 * math.log(V) < record.gradient_norm.mean
