"""Batches of tasks as NumPy arrays, and shape checks of training and evaluation."""

import collections
import functools

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.tasks.base import EVALUATION_BATCH, Batch, first_of
from seqjax.training import evaluation, step


@functools.cache
def program(task, name, *static):
    """Return the compiled method ``name`` of a task."""
    return jax.jit(getattr(task, name), static_argnums=static)


@functools.cache
def data_of(task):
    return jax.tree.map(jnp.asarray, task.data())


def batch_of(task, row, batch_size):
    return jax.tree.map(np.asarray, program(task, "batch", 2)(data_of(task), row, batch_size))


def rows_of(task, first, count, batch_size, key=3):
    """Return the rows of ``count`` training steps; ``key`` may be a seed."""
    key = jax.random.key(key) if isinstance(key, int) else key
    return program(task, "rows", 3, 4)(data_of(task), key, jnp.int32(first), count, batch_size)


def sample(task, keys):
    """Return the batches of all keys as one: sequences on axis 1 of x, the last axis of y."""
    batches = [batch_of(task, key, EVALUATION_BATCH) for key in keys]
    x = np.concatenate([batch.x for batch in batches], axis=1)
    rest = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=-1), *(b[1:] for b in batches))
    return Batch(x, *rest)


@functools.cache
def training_batch(task):
    """Return 2,048 sequences of a generated task."""
    return sample(task, jax.random.split(jax.random.key(5), 4))


def evaluation_batches(task, part):
    rows, data = task.evaluation_rows(data_of(task), jnp.int32(part)), data_of(task)
    evaluated = program(task, "evaluation_batch")
    for k in range(len(jax.tree.leaves(rows)[0])):
        row = jax.tree.map(lambda leaf, k=k: leaf[k], rows)
        yield jax.tree.map(np.asarray, evaluated(data, row))


def assert_uniform(values, low, high):
    """Every whole number in [low, high) is about equally frequent, and there are no others."""
    counts = np.bincount(values, minlength=high)
    assert counts[:low].sum() == 0 and len(counts) == high
    expected = len(values) / (high - low)
    assert np.all(np.abs(counts[low:] - expected) < 5 * np.sqrt(expected))


def mean_metrics(task, batches, logits_of):
    """Return the metrics of a whole set: sums of weighted values over sums of weights."""
    totals, link = collections.defaultdict(lambda: np.zeros(2)), task.links[0]
    for batch in batches:
        logits = logits_of(batch)
        found = task.metrics(link, logits, batch)
        found["loss"] = task.loss(link, logits, batch), batch.weight
        for name, (value, weight) in found.items():
            totals[name] += np.sum(value * weight), np.sum(weight)
    return {name: total / weight for name, (total, weight) in totals.items()}


def trains_and_evaluates(config):
    """Check shapes and dtypes of training and evaluation, without compiling anything."""
    task, data = config.task, config.task.data()
    state = jax.eval_shape(step.initial_state, config, jnp.uint32(0))
    row = first_of(task.rows(data, jax.random.key(0), jnp.int32(0), 1, config.train.batch_size))
    after, trace = jax.eval_shape(step.train_step, config, data, state, jnp.int32(0), row)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
    assert trace.loss.shape == ()
    metrics = jax.eval_shape(evaluation.evaluate_run, (config, state.params), data, jnp.int32(0))
    assert task.metric in metrics and all(value.shape == () for value in metrics.values())
