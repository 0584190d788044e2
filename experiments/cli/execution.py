"""Plan, train, measure and report one experiment in its workdir."""

import dataclasses
import hashlib
import pathlib
import sys
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from experiments.cli import plan_text, reproductions, trainer
from experiments.cli.identity import check_records, identity, in_order_of, included
from experiments.cli.scalars import TensorBoard
from experiments.cli.time_left import Pace, paces
from experiments.cli.workdir import Workdir
from experiments.experiment import Experiment
from seqjax.records import codec, locks
from seqjax.records.environment import DATA
from seqjax.records.record import Record
from seqjax.records.source import sources_of
from seqjax.records.workdir import Measurements, WorkdirConfig
from seqjax.stats.intervals import MOST_PAIRS
from seqjax.sweeps import executor
from seqjax.sweeps.measurement import Measurement
from seqjax.sweeps.plan import plan_runs, runs_after_tuning
from seqjax.sweeps.revise import dropped_axes, equal_arms, settings_by_arm
from seqjax.sweeps.study import Run, Study
from seqjax.tasks import digest_of_data
from seqjax.training.config import check_tasks
from seqjax.training.overrides import ConfigError, value_text


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Options of a command, apart from the experiment.

    Attributes:
      seeds: seeds to report.
      shard: (I, N): this process does part I of N.
      checkpoint_every: seconds between two checkpoints.
      allow_mixed: accept records of another jaxlib or kind of device in the workdir.
      environment: versions and hardware, see ``describe_environment``.
      flags: the command as a flagfile.
      note: a line to print at the start and in the plan, or None.
      tensorboard: write scalars for TensorBoard during training.
    """

    seeds: range
    shard: tuple[int, int]
    checkpoint_every: float
    allow_mixed: bool
    environment: Mapping[str, Any]
    flags: str
    note: str | None = None
    tensorboard: bool = False


class Prepared(NamedTuple):
    """An experiment that its workdir accepts.

    Attributes:
      experiment: the experiment, with arms and values in the order of the workdir.
      config: configuration of the workdir, or None without a study.
      options: options with the digest of the data in their environment.
      data: digest of the data of those runs that the workdir has already.
      begun: configuration that the workdir had before the command, or None.
      records: records of the workdir.
    """

    experiment: Experiment
    config: WorkdirConfig | None
    options: RunOptions
    data: str | None
    begun: WorkdirConfig | None
    records: list[Record]


def prepare(experiment: Experiment, options: RunOptions, path: pathlib.Path) -> Prepared:
    """Plan the first runs and check that the workdir accepts them. Nothing is written.

    Raises:
      ConfigError: there are too many seeds, or a task or its data are invalid.
      WorkdirError, RecordError: the workdir belongs to another experiment or cannot be read.
    """
    workdir, config, data = Workdir(path), None, None
    if experiment.study is not None:
        if experiment.decide is not None and len(options.seeds) > MOST_PAIRS:
            raise ConfigError(
                f"--seeds: expected at most {MOST_PAIRS} for a study with a verdict, whose exact "
                f"tests enumerate 2^seeds sign flips; got {len(options.seeds)}"
            )
        if workdir.config is not None:
            study = in_order_of(workdir.config.same, experiment.study)
            experiment = dataclasses.replace(experiment, study=study)
        runs = plan_runs(experiment.study, options.seeds)
        check_tasks(run.config for run in runs)
        options = _with_data_digest(options, runs)
        config = _config(experiment.study, runs, options)
        data = _data_of_workdir(workdir, config, runs)
    _check(workdir, experiment, config, options, data)
    records = workdir.records()  # raises RecordError if a record cannot be read
    if config is not None and workdir.config is not None and config.same != workdir.config.same:
        check_records(path, runs, records)
    return Prepared(experiment, config, options, data, workdir.config, records)


def _config(study: Study, runs: list[Run], options: RunOptions) -> WorkdirConfig:
    """Initial configuration of a workdir for these runs."""
    configs = [group[0].config for group in executor.group_runs(runs)]
    platform = options.environment["platform"]
    return WorkdirConfig(
        same=identity(study, runs),
        seeds=list(options.seeds),
        tune=",".join(study.tuned) or None,
        environment=dict(options.environment),
        runs_per_device={
            executor.structure_key(config): executor.runs_per_device(config, platform)
            for config in configs
        },
        sources=sources_of(configs),
    )


def _data_of_workdir(workdir: Workdir, config: WorkdirConfig, runs: list[Run]) -> str | None:
    """Digest of the data of the runs that the workdir has already, now that others may be added."""
    begun = workdir.config
    if begun is None or begun.same == config.same:
        return config.environment.get(DATA)
    return digest_of_data(run.config.task for run in included(begun.same, runs))


def _with_data_digest(options: RunOptions, runs: list[Run]) -> RunOptions:
    digest = digest_of_data(run.config.task for run in runs)
    if digest is None:
        return options
    return dataclasses.replace(options, environment={**options.environment, DATA: digest})


def _check(
    workdir: Workdir,
    experiment: Experiment,
    config: WorkdirConfig | None,
    options: RunOptions,
    data: str | None,
) -> None:
    """Raise WorkdirError or RecordError unless the experiment may start or continue here."""
    measured = workdir.measurements()
    if experiment.study is not None:
        workdir.check(config, data, options.allow_mixed)
    elif measured is None:
        workdir.check_free()
    if experiment.measurement is not None and measured is not None:
        same = experiment.measurement.identity()
        workdir.check_measurements(measured, same, options.environment, options.allow_mixed)


def describe(
    experiment: Experiment, options: RunOptions, path: pathlib.Path, defined: Study | None
) -> list[str]:
    """Plan for --dry_run: deviations, design, settings, workdir, groups, duration, points.

    Args:
      experiment: the experiment as changed by the command.
      options: options of the command.
      path: the workdir.
      defined: the study of the experiment without changes, or None.
    """
    prepared = prepare(experiment, options, path)
    study, measurement = prepared.experiment.study, experiment.measurement
    records, environment = prepared.records, options.environment
    lines = [options.note] if options.note else []
    if study is not None:
        runs = plan_runs(study, options.seeds, records)
        groups = executor.group_runs(runs)
        if experiment.table is not None:
            lines += reproductions.deviations(prepared.experiment, runs, options.seeds)
        lines += plan_text.design(study)
        lines.append(f"workdir: {path}")
        lines += plan_text.data(runs)
        lines += plan_text.settings(defined, runs)
        lines += executor.describe_groups(groups, environment["platform"])
        if records:
            lines.append(recorded_text(runs, {record.id for record in records}))
        lines += plan_text.duration(
            study, groups, options.shard, len(options.seeds), environment, records
        )
    else:
        lines.append(f"workdir: {path}")
    if measurement is not None:
        lines.append(f"{len(measurement.points)} points to measure at")
    return lines


def dropped_note(study: Study | None, revised: Study | None) -> str | None:
    """One line on the axes of a study that --set and --sweep drop; None if they drop none.

    Args:
      study: the study as defined; None if nothing is trained.
      revised: the study as changed by the flags.
    """
    if study is None or revised is None:
        return None
    stays = [f"{path} stays at {value_text(v)}" for path, v in dropped_axes(study, revised).items()]
    if not stays:
        return None
    untuned = "; nothing is tuned" if study.tune and not revised.tune else ""
    equal = "".join(
        f"; {', '.join(arms)} are the same network without them: choose with --arms"
        for arms in equal_arms(settings_by_arm(revised))
    )
    return f"axes of {study.name} that are not swept: {', '.join(stays)}{untuned}{equal}"


class Outcome(NamedTuple):
    """Result of a command.

    Attributes:
      planned: number of runs that are planned so far.
      left_to_others: number of them that are left to other shards.
      warnings: lines to print last.
    """

    planned: int
    left_to_others: int
    warnings: list[str]


def execute(
    experiment: Experiment,
    options: RunOptions,
    path: pathlib.Path,
    report: Callable[[Workdir], list[str]],
) -> Outcome:
    """Train and measure this shard's part, then report, while holding the workdir's lock.

    Args:
      experiment: the experiment.
      options: options of the command.
      path: the workdir.
      report: function that reports on the workdir and returns warnings.
    """
    prepared = prepare(experiment, options, path)
    Workdir(path).create()
    with locks.hold(path, options.shard, _digest(prepared.config)):
        # Other processes can no longer start or extend the workdir, but one may just have done so.
        workdir = Workdir(path)
        if workdir.config != prepared.begun:
            prepared = prepare(experiment, options, path)
        experiment, config, options, data, *_ = prepared
        _check(workdir, experiment, config, options, data)
        if options.note:
            print(options.note, file=sys.stderr, flush=True)
        planned = left_to_others = 0
        if config is not None:
            _open(workdir, config, options)
            planned, left_to_others = _train(workdir, experiment.study, options)
        if experiment.measurement is not None:
            _measure(workdir, experiment.measurement, options)
        return Outcome(planned, left_to_others, report(workdir))


def _digest(config: WorkdirConfig | None) -> str:
    """Digest of what a command trains, for the lock of its shard."""
    whole = (config.same, config.seeds, config.tune) if config else ()
    return hashlib.sha256(codec.dumps(whole).encode()).hexdigest()[:16]


def _open(workdir: Workdir, config: WorkdirConfig, options: RunOptions) -> None:
    """Write the workdir's configuration, and remove a torn last line from this shard's records."""
    workdir.open(config, options.flags)
    workdir.recover(options.shard, lambda text: print(text, file=sys.stderr))


def _train(workdir: Workdir, study: Study, options: RunOptions) -> tuple[int, int]:
    """Train until this shard has nothing left.

    Returns:
      The number of planned runs, and of those that are left to other shards.
    """
    common = {"tune": workdir.config.tune, "environment": options.environment}
    scalars = TensorBoard(workdir.path / "tensorboard") if options.tensorboard else None
    runs, recorded = _plan(workdir, study, options)
    if scalars is not None:
        scalars.add_recorded(recorded.values())
    if recorded:
        print(recorded_text(runs, recorded), file=sys.stderr, flush=True)
    while True:
        groups = executor.group_runs(runs)
        pending = trainer.runs_of_shard(study, groups, options.shard, recorded)
        if not any(pending):
            return len(runs), sum(run.id not in recorded for run in runs)
        trainer.train_runs(
            workdir,
            groups,
            pending,
            options.shard,
            common,
            options.checkpoint_every,
            save_models=study.save_models,
            paces=_paces(study, groups, pending, options, recorded.values()),
            scalars=scalars,
        )
        runs, recorded = _plan(workdir, study, options)


def _paces(
    study: Study,
    groups: list[list[Run]],
    pending: list[list[Run]],
    options: RunOptions,
    records: Iterable[Record],
) -> list[Pace]:
    """Steps and estimated time of this shard's part, later runs of tuned cells included."""
    later = runs_after_tuning(study, groups, len(options.seeds))
    shards = options.shard[1]
    return paces(groups, pending, [n / shards for n in later], options.environment, records)


