"""Train a study in this process."""

import os
from collections.abc import Iterable, Mapping

import jax
import msgspec
import numpy as np

from seqjax.records.environment import describe_environment
from seqjax.records.record import Record
from seqjax.records.source import sources_of
from seqjax.sweeps.executor import group_runs, runs_per_device, train_group
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.recording import Recording, recording
from seqjax.sweeps.study import Run, Study
from seqjax.tasks import Task, digest_of_data
from seqjax.training.config import as_settings, check_tasks
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
    with recording(workdir) as recorded:
        while True:
            runs = plan_runs(study, seeds, recorded.records.values())
            check_tasks(run.config for run in runs)
            for task in {run.config.task for run in runs} - data.keys():
                digest = digest_of_data([task])
                data[task] = {} if digest is None else {"data": digest}
            check_recorded(recorded, runs, data)
            recorded.write_plan(runs)
            pending = [run for run in runs if run.id not in recorded.records]
            if not pending:
                found = (recorded.records[run.id] for run in runs)
                return [msgspec.structs.replace(one, tune=common["tune"]) for one in found]
            for group in group_runs(pending):
                config = group[0].config
                common["environment"] = environment | data[config.task]
                per_device = runs_per_device(config, environment["platform"])
                for record, _ in train_group(group, per_device, jax.local_devices()):
                    recorded.add(msgspec.structs.replace(record, **common))


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


def check_recorded(
    recorded: Recording, runs: list[Run], data: Mapping[Task, Mapping[str, str]]
) -> None:
    """Raise ConfigError if the records and the planned runs do not belong into one workdir.

    Args:
      recorded: the records.
      runs: the planned runs.
      data: digest of the data by task, for tasks that have data.
    """
    first, task = runs[0], runs[0].config.task
    common = {"study": first.study, "compared": first.compared}
    if first.compared == "metric":
        common |= {"metric": task.metric, "higher_is_better": task.higher_is_better}
    planned = {(run.arm, *sorted(run.point.items())): run for run in runs}
    sources = sources_of(run.config for run in planned.values())
    swept = {(run.arm, frozenset(run.point)) for run in runs}
    arms = {arm for arm, _ in swept}
    for record in recorded.records.values():
        recorded.check(record, **common)
        if record.arm in arms and (record.arm, frozenset(record.point)) not in swept:
            raise ConfigError(
                f"workdir: {recorded.file.parent} has {record.id!r}, whose arm is now swept over "
                f"other fields; choose another workdir"
            )
        if run := planned.get((record.arm, *sorted(record.point.items()))):
            settings, environment = as_settings(run.config), data[run.config.task]
            recorded.check(record, settings=settings, environment=environment)
            if record.paired != run.paired:
                raise ConfigError(
                    f"arms: {recorded.file.parent} has {record.id!r}, which is paired with another "
                    "first run; add arms and values after those that are recorded"
                )
        for kind, name, digests in (
            ("task", record.settings["task.name"], sources.tasks),
            ("cell", str(record.settings.get("model.cell", "")), sources.cells),
        ):
            here, there = digests.get(name, ""), getattr(record.source, kind)
            if "" not in (here, there) and here != there:
                raise ConfigError(
                    f"workdir: {recorded.file.parent} has {record.id!r} of another version of the "
                    f"code of {kind} {name}; choose another workdir, or restore the code"
                )
