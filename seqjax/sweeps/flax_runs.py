"""Runs of Flax modules of one's own: their programs are traced before any of them trains.

A program whose numbers cannot be traced is built for each combination of them. Runs that cannot be
stacked along a run axis train one by one.
"""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.extend.core import Jaxpr, jaxprs_in_params

from seqjax.models.sequence import SequenceModel, model_size
from seqjax.records.record import ROUNDING, Source
from seqjax.records.source import digest_of_function, source_of
from seqjax.sweeps.executor import (
    VALIDATION,
    group_runs,
    memory_of,
    mesh_of,
    runs_per_device,
    size_of,
    stack_configs,
)
from seqjax.sweeps.study import Run
from seqjax.tasks.base import first_of
from seqjax.training.evaluation import evaluate, evaluated_variables
from seqjax.training.flax_models import FlaxConfig
from seqjax.training.overrides import ConfigError
from seqjax.training.state import BatchState
from seqjax.training.step import (
    TrainState,
    initial_state,
    initialise,
    loss_and_gradient,
    train_chunk,
)

SEED = jax.ShapeDtypeStruct((), jnp.uint32)


@source_of.register
def _(config: FlaxConfig) -> Source:
    return Source(
        task=digest_of_function(config.model.loss), cell=digest_of_function(config.model.make)
    )


@size_of.register
def _(config: FlaxConfig) -> dict[str, int | None]:
    if not config.model.is_linen:
        model = nnx.eval_shape(lambda: config.model.build(jax.random.key(0)))
        if isinstance(model, SequenceModel):
            return model_size(model)
    params = jax.eval_shape(initial_state, config, SEED).params
    parameters = sum(leaf.size for leaf in jax.tree.leaves(params))
    return {"parameters_recurrent": None, "parameters": parameters, "multiply_adds": None}


@memory_of.register
def _(config: FlaxConfig) -> int:
    """Parameters and optimiser, data, and every value in the program of a training step."""

    def step(state: TrainState, data: Any) -> Any:
        size = config.train.batch_size
        row = first_of(config.task.rows(data, jax.random.key(0), jnp.int32(0), 1, size))
        return loss_and_gradient(config, state, config.task.batch(data, row, size))

    data = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, config.task.data()))
    state = jax.eval_shape(initial_state, config, SEED)
    program = jax.make_jaxpr(step)(state, data)
    return sum(map(_bytes, jax.tree.leaves((state, data)))) + _bytes_of_values(program.jaxpr)


def _bytes(array: Any) -> int:
    return array.size * array.dtype.itemsize


def _bytes_of_values(jaxpr: Jaxpr) -> int:
    """Bytes of all values that a program computes; those of a loop's body count once."""
    outputs = (value.aval for equation in jaxpr.eqns for value in equation.outvars)
    inner = (sub for equation in jaxpr.eqns for sub in jaxprs_in_params(equation.params))
    return sum(map(_bytes, outputs)) + sum(map(_bytes_of_values, inner))


class TracedGroup(NamedTuple):
    """Runs of one structure, whose programs can be traced.

    Attributes:
      runs: the runs.
      per_device: number of runs that a device trains side by side.
      devices: the devices.
      params: shapes of the parameters.
    """

    runs: list[Run]
    per_device: int
    devices: list[jax.Device]
    params: Any


def trace_groups(runs: Sequence[Run], platform: str) -> list[TracedGroup]:
    """The runs by structure, after tracing the programs of each structure.

    Args:
      runs: all runs of a sweep.
      platform: kind of device.

    Raises:
      ConfigError: the loss or a metric has not the form that ``sweep`` says.
      Exception: the error of the module or the loss, if it also fails with Python numbers.
    """
    firsts: dict[int, Any] = {}
    traced = []
    for group in group_runs(list(runs)):
        for one in _traced(group, platform):
            first = firsts.setdefault(group[0].config.train.batch_size, one.params)
            paired = "data+weights" if one.params == first else "data"
            runs_of_group = [dataclasses.replace(run, paired=paired) for run in one.runs]
            traced.append(one._replace(runs=runs_of_group))
    return traced


