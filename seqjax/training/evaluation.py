"""Evaluate, examine and observe trained models, many runs at once; see ``step``.

``evaluated_variables`` and ``evaluation_means`` depend on the kind of configuration, as
``initial_model`` does.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from seqjax.diagnostics import observers
from seqjax.models.sequence import SequenceModel, with_params
from seqjax.tasks.base import Batch, first_of
from seqjax.training.config import Config
from seqjax.training.specs import observed
from seqjax.training.step import (
    TrainState,
    abstract_model,
    apply_model,
    at_bucket_length,
    matmul_precision,
    over_runs,
)
from seqjax.types import Array, named_key


@functools.singledispatch
def evaluated_variables(config: Config, state: TrainState) -> Any:
    """The part of a training state that predictions depend on: the parameters."""
    return state.params


def evaluate_run(run: tuple[Config, Any], data: Any, part: Array | None) -> dict[str, Array]:
    """Loss and metrics of one run; see ``evaluate``.

    Args:
      run: configuration, and the result of ``evaluated_variables``.
    """
    config, variables = run
    return evaluation_means(config, variables, data, part)


@functools.singledispatch
def evaluation_means(
    config: Config, params: Any, data: Any, part: Array | None
) -> dict[str, Array]:
    """Means of loss and metrics over a split of the data; see ``evaluate``."""
    task = config.task
    if part is None:
        rows, batch_of = task.training_rows(data), task.training_batch
    else:
        rows, batch_of = task.evaluation_rows(data, part), task.evaluation_batch

    def sums(batch):
        logits, _ = apply_model(config, params, batch, jnp.float32(0), None)
        values = {"loss": (task.loss(config.link, logits, batch), batch.weight)}
        values |= task.metrics(config.link, logits, batch)
        return {name: (jnp.sum(v * w), jnp.sum(w)) for name, (v, w) in values.items()}

    def row_sums(row):
        return at_bucket_length(config, data, row, batch_of(data, row), sums)

    totals = jax.tree.map(lambda x: jnp.sum(x, axis=0), jax.lax.map(row_sums, rows))
    means = {name: total / weight for name, (total, weight) in totals.items()}
    return means | task.derived(means)


def examine_run(run: tuple[Config, Array, Any], data: Any) -> dict[str, Array]:
    """The ``final_metrics`` of one run, such as scores of the text that it generates.

    Args:
      run: configuration, seed and parameters.
    """
    config, seed, params = run
    model, key = with_params(abstract_model(config), params), jax.random.key(seed)
    return config.task.final_evaluation(data, model, named_key(key, "examination"))


def held_out_of(config: Config, model: SequenceModel, batch: Batch) -> observers.HeldOut:
    """Return the model and a batch of held-out sequences in the form that observers read."""
    return observers.HeldOut(
        model=model,
        batch=batch,
        loss=functools.partial(config.task.loss, config.link),
        symbols=config.task.inputs,
    )


def observe_model(config: Config, model: SequenceModel, batch: Batch) -> dict[str, Array]:
    """Run the observers in ``train.observe`` on a model and a batch of held-out sequences."""
    return observers.observe(observed(config.train.observe), held_out_of(config, model, batch))


def observe_run(run: tuple[Config, Any], data: Any) -> dict[str, Array]:
    """Run the observers in ``train.observe`` on one run and the first validation batch.

    Args:
      run: configuration and parameters.
    """
    config, params = run
    row = first_of(config.task.evaluation_rows(data, jnp.int32(0)))
    batch = config.task.evaluation_batch(data, row)
    return observe_model(config, with_params(abstract_model(config), params), batch)


@functools.partial(jax.jit, static_argnames="mesh")
def evaluate(
    config_R: Config, variables_R: Any, data: Any, part: Array | None, *, mesh: Mesh
) -> dict[str, Array]:
    """Loss and metrics (R,) of every run on a split: 0 validation, 1 test, None training.

    ``variables_R`` is the result of ``evaluated_variables``.
    """
    with matmul_precision(config_R):
        return over_runs(evaluate_run, mesh, (config_R, variables_R), data, part)


@functools.partial(jax.jit, static_argnames="mesh")
def examine(
    config_R: Config, seed_R: Array, params_R: Any, data: Any, *, mesh: Mesh
) -> dict[str, Array]:
    """Metrics (R,) that the task defines in ``final_evaluation``, of every run."""
    with matmul_precision(config_R):
        return over_runs(examine_run, mesh, (config_R, seed_R, params_R), data)


@functools.partial(jax.jit, static_argnames="mesh")
def observe(config_R: Config, params_R: Any, data: Any, *, mesh: Mesh) -> dict[str, Array]:
    """Observations (R, ...) of every run; see ``diagnostics.observers``."""
    with matmul_precision(config_R):
        return over_runs(observe_run, mesh, (config_R, params_R), data)
