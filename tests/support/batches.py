"""What a task draws, as arrays of NumPy, and what training and evaluation make of it."""

import collections
import functools

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.tasks.base import first_of
from seqjax.training import step


@functools.cache
def program(task, name, *static):
    return jax.jit(getattr(task, name), static_argnums=static)


@functools.cache
def data_of(task):
    return jax.tree.map(jnp.asarray, task.data())


def batch_of(task, row, batch_size):
    return jax.tree.map(np.asarray, program(task, "batch", 2)(data_of(task), row, batch_size))


def assert_uniform(values, low, high):
    """Every whole number in [low, high) comes up, nearly equally often, and nothing else."""
    counts = np.bincount(values, minlength=high)
    assert counts[:low].sum() == 0 and len(counts) == high
    expected = len(values) / (high - low)
    assert np.all(np.abs(counts[low:] - expected) < 5 * np.sqrt(expected))


@functools.cache
def training_batch(task):
    return batch_of(task, jax.random.key(5), 2000)


def over(batches, logits_of, task):
    """The metrics of a whole set: sums of weighted values over sums of weights, as evaluation."""
    totals = collections.defaultdict(lambda: np.zeros(2))
    for batch in batches:
        for name, (value, weight) in task.metrics("softmax", logits_of(batch), batch).items():
            totals[name] += np.sum(value * weight), np.sum(weight)
    return {name: total / weight for name, (total, weight) in totals.items()}


def trains_and_evaluates(config):
    task, data = config.task, config.task.data()
    state = jax.eval_shape(step.initial_state, config, jnp.uint32(0))
    row = first_of(task.rows(data, jax.random.key(0), jnp.int32(0), 1, config.train.batch_size))
    after, trace = jax.eval_shape(step.train_step, config, data, state, jnp.int32(0), row)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
    assert trace.loss.shape == ()
    metrics = jax.eval_shape(step.evaluate_run, (config, state.params), data, jnp.int32(0))
    assert task.metric in metrics and all(value.shape == () for value in metrics.values())