def _traced(group: list[Run], platform: str) -> list[TracedGroup]:
    """The runs of one structure: in a single group, if their numbers can be traced."""
    whole = _try(group, platform)
    if isinstance(whole, TracedGroup):
        return [whole]
    groups, stacked = [], True
    for same in group_runs([_with_fixed_numbers(run) for run in group]):
        one = _try(same, platform)
        if not isinstance(one, TracedGroup):
            devices, stacked = jax.local_devices()[:1], False
            one = TracedGroup(same, 1, devices, _trace(same[0], 1, devices))
        groups.append(one)
    reason = f"{type(whole).__name__}: {str(whole).strip().partition(chr(10))[0][:200]}"
    runs = f"{len(group)} runs of arm {group[0].arm!r}"
    if not stacked:
        _warn(f"{runs} train one by one, because they cannot be stacked ({reason})")
    elif len(groups) > 1:
        _warn(
            f"{runs} compile a program for each of {len(groups)} combinations of numbers, because "
            f"these cannot be traced ({reason})"
        )
    return groups


def _try(group: list[Run], platform: str) -> TracedGroup | Exception:
    """The group after tracing its programs, or the error that tracing raises."""
    devices = jax.local_devices()
    try:
        per_device = runs_per_device(group[0].config, platform)
        return TracedGroup(group, per_device, devices, _trace(group[0], per_device, devices))
    except Exception as error:  # modules of users raise errors of any kind
        return error


def _with_fixed_numbers(run: Run) -> Run:
    model = run.config.model.with_fixed_numbers()
    return dataclasses.replace(run, config=dataclasses.replace(run.config, model=model))


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=5)  # the line that calls sweep


def _trace(run: Run, per_device: int, devices: list[jax.Device]) -> Any:
    """Trace the programs of a run, and return the shapes of its parameters.

    Raises:
      ConfigError: ``loss`` returns no such metric.
    """
    config, mesh, lanes = run.config, mesh_of(devices), per_device * len(devices)
    every = min(config.train.eval_every, config.train.steps)
    config_R, seed_R = stack_configs([run] * lanes), np.zeros(lanes, np.uint32)
    state = initialise.eval_shape(config_R, seed_R, mesh=mesh)
    data = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, config.task.data()))
    train_chunk.eval_shape(config_R, seed_R, state, data, np.int32(0), count=every, mesh=mesh)
    variables = evaluated_variables(config, state)
    metrics = evaluate.eval_shape(config_R, variables, data, VALIDATION, mesh=mesh)
    if config.task.metric not in metrics:
        names = " or ".join(metrics)
        raise ConfigError(f"metric: expected {names}, as loss returns, got {config.task.metric!r}")
    return jax.tree.map(lambda leaf: leaf.shape[1:], state.params)


def check_metrics(batch: list[Run], batch_state: BatchState) -> None:
    """Check the ranges of loss and metric after a chunk of steps.

    Raises:
      ConfigError: a metric that is better when higher exceeds 1, or another is below 0 although the
        best loss is not.
    """
    task = batch[0].config.task
    for name in {"loss", task.metric}:
        values = batch_state.metrics[-1][name]
        values = values[np.isfinite(values)]  # runs that are not finite fail
        if name == task.metric and task.higher_is_better:
            if (values > 1 + ROUNDING).any():
                raise ConfigError(
                    f"metric: expected {name} of 1 or less, its best value, got {values.max():g}"
                )
        elif (values < -ROUNDING).any() and task.best >= 0:
            raise ConfigError(
                f"best_loss: expected the lowest {name} possible, got {task.best:g}, but {name} is "
                f"{values.min():g}"
            )
