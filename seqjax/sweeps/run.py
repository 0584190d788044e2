"""Train a study in this process."""

import os
from collections.abc import Iterable

import jax
import msgspec
import numpy as np

from seqjax.records.environment import describe_environment
from seqjax.records.record import Record
from seqjax.sweeps.executor import group_runs, runs_per_device, train_group
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.record_store import check_recorded, open_store
from seqjax.sweeps.study import Study
from seqjax.tasks import Task, digest_of_data
from seqjax.training.config import check_tasks
from seqjax.training.overrides import ConfigError


def run(
    study: Study,
    seeds: int | Iterable[int] | None = None,
    workdir: str | os.PathLike | None = None,
) -> list[Record]:
    """Train every run of a study, and return the records in the order of the plan.

    ``python -m experiments.run`` adds checkpoints within a run, shards, tables and figures.

    Args:
      study: arms and axes; with ``tuning_seeds`` its axis is tuned first.
      seeds: number of seeds per point, or the seeds themselves; None for the number in the study.
      workdir: folder to which the record of each run is appended when the run ends. Runs that it
        has are not trained again, so an interrupted call continues, and more seeds, or values and
        arms after those recorded, extend it. None to write nothing.

    Raises:
      ConfigError: an invalid setting, axis, task or number of seeds, or runs of another study in
        the workdir; the message names it.
      LockedError: another process is running in the workdir.
      RecordError: the workdir has records that cannot be read.
    """
    seeds = seeds_of(study.seeds if seeds is None else seeds)
    environment = describe_environment()
    common = {"tune": ",".join(study.tuned) or None}
    data: dict[Task, dict[str, str]] = {}
    with open_store(workdir) as store:
        while True:
            runs = plan_runs(study, seeds, store.records.values())
            check_tasks(run.config for run in runs)
            for task in {run.config.task for run in runs} - data.keys():
                digest = digest_of_data([task])
                data[task] = {} if digest is None else {"data": digest}
            check_recorded(store, runs, data)
            store.write_plan(runs)
            pending = [run for run in runs if run.id not in store.records]
            if not pending:
                found = (store.records[run.id] for run in runs)
                return [msgspec.structs.replace(one, tune=common["tune"]) for one in found]
            for group in group_runs(pending):
                config = group[0].config
                common["environment"] = environment | data[config.task]
                per_device = runs_per_device(config, environment["platform"])
                for record, _ in train_group(group, per_device, jax.local_devices()):
                    store.add(msgspec.structs.replace(record, **common))


def seeds_of(seeds: int | Iterable[int]) -> list[int]:
    """The seeds to report.

    Raises:
      ConfigError: there is none, one is given twice, or one is no whole number from 0 to 2**32 - 1.
    """
    seeds = list(range(seeds) if isinstance(seeds, int) else seeds)
    whole = all(isinstance(seed, int | np.integer) and 0 <= seed < 2**32 for seed in seeds)
    if not seeds or not whole or len(set(seeds)) < len(seeds):
        given = ", ".join(map(str, seeds)) or "none"
        raise ConfigError(f"seeds: expected different whole numbers, 0 or more, got {given}")
    return list(map(int, seeds))
