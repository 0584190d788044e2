"""Train the runs of a study that have no record yet."""

import functools
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import jax
import msgspec

from experiments.cli.checkpointer import ShardCheckpointer
from experiments.cli.progress import Lines, progress_bar
from experiments.cli.scalars import TensorBoard
from experiments.cli.time_left import Pace, steps_of
from experiments.cli.workdir import Workdir
from seqjax.records import jsonl
from seqjax.records.environment import SAME
from seqjax.records.record import Record
from seqjax.sweeps import executor
from seqjax.sweeps.checkpointer import Checkpointer
from seqjax.sweeps.plan import cell_key
from seqjax.sweeps.study import Run, Study
from seqjax.training.state import BatchState
from seqjax.training.step import Trace


def runs_of_shard(
    study: Study, groups: list[list[Run]], shard: tuple[int, int], recorded: Container[str]
) -> list[list[Run]]:
    """Runs of each group that shard (I, N) still has to train.

    A shard trains every N-th run, starting at the I-th. With tuning on separate seeds it trains all
    runs of every N-th table cell, so that it never waits for another shard.

    Args:
      recorded: ids of finished runs, which are left out.
    """
    index, count = shard
    cells = dict.fromkeys(cell_key(study, run) for group in groups for run in group)
    shard_cells = set(list(cells)[index::count])
    return [
        [run for run in group if run.id not in recorded and cell_key(study, run) in shard_cells]
        for group in groups
    ]


def train_runs(
    workdir: Workdir,
    groups: list[list[Run]],
    pending: list[list[Run]],
    shard: tuple[int, int],
    common: Mapping[str, Any],
    checkpoint_every: float,
    save_models: bool = False,
    paces: Sequence[Pace] | None = None,
    scalars: TensorBoard | None = None,
) -> None:
    """Train the pending runs, and append the record of each run when it ends.

    Args:
      workdir: open and locked; its configuration has the number of runs that a device trains
        together.
      groups: all runs of the study, by structure.
      pending: runs of each group to train here.
      shard: (I, N), the shard that the records belong to.
      common: fields that all records share.
      checkpoint_every: seconds between two checkpoints.
      save_models: save the trained model of every run.
      paces: steps and estimated time of each group; None if nothing is known of the time.
      scalars: writer of scalars during training, or None.
    """
    runs = [run for group in pending for run in group]
    if not runs:
        return
    for group in filter(None, pending):
        group[0].config.task.data()  # missing data are reported before anything is trained
    environment = {name: common["environment"].get(name) for name in SAME}
    with (
        progress_bar(paces or [Pace(steps_of(group), None) for group in pending]) as bar,
        ShardCheckpointer(
            workdir.checkpoints(shard),
            checkpoint_every,
            runs,
            environment,
            bar.log,
            workdir.model if save_models else None,
        ) as checkpointer,
    ):
        for number, group in enumerate(pending):
            if not group:
                continue
            bar.start_group(number, len(group))
            halve = functools.partial(workdir.halve, number, groups[number])
            for record, trace in _train_in_memory(
                workdir, group, halve, bar, checkpointer, scalars
            ):
                curve_file = workdir.write_curve(record.id, trace, shard)
                record = msgspec.structs.replace(record, **common, curve_file=curve_file)
                jsonl.append(workdir.records_file(shard), record)


def _train_in_memory(
    workdir: Workdir,
    group: list[Run],
    halve: Callable[[], None],
    bar: Lines,
    checkpointer: Checkpointer,
    scalars: TensorBoard | None = None,
) -> Iterator[tuple[Record, Trace]]:
    """``executor.train_group``; halves the number of runs per device when memory runs out."""

    def on_chunk(batch: list[Run], state: BatchState) -> None:
        bar.on_chunk(batch, state)
        if scalars is not None:
            scalars.on_chunk(batch, state)

    while True:
        per_device = workdir.runs_per_device(group[0].config)
        try:
            yield from executor.train_group(
                group, per_device, jax.local_devices(), on_chunk, checkpointer
            )
            return
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            halve()
            half = workdir.runs_per_device(group[0].config)
            bar.log(f"{per_device} runs a device do not fit in memory; continuing with {half}")
