"""Train the runs of a sweep: runs to groups, groups to compiled programs, results to records.

Runs of equal structure form a group. A group is trained in batches of R runs per device, where R
depends only on the structure and the kind of device. The last batch is filled with copies whose
results are dropped. Therefore the results of a run do not depend on the other runs, and resuming a
batch between two chunks does not change them.
"""

import dataclasses
import functools
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from seqjax.models.sequence import SequenceModel, model_size
from seqjax.records.record import Record
from seqjax.sweeps.checkpointer import Checkpointer
from seqjax.sweeps.estimate import batch_sizes
from seqjax.sweeps.record_builder import Ending, make_record, mask_after_failure
from seqjax.sweeps.study import Run
from seqjax.training.config import Config, as_settings
from seqjax.training.evaluation import evaluate, evaluated_variables, examine, observe
from seqjax.training.state import BatchState, stack_observations
from seqjax.training.step import (
    Trace,
    TrainState,
    abstract_model,
    initialise,
    reported_state,
    train_chunk,
    update_control,
)

OnChunk = Callable[[list[Run], BatchState], None]
BATCH_BYTES = 2**34
MAX_RUNS_PER_DEVICE = 256
VALIDATION, TEST = np.int32(0), np.int32(1)
STATIC = ("train.stop_at",)
"""Paths of floats that are structure."""


def group_runs(runs: list[Run]) -> list[list[Run]]:
    """Group runs by structure, in the order in which the structures first appear."""
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        groups.setdefault(jax.tree.structure(run.config), []).append(run)
    return list(groups.values())


def structure_key(config: Config) -> str:
    """Digest of the fields that runs of one group share, 16 hexadecimal digits.

    All fields of a task are structure, and so are all others but floats.
    """
    structure = {
        path: value
        for path, value in as_settings(config).items()
        if path.startswith("task.") or path in STATIC or not isinstance(value, float)
    }
    text = json.dumps(structure, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.singledispatch
def size_of(config: Config) -> dict[str, int | None]:
    """Numbers of parameters and multiply-adds, as records have them; None if not known."""
    return model_size(abstract_model(config))


@functools.singledispatch
def memory_of(config: Config, model: SequenceModel | None = None) -> int:
    """Bytes that training one run needs, estimated from shapes without compiling anything.

    Training: weights, gradient, at most two optimiser slots and perhaps the best weights; for every
    step of a batch the input, the gates and the carry, saved for the backward pass, their
    cotangents, and as much again for temporaries. Evaluation: weights, and the forward pass of one
    batch.

    Args:
      config: settings of the run.
      model: ``abstract_model(config)``, if the caller has it.
    """
    task, model = config.task, model or abstract_model(config)
    parameters = model_size(model)["parameters"]
    data = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, task.data()))
    sizes = batch_sizes(config, data)
    cell = model.recurrent.cell
    width = config.model.hidden * (len(cell.gates) + len(cell.carry._fields))
    layers = config.model.layers * len(model.recurrent.directions)
    data_bytes = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(data))
    copies = 4 + (config.train.select == "best")
    training = copies * parameters + 4 * sizes.positions * (task.inputs + layers * width)
    evaluation = parameters + sizes.evaluated_positions * (task.inputs + layers * width)
    return 4 * max(training, evaluation) + data_bytes