def _plan(
    workdir: Workdir, study: Study, options: RunOptions
) -> tuple[list[Run], dict[str, Record]]:
    """Plan the runs that the records so far determine, and store the plan.

    Shards plan one after the other, so that no plan replaces one of later records.

    Returns:
      The planned runs, and all records by the id of their run.
    """
    with locks.exclusive(workdir.path):
        records = workdir.records()
        runs = plan_runs(study, options.seeds, records)
        workdir.write_plan(runs)
    return runs, {record.id: record for record in records}


def recorded_text(runs: Sequence[Run], recorded: Container[str]) -> str:
    """The number of planned runs that are recorded, as a line."""
    return f"{sum(run.id in recorded for run in runs)} of {len(runs)} runs recorded"


def _measure(workdir: Workdir, measurement: Measurement, options: RunOptions) -> None:
    """Measure at every point, once, in shard 0."""
    if workdir.measurements() is not None:
        return
    if options.shard[0] != 0:
        print("measuring is left to shard 0", file=sys.stderr)
        return
    print(f"measuring at {len(measurement.points)} points", file=sys.stderr, flush=True)
    start = time.perf_counter()
    points = measurement.measure_all()
    seconds = round(time.perf_counter() - start, 3)
    workdir.write_measurements(
        Measurements(
            same=measurement.identity(),
            environment=dict(options.environment),
            seconds=seconds,
            points=points,
        )
    )
    workdir.write("flags.txt", options.flags)  # a workdir without training has none yet
