"""Runs → groups → programs over devices → records.

Runs of equal structure form a group. A group advances in batches of R runs a device, a number that
depends on structure and kind of device alone; the last batch is filled with copies whose results
are dropped. So a run's numbers do not depend on the runs beside it, and a batch that was stopped
between two chunks goes on as if it had not been.
"""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from seqjax.models.sequence import model_size
from seqjax.records.jsonl import MOST_OBSERVED
from seqjax.records.schema import MOST_FIELDS
from seqjax.sweeps.checkpointer import Keeper
from seqjax.sweeps.record_builder import identity, outcome, own_steps
from seqjax.sweeps.study import Run
from seqjax.tasks.base import first_of
from seqjax.training.config import Config
from seqjax.training.parsing import ConfigError
from seqjax.training.state import Progress, shapes, stacked
from seqjax.training.step import (
    Trace,
    TrainState,
    abstract_model,
    evaluate,
    examine,
    initialise,
    observe,
    train_chunk,
)

BATCH_BYTES = 2**30
MOST_RUNS = 256


def grouped(runs: list[Run]) -> list[list[Run]]:
    """The runs of each structure, in the order in which the structures first appear."""
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        groups.setdefault(jax.tree.structure(run.config), []).append(run)
    return list(groups.values())


def memory_of(config: Config) -> int:
    """Bytes that one training run needs, by shapes and a formula; nothing is compiled.

    Training: weights, gradient and at most two optimiser slots; for every step of a batch the
    input, the gates and the carry, kept for the backward pass, their cotangents, and as much again
    in between. Evaluation: weights, and the same once for a batch of its own.
    """
    task, model = config.task, abstract_model(config)
    parameters = model_size(model)["parameters"]
    data = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, task.data()))
    size = config.train.batch_size

    def one(data):
        row = first_of(task.rows(data, jax.random.key(0), jnp.int32(0), 1, size))
        held_out = first_of(task.evaluation_rows(data, jnp.int32(0)))
        batches = task.batch(data, row, size), task.evaluation_batch(data, held_out)
        return [[x for x in (batch.source, batch.x) if x is not None] for batch in batches]

    trained, evaluated = (
        sum(x.shape[0] * x.shape[1] for x in read) for read in jax.eval_shape(one, data)
    )
    cell = model.recurrent.cell
    width = config.model.hidden * (len(cell.gates) + len(cell.carry._fields))
    layers = config.model.layers * len(model.recurrent.directions)
    stored = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(data))
    training = 4 * parameters + 4 * trained * (task.inputs + layers * width)
    evaluation = parameters + evaluated * (task.inputs + layers * width)
    return 4 * max(training, evaluation) + stored


