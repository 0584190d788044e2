"""Train a study in this process."""

from collections.abc import Iterable

import jax
import msgspec

from seqjax.records.environment import describe_environment
from seqjax.records.record import Record
from seqjax.sweeps.executor import group_runs, runs_per_device, train_group
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Study


def run(study: Study, seeds: int | Iterable[int] | None = None) -> list[Record]:
    """Train every run of a study, and return the records in the order of the plan.

    Nothing is written. ``python -m experiments.run`` adds workdirs, checkpoints and shards.

    Args:
      study: arms and axes; with ``tuning_seeds`` its axis is tuned first.
      seeds: number of seeds per point, or the seeds themselves; None for the number in the study.

    Raises:
      ConfigError: an invalid setting or axis; the message names it.
    """
    if seeds is None or isinstance(seeds, int):
        seeds = range(seeds or study.seeds)
    seeds = list(seeds)
    devices, environment = jax.local_devices(), describe_environment()
    tune = ",".join(study.tuned) or None
    records: dict[str, Record] = {}
    while pending := [r for r in plan_runs(study, seeds, records.values()) if r.id not in records]:
        for group in group_runs(pending):
            per_device = runs_per_device(group[0].config, environment["platform"])
            for record, _ in train_group(group, per_device, devices):
                record = msgspec.structs.replace(record, tune=tune, environment=environment)
                records[record.id] = record
    return [records[r.id] for r in plan_runs(study, seeds, records.values())]
