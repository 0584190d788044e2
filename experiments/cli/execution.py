"""One subject in its workdir, from the plan to the report."""

import dataclasses
import pathlib
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from experiments.cli import locks, trainer
from experiments.cli.workdir import DATA, Workdir, identity
from experiments.experiment import Subject
from seqjax.stats.intervals import MOST_PAIRS
from seqjax.sweeps import executor, tuning
from seqjax.sweeps.measurement import Measurement
from seqjax.sweeps.study import Run, Study
from seqjax.tasks import digest_of_data
from seqjax.training.config import ConfigError


@dataclasses.dataclass(frozen=True)
class Order:
    """What the command asks for beside the subject.

    Attributes:
      seeds: those that are reported.
      shard: (I, N), the part that this process does.
      checkpoint_every: seconds.
      allow_mixed: other records may be of another jaxlib or kind of device.
      environment: where it runs.
      flags: the command as a flagfile.
    """

    seeds: range
    shard: tuple[int, int]
    checkpoint_every: float
    allow_mixed: bool
    environment: Mapping[str, Any]
    flags: str


def planned(
    asked: Subject, order: Order, path: pathlib.Path
) -> tuple[list[Run], dict[str, Any] | None, Order]:
    """The first runs, what identifies their study, and the order with the digest of their data.

    All that is checked before anything is made: that the subject may have this workdir, too.

    Raises:
      ConfigError: more is observed of a run than a record can hold.
      WorkdirError, RecordError: the workdir holds what is not this, or cannot be read.
    """
    runs, same, workdir = [], None, Workdir(path)
    if asked.study is not None:
        if asked.decide is not None and len(order.seeds) > MOST_PAIRS:
            raise ConfigError(
                f"--seeds: got {len(order.seeds)}; verdicts are exact, which takes 2^n sign flips "
                f"of n seeds: at most {MOST_PAIRS}"
            )
        runs = tuning.due(asked.study, order.seeds, [])
        for group in executor.grouped(runs):
            executor.check_observed(group[0].config)
        same = identity(asked.study, runs)
        order = _with_data(order, runs)
    _check(workdir, asked, same, order)
    workdir.records()  # all of them can be read
    return runs, same, order


def _with_data(order: Order, runs: list[Run]) -> Order:
    digest = digest_of_data(run.config.task for run in runs)
    if digest is None:
        return order
    return dataclasses.replace(order, environment={**order.environment, DATA: digest})


def _check(workdir: Workdir, asked: Subject, same: Mapping | None, order: Order) -> None:
    """Raises WorkdirError or RecordError unless the subject may begin or go on here."""
    made = workdir.measurements()
    if asked.study is not None:
        workdir.check(same, order.seeds, order.environment, order.allow_mixed)
    elif made is None:
        workdir.check_free()
    if asked.measurement is not None and made is not None:
        same = asked.measurement.identity()
        workdir.check_measurements(made, same, order.environment, order.allow_mixed)


def described(asked: Subject, order: Order, path: pathlib.Path) -> list[str]:
    """What it would take."""
    study, measurement = asked.study, asked.measurement
    runs, _, _ = planned(asked, order, path)
    lines = []
    if study is not None:
        lines += executor.described(executor.grouped(runs), order.environment["platform"])
    if study is not None and study.tuning_seeds:
        tuned = (run for run in runs if run.purpose == "tuning")  # the others are counted above
        cells = len({tuning.cell_of(study, run) for run in tuned})
        lines.append(
            f"then {cells * len(order.seeds)} runs: {cells} cells at their best {study.tune}"
        )
    if measurement is not None:
        lines.append(f"{len(measurement.points)} points to measure at")
    return lines


def conduct(
    asked: Subject,
    order: Order,
    path: pathlib.Path,
    report: Callable[[Workdir], None],
) -> tuple[int, int]:
    """Does what is left to this shard, and reports while nobody else works on that.

    Returns:
      How many runs are left to other shards, of how many.
    """
    study, measurement = asked.study, asked.measurement
    runs, same, order = planned(asked, order, path)
    Workdir(path).make()
    with locks.hold(path, order.shard):
        workdir = Workdir(path)
        _check(workdir, asked, same, order)  # again: now nobody else can begin it
        if study is not None:
            _open(workdir, study, same, executor.grouped(runs), order)
        left = (0, 0) if study is None else _train(workdir, study, order)
        if measurement is not None:
            _measure(workdir, measurement, order)
        report(workdir)
        return left


def _open(
    workdir: Workdir, study: Study, same: Mapping, groups: list[list[Run]], order: Order
) -> None:
    platform = order.environment["platform"]
    per_device = [executor.runs_per_device(group[0].config, platform) for group in groups]
    begun = {"environment": order.environment, "runs_per_device": per_device}
    tune = ",".join(study.tuned) or None
    workdir.open({"same": same, "seeds": list(order.seeds), "tune": tune}, begun, order.flags)
    workdir.recovered(order.shard, lambda text: print(text, file=sys.stderr))


def _train(workdir: Workdir, study: Study, order: Order) -> tuple[int, int]:
    """Trains until nothing is due from this shard; how many runs others have left, of how many."""
    common = {"tune": workdir.config["tune"], "environment": order.environment}
    while True:
        recorded = workdir.records()
        runs = tuning.due(study, order.seeds, recorded)
        groups = executor.grouped(runs)
        ids = {record["id"] for record in recorded}
        todo = trainer.part(study, groups, order.shard, ids)
        if not any(todo):
            return len(runs) - len(recorded), len(runs)
        every = order.checkpoint_every
        trainer.train(workdir, groups, todo, order.shard, common, every, study.keep)


def _measure(workdir: Workdir, measurement: Measurement, order: Order) -> None:
    """Measures, in shard 0, unless that was done."""
    if workdir.measurements() is not None:
        return
    if order.shard[0] != 0:
        print("measuring is left to shard 0", file=sys.stderr)
        return
    print(f"measuring at {len(measurement.points)} points", file=sys.stderr, flush=True)
    began = time.perf_counter()
    points = measurement.measure_all()
    seconds = round(time.perf_counter() - began, 3)
    here = {"same": measurement.identity(), "environment": order.environment}
    workdir.write_measurements({**here, "seconds": seconds, "points": points})
    workdir.write("flags.txt", order.flags)  # where nothing is trained, nothing else has written it
