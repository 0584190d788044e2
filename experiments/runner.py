"""Trains what a workdir does not hold yet."""

import jax

from experiments.progress import progress
from experiments.workdir import Workdir
from seqjax import records, sweep
from seqjax.study import Run


def part(groups: list[list[Run]], shard: tuple[int, int], recorded: set[str]) -> list[list[Run]]:
    """Of each group what shard (I, N) has to do: every N-th run from the I-th on, if unrecorded."""
    index, count = shard
    mine = {run.id for run in [run for group in groups for run in group][index::count]}
    return [[run for run in group if run.id in mine - recorded] for group in groups]


def train(workdir: Workdir, todo: list[list[Run]], shard: tuple[int, int], common: dict) -> None:
    """Trains these runs, and records each as it ends.

    Args:
      workdir: open; its configuration says how many runs a device advances together.
      todo: the runs of each group.
      shard: (I, N), whose records these are.
      common: what every record holds beside its own.
    """
    total = sum(run.config.train.steps for group in todo for run in group)
    if not total:
        return
    with progress(total) as shown:
        for number, group in enumerate(todo):
            if not group:
                continue
            shown.say(f"group {number + 1} of {len(todo)}: {len(group)} runs; compiling first")
            per_device = workdir.config["runs_per_device"][number]
            done = sweep.execute(group, per_device, jax.local_devices(), shown.advance)
            for record, trace in done:
                curve = {"curve_file": workdir.write_curve(record["id"], trace)}
                records.append(workdir.records_file(shard), record | common | curve)