def runs_per_device(config: Config, platform: str) -> int:
    """R, the runs that one device advances together: a rule, never a measurement at run time.

    One on a CPU, where a run to a core is fastest; elsewhere the largest power of two up to 256
    whose runs fit in 1 GiB by ``memory_of``.
    """
    if platform == "cpu":
        return 1
    fitting = max(1, BATCH_BYTES // memory_of(config))
    return min(MOST_RUNS, 2 ** int(math.log2(fitting)))


def check_observed(config: Config) -> None:
    """Raises ConfigError where a record of what a run observes could be written, but not read.

    By shapes; nothing is compiled.
    """
    if not config.train.observe:
        return
    left = shapes(config, 1, config.train.steps)
    sizes = [math.prod(array.shape) for name, array in left.items() if name.startswith("observed.")]
    bounds = {"fields": (len(sizes), MOST_FIELDS), "numbers": (sum(sizes), MOST_OBSERVED)}
    for what, (count, most) in bounds.items():
        if count > most:
            raise ConfigError(
                f"train.observe: expected at most {most:,} {what} a run, got {count:,}; observe "
                "less, or validate less often"
            )


def described(groups: list[list[Run]], platform: str) -> Iterator[str]:
    """What running these groups would take, a line each; nothing is compiled."""
    for number, group in enumerate(groups, start=1):
        config, R = group[0].config, runs_per_device(group[0].config, platform)
        size = model_size(abstract_model(config))
        yield (
            f"group {number}: {len(group)} runs of {config.train.steps} steps, "
            f"{config.model.cell} of {config.model.hidden} units on {config.task.name}, "
            f"{size['parameters_recurrent']:,} parameters ({size['parameters']:,} with readout), "
            f"{size['multiply_adds']:,} multiply-adds a step, {R} run(s) a device together, "
            f"about {R * memory_of(config) / 2**20:.1f} MiB a device"
        )
    runs = sum(map(len, groups))
    steps = sum(run.config.train.steps for group in groups for run in group)
    yield f"{runs} runs, {steps:,} steps, {len(groups)} group(s)"
    yield f"programs: {len(groups)} each to initialise, train and evaluate"


def execute(
    group: list[Run],
    per_device: int,
    devices: list[jax.Device],
    advanced: Callable[[int], None] = lambda steps: None,
    keeper: Keeper | None = None,
) -> Iterator[tuple[dict[str, Any], Trace]]:
    """Trains the runs of one group and yields the record and the trace of each.

    Args:
      group: runs of one structure.
      per_device: R.
      devices: they share every batch.
      advanced: told, after every chunk, how many steps of all runs together it took.
      keeper: is offered the progress after every chunk, and may know of some made before.
    """
    mesh = jax.make_mesh(
        (len(devices),), ("runs",), devices=devices, axis_types=(jax.sharding.AxisType.Auto,)
    )
    config, keeper = group[0].config, keeper or Keeper()
    data = jax.device_put(config.task.data(), NamedSharding(mesh, PartitionSpec()))
    size = model_size(abstract_model(config))
    together = per_device * len(devices)
    for batch, progress in _batches(group, together, keeper):
        for run, found, trace in _run_batch(
            batch, progress, together, data, mesh, advanced, keeper
        ):
            yield {**identity(run), **size, **found}, trace


def _batches(
    group: list[Run], together: int, keeper: Keeper
) -> Iterator[tuple[list[Run], Progress | None]]:
    """What is run side by side, and how far it is: first what was begun before."""
    begun, progress = keeper.begun(group, together)
    if begun:
        yield begun, progress
    ids = {run.id for run in begun}
    rest = [run for run in group if run.id not in ids]
    for start in range(0, len(rest), together):
        yield rest[start : start + together], None


def _run_batch(
    batch: list[Run],
    progress: Progress | None,
    together: int,
    data: Any,
    mesh: Mesh,
    advanced: Callable[[int], None],
    keeper: Keeper,
) -> Iterator[tuple[Run, dict[str, Any], Trace]]:
    """Trains runs side by side, in so many lanes together."""
    config, real = batch[0].config, len(batch)
    filled = batch + [batch[-1]] * (together - real)
    config_R = jax.tree.map(lambda *x: np.asarray(x, np.float32), *(run.config for run in filled))
    seed_R = np.asarray([run.seed for run in filled], np.uint32)
    steps, every = config.train.steps, min(config.train.eval_every, config.train.steps)

    def look(state: TrainState) -> None:
        if config.train.observe:
            progress.observe(jax.device_get(observe(config_R, state.params, data, mesh=mesh)))

    began = time.perf_counter()
    if progress is None:
        progress = Progress(real)
        state = initialise(config_R, seed_R, mesh=mesh)
        look(state)
    else:
        began -= progress.seconds
        advanced(progress.step * real)
        over_runs = NamedSharding(mesh, PartitionSpec("runs"))
        state = jax.device_put(progress.in_lanes(together), over_runs)
    for first in range(progress.step, steps, every):
        state, trace = train_chunk(
            config_R, seed_R, state, data, np.int32(first), count=every, mesh=mesh
        )
        metrics = jax.device_get(evaluate(config_R, state.params, data, np.int32(0), mesh=mesh))
        step, trace = min(first + every, steps), jax.device_get(trace)
        look(state)
        progress.add(step, time.perf_counter() - began, state, trace, metrics)
        advanced((step - first) * real)
        keeper.offer(batch, progress)
    test = jax.device_get(evaluate(config_R, state.params, data, np.int32(1), mesh=mesh))
    if config.task.examined:
        test |= jax.device_get(examine(config_R, seed_R, state.params, data, mesh=mesh))
    failed_at, params = jax.device_get((state.failed_at, state.params))
    seconds = time.perf_counter() - began
    whole, seen = progress.trace(), stacked(progress.observed)
    for k, run in enumerate(batch):
        own = own_steps(Trace(*(values[k] for values in whole)), int(failed_at[k]))
        validations = [{name: v[k] for name, v in metrics.items()} for metrics in progress.metrics]
        last = {name: values[k] for name, values in test.items()}
        found = outcome(config, own, validations, last, int(failed_at[k]))
        found["observed"] = {name: array[k] for name, array in seen.items()}
        keeper.trained(run, jax.tree.map(lambda leaf, k=k: leaf[k], params))
        yield run, {**found, "seconds": round(seconds / real, 6)}, own
    keeper.recorded(batch)
