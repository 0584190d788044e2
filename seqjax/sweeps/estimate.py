"""Estimated duration of training, from the sizes of runs and from the records of earlier runs.

The estimate for runs without records adds up work per step, time step, gate and multiply-add. Its
constants are fitted to 16 small configurations on one core of an Intel Xeon. For the committed
results of digits, forecast, speech and translation, on two cores of an AMD EPYC, it is .3 to 1.5
times the recorded time. Nothing is known of other kinds of devices.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqjax.models.sequence import model_size
from seqjax.records.record import Record
from seqjax.sweeps.study import Run
from seqjax.tasks.base import first_of
from seqjax.training.config import Config
from seqjax.training.step import abstract_model

STEP, TIME_STEP, GATE, MULTIPLY_ADD = 1.7e-4, 7.4e-6, 1.8e-9, 1.1e-10
"""Seconds of a training step, of each of its time steps in a layer, of the activation of a gate of
one unit for one example, and of a multiply-add for one example."""
FORWARD = 0.25
"""Duration of an evaluation relative to a training step of the same size."""
REFERENCE = 3
"""Slowdown of cells that the fused engine does not run."""
RUN = 0.3
"""Seconds of a run apart from its steps: transfers, records, curves."""
COMPILATION = 10.0
"""Seconds in which the programs of a group compile, unless they are in the cache."""


class BatchSizes(NamedTuple):
    """Sizes of the batches of a run, encoder included.

    Attributes:
      steps: time steps of a training batch.
      positions: (time step, sequence) pairs of a training batch.
      evaluated_steps, evaluated_positions: the same of a batch of evaluation.
      evaluations: number of batches of an evaluation.
    """

    steps: int
    positions: int
    evaluated_steps: int
    evaluated_positions: int
    evaluations: int


def batch_sizes(config: Config, data: Any) -> BatchSizes:
    """Sizes of batches from shapes alone.

    Args:
      config: settings of a run.
      data: shapes of ``task.data()``.
    """
    task, size = config.task, config.train.batch_size

    def inputs(data):
        row = first_of(task.rows(data, jax.random.key(0), jnp.int32(0), 1, size))
        rows = task.evaluation_rows(data, jnp.int32(0))
        batches = task.batch(data, row, size), task.evaluation_batch(data, first_of(rows))
        return *([x for x in (b.source, b.x) if x is not None] for b in batches), rows

    trained, evaluated, rows = jax.eval_shape(inputs, data)
    return BatchSizes(
        steps=sum(x.shape[0] for x in trained),
        positions=sum(x.shape[0] * x.shape[1] for x in trained),
        evaluated_steps=sum(x.shape[0] for x in evaluated),
        evaluated_positions=sum(x.shape[0] * x.shape[1] for x in evaluated),
        evaluations=jax.tree.leaves(rows)[0].shape[0],
    )


def core_seconds(config: Config) -> float:
    """Estimated seconds that one CPU core needs for a run, without compilation."""
    data = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, config.task.data()))
    sizes, model = batch_sizes(config, data), abstract_model(config)
    cell, multiply_adds = model.recurrent.cell, model_size(model)["multiply_adds"]
    layers = config.model.layers * len(model.recurrent.directions)
    width = config.model.hidden * (len(cell.gates) + len(cell.carry._fields))

    def seconds(steps: int, positions: int) -> float:
        """Seconds of a training step of this size."""
        each = layers * width * GATE + multiply_adds * MULTIPLY_ADD
        slower = REFERENCE if cell.combine is None else 1
        return STEP + slower * (layers * steps * TIME_STEP + positions * each)

    train = config.train
    evaluations = sizes.evaluations * (math.ceil(train.steps / train.eval_every) + 1)
    evaluation = FORWARD * seconds(sizes.evaluated_steps, sizes.evaluated_positions)
    return RUN + train.steps * seconds(sizes.steps, sizes.positions) + evaluations * evaluation


def seconds_per_run(
    groups: Sequence[Sequence[Run]], environment: Mapping[str, Any], records: Iterable[Record]
) -> list[float | None]:
    """Estimated seconds of a run of each group, with all devices at work, without compilation.

    The seconds of records are used where there are any, and correct the estimates of other groups.

    Args:
      groups: runs of one structure each.
      environment: kind and number of the devices, see ``describe_environment``.
      records: records of some of these runs.

    Returns:
      None for groups of which nothing is known.
    """
    seconds = {record.id: record.seconds for record in records}
    measured = [[seconds[run.id] for run in group if run.id in seconds] for group in groups]
    known = [statistics.median(times) if times else None for times in measured]
    estimates: list[float | None] = [None] * len(groups)
    if environment["platform"] == "cpu":
        estimates = [core_seconds(group[0].config) / environment["devices"] for group in groups]
    pairs = [pair for pair in zip(known, estimates, strict=True) if None not in pair]
    correction = sum(k for k, _ in pairs) / sum(e for _, e in pairs) if pairs else 1.0
    return [
        k if k is not None else e and e * correction for k, e in zip(known, estimates, strict=True)
    ]


def duration_text(seconds: float) -> str:
    """A duration in words, rounded as an estimate is.

    >>> duration_text(3.2), duration_text(44), duration_text(200), duration_text(10000)
    ('a few seconds', '40 seconds', '3 minutes', '2.8 hours')
    """
    if seconds < 10:
        return "a few seconds"
    if seconds < 55:
        return f"{round(seconds, -1):.0f} seconds"
    if seconds < 90:
        return "a minute"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.2g} hours"
