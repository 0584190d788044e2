"""Trains what a workdir does not hold yet."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax

from experiments.cli.checkpointer import ShardKeeper
from experiments.cli.progress import progress
from experiments.cli.workdir import SAME, Workdir
from seqjax.records import jsonl
from seqjax.sweeps import executor, tuning
from seqjax.sweeps.study import Run, Study


def part(
    study: Study, groups: list[list[Run]], shard: tuple[int, int], recorded: set[str]
) -> list[list[Run]]:
    """Of each group what shard (I, N) has to do: every N-th run from the I-th on, if unrecorded.

    Where rates are tuned on seeds of their own it is every N-th cell of the table, so that no shard
    waits for another.
    """
    index, count = shard
    cells = dict.fromkeys(tuning.cell_of(study, run) for group in groups for run in group)
    mine = set(list(cells)[index::count])
    return [
        [run for run in group if run.id not in recorded and tuning.cell_of(study, run) in mine]
        for group in groups
    ]


def train(
    workdir: Workdir,
    groups: list[list[Run]],
    todo: list[list[Run]],
    shard: tuple[int, int],
    common: Mapping[str, Any],
    checkpoint_every: float,
    keep: bool = False,
) -> None:
    """Trains these runs, and records each as it ends.

    Args:
      workdir: open and locked; its configuration says how many runs a device advances together.
      groups: all runs of the study.
      todo: those of each group that are to be trained here.
      shard: (I, N), whose records these are.
      common: what every record holds beside its own.
      checkpoint_every: seconds between two checkpoints.
      keep: whether the trained models are kept.
    """
    runs = [run for group in todo for run in group]
    if not runs:
        return
    for group in filter(None, todo):
        group[0].config.task.data()  # what is missing is told before anything is trained
    environment = {name: common["environment"].get(name) for name in SAME}
    total = sum(run.config.train.steps for run in runs)
    folder = workdir.checkpoints(shard)
    with (
        progress(total) as shown,
        ShardKeeper(
            folder, checkpoint_every, runs, environment, shown.say, workdir.model if keep else None
        ) as keeper,
    ):
        for number, group in enumerate(todo):
            if not group:
                continue
            shown.say(f"group {number + 1} of {len(todo)}: {len(group)} runs; compiling first")
            fit = functools.partial(workdir.halve, number, groups[number])
            for record, trace in _executed(workdir, number, group, fit, shown, keeper):
                curve = {"curve_file": workdir.write_curve(record["id"], trace, shard)}
                jsonl.append(workdir.records_file(shard), {**record, **common, **curve})


def _executed(
    workdir: Workdir,
    number: int,
    group: list[Run],
    halve: Callable[[], None],
    shown: Any,
    keeper: ShardKeeper,
) -> Iterator[tuple[dict[str, Any], Any]]:
    """``sweep.execute`` with as many runs together as fit in memory."""
    while True:
        per_device = workdir.config["runs_per_device"][number]
        try:
            yield from executor.execute(
                group, per_device, jax.local_devices(), shown.advance, keeper
            )
            return
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            halve()
            half = workdir.config["runs_per_device"][number]
            shown.say(f"{per_device} runs a device do not fit in memory; going on with {half}")