def runs_per_device(config: Config, platform: str) -> int:
    """R, the number of runs that one device trains side by side; a rule, not a measurement.

    One on a CPU, where a run on each core is fastest; elsewhere the largest power of two up to 256
    whose runs fit in 16 GiB by ``memory_of``. On an H200, XLA needs a sixth of that for LSTMs of 32
    to 128 units, and 256 runs side by side take 3 to 10 times less time per run than 16.
    """
    if platform == "cpu":
        return 1
    fitting = max(1, BATCH_BYTES // memory_of(config))
    return min(MAX_RUNS_PER_DEVICE, 2 ** int(math.log2(fitting)))


def describe_groups(groups: list[list[Run]], platform: str) -> Iterator[str]:
    """Runs, sizes and memory of these groups, one line each; nothing is compiled."""
    for number, group in enumerate(groups, start=1):
        config = group[0].config
        R = runs_per_device(config, platform)
        model = abstract_model(config)
        size = model_size(model)
        yield (
            f"group {number}: {_count(len(group), 'run')} of {config.train.steps} steps, "
            f"{config.model.cell} of {config.model.hidden} units on {config.task.name}, "
            f"{size['parameters_recurrent']:,} parameters ({size['parameters']:,} with readout), "
            f"{size['multiply_adds']:,} multiply-adds a step, "
            f"{_count(R, 'run')} at a time on each device, "
            f"about {R * memory_of(config, model) / 2**20:.1f} MiB a device"
        )
    runs = sum(map(len, groups))
    steps = sum(run.config.train.steps for group in groups for run in group)
    yield f"{_count(runs, 'run')}, {steps:,} steps, {_count(len(groups), 'group')}"
    programs = _count(len(groups), "program")
    yield f"compiles {programs} each for initialisation, training and evaluation"


def _count(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless the number is 1."""
    return f"{number} {noun}{'s' * (number != 1)}"


def mesh_of(devices: list[jax.Device]) -> Mesh:
    """The mesh over which a run axis is sharded."""
    auto = (jax.sharding.AxisType.Auto,)
    return jax.make_mesh((len(devices),), ("runs",), devices=devices, axis_types=auto)


def stack_configs(runs: list[Run]) -> Config:
    """The configurations of runs of one structure, stacked along a run axis."""
    return jax.tree.map(lambda *x: np.asarray(x, np.float32), *(run.config for run in runs))


def train_group(
    group: list[Run],
    per_device: int,
    devices: list[jax.Device],
    on_chunk: OnChunk = lambda batch, state: None,
    checkpointer: Checkpointer | None = None,
) -> Iterator[tuple[Record, Trace]]:
    """Train the runs of one group, and yield the record and the trace of each.

    Args:
      group: runs of one structure.
      per_device: R, the number of runs that a device trains side by side.
      devices: devices that share every batch of runs.
      on_chunk: called after every chunk of steps with the runs of a batch and their state.
      checkpointer: callbacks that save and restore the training state; None for no checkpoints.
    """
    mesh, config = mesh_of(devices), group[0].config
    trainer = _GroupTrainer(
        config=config,
        size=size_of(config),
        lanes=per_device * len(devices),
        data=jax.device_put(config.task.data(), NamedSharding(mesh, PartitionSpec())),
        mesh=mesh,
        on_chunk=on_chunk,
        checkpointer=checkpointer or Checkpointer(),
    )
    for batch, restored in trainer.batches(group):
        yield from trainer.train_batch(batch, restored)


@dataclasses.dataclass(frozen=True)
class _GroupTrainer:
    """Trains batches of runs of one structure.

    Attributes:
      lanes: length of the run axis, at least the number of runs in a batch.
      data: arrays of the task, on every device of the mesh.
    """

    config: Config
    size: Mapping[str, int | None]
    lanes: int
    data: Any
    mesh: Mesh
    on_chunk: OnChunk
    checkpointer: Checkpointer

    def batches(self, group: list[Run]) -> Iterator[tuple[list[Run], BatchState | None]]:
        """Batches of runs with their restored state or None; a restored batch comes first."""
        resumed, restored = self.checkpointer.restore(group, self.lanes)
        if resumed:
            yield resumed, restored
        ids = {run.id for run in resumed}
        rest = [run for run in group if run.id not in ids]
        for start in range(0, len(rest), self.lanes):
            yield rest[start : start + self.lanes], None

    def train_batch(
        self, batch: list[Run], restored: BatchState | None
    ) -> Iterator[tuple[Record, Trace]]:
        """Train runs side by side; yield each with the results in its record, and its trace."""
        config, mesh, runs = self.config, self.mesh, len(batch)
        filled = batch + [batch[-1]] * (self.lanes - runs)
        config_R = stack_configs(filled)
        seed_R = np.asarray([run.seed for run in filled], np.uint32)
        steps, every = config.train.steps, min(config.train.eval_every, config.train.steps)
        start = time.perf_counter()
        if restored is None:
            batch_state = BatchState(runs)
            state = initialise(config_R, seed_R, mesh=mesh)
            self._observe(batch_state, config_R, state)
        else:
            batch_state = restored
            start -= batch_state.seconds
            over_runs = NamedSharding(mesh, PartitionSpec("runs"))
            state = jax.device_put(batch_state.padded_state(self.lanes), over_runs)
        for first in range(batch_state.step, steps, every):
            if batch_state.ended:
                break
            state, trace = train_chunk(
                config_R, seed_R, state, self.data, np.int32(first), count=every, mesh=mesh
            )
            step = min(first + every, steps)
            metrics = self._evaluate(config_R, state, VALIDATION)
            if state.control:
                control, metrics = update_control(
                    config_R, state, metrics, np.int32(step), mesh=mesh
                )
                state = state._replace(control=control)
            trace, metrics = jax.device_get((trace, metrics))
            self._observe(batch_state, config_R, state)
            batch_state.add_chunk(step, time.perf_counter() - start, state, trace, metrics)
            self.on_chunk(batch, batch_state)
            self.checkpointer.save_if_due(batch, batch_state)
        final = self._final_metrics(config_R, seed_R, state)
        params = jax.device_get(reported_state(config, state).params)
        seconds = time.perf_counter() - start
        results = _results(batch, self.size, batch_state, final, seconds / runs)
        for row, (record, trace) in enumerate(results):
            run_params = jax.tree.map(lambda leaf, k=row: leaf[k], params)
            self.checkpointer.on_trained(batch[row], run_params)
            yield record, trace
        self.checkpointer.on_recorded(batch)

    def _evaluate(
        self, config_R: Config, state: TrainState, part: np.int32 | None
    ) -> dict[str, jax.Array]:
        variables = evaluated_variables(config_R, state)
        return evaluate(config_R, variables, self.data, part, mesh=self.mesh)

    def _final_metrics(
        self, config_R: Config, seed_R: np.ndarray, state: TrainState
    ) -> dict[str, dict[str, np.ndarray]]:
        """Metrics (R or more,) after training, by the field of the record and by name."""
        train, reported = self.config.train, reported_state(self.config, state)
        final = {"test": self._evaluate(config_R, reported, TEST)}
        if train.select == "best":
            final["last"] = self._evaluate(config_R, state, TEST)
        if train.training_metrics:
            final["training"] = self._evaluate(config_R, reported, None)
        if self.config.task.final_metrics:
            final["test"] |= examine(config_R, seed_R, reported.params, self.data, mesh=self.mesh)
        return jax.device_get(final)

    def _observe(self, batch_state: BatchState, config_R: Config, state: TrainState) -> None:
        if self.config.train.observe:
            observed = observe(config_R, state.params, self.data, mesh=self.mesh)
            batch_state.add_observations(jax.device_get(observed))


def _results(
    batch: list[Run],
    size: Mapping[str, int | None],
    batch_state: BatchState,
    final: Mapping[str, Mapping[str, np.ndarray]],
    seconds: float,
) -> Iterator[tuple[Record, Trace]]:
    """Record and trace of every run of a trained batch.

    Args:
      size: numbers of parameters and multiply-adds.
      batch_state: state at the end of training.
      final: metrics (R or more,) by the field of the record and by name.
      seconds: wall time of each run.
    """
    traces, observed = batch_state.trace(), stack_observations(batch_state.observed)
    state = batch_state.state
    endings = {"failed_at": state.failed_at}
    if state.control:
        names = ("stopped_at", "best_step")
        endings |= {name: getattr(state.control, name) for name in names}
    endings = jax.device_get(endings)
    for row, run in enumerate(batch):
        ending = Ending(**{name: int(values[row]) for name, values in endings.items()})
        trace = Trace(*(values[row] for values in traces))
        validations = [
            {name: values[row] for name, values in metrics.items()}
            for metrics in batch_state.metrics
        ]
        run_observed = {name: array[row] for name, array in observed.items()}
        if state.control:
            trace, validations, run_observed = ending.complete(
                run.config, trace, validations, run_observed
            )
        trace = mask_after_failure(trace, ending.failed_at)
        metrics = {
            field: {name: values[row] for name, values in by_name.items()}
            for field, by_name in final.items()
        }
        record = make_record(run, size, trace, validations, metrics, ending, run_observed, seconds)
        yield record, trace
