"""Differences between recorded results and the registered design of a claim."""

from collections.abc import Sequence

from experiments.experiment import Experiment
from seqjax.records.environment import DATA
from seqjax.records.record import Record
from seqjax.records.workdir import MeasuredPoint, Measurements
from seqjax.stats import rules
from seqjax.stats.decisions import EvidenceError
from seqjax.sweeps.measurement import Measurement, fields_of
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Study
from seqjax.training.config import as_settings


def differences(
    experiment: Experiment, records: Sequence[Record], measured: Measurements | None
) -> list[str]:
    """Reasons why a verdict on these results is exploratory; none for the registered design.

    Raises:
      EvidenceError: the results are incomplete, or their task or settings do not fit the claim.
    """
    recorded = {str(rules.equivalent(record.rules)) for record in records}
    versions = sorted(recorded - {str(rules.VERSION)})
    reasons = [f"the records have rules version {', '.join(versions)}"] if versions else []
    if experiment.study is not None:
        reasons += _run_differences(experiment.study, records)
    if experiment.measurement is not None:
        reasons += _measurement_differences(experiment.measurement, measured)
    if experiment.data is not None:
        results = [*records, *([measured] if measured else [])]
        reasons += _data_differences(experiment.data, results)
    _check_settings(experiment, records, measured.points if measured else [])
    return reasons


def _run_differences(study: Study, records: Sequence[Record]) -> list[str]:
    """The first difference between the records and the planned runs, or an empty list.

    Raises:
      EvidenceError: runs are missing, so arms would be compared on different seeds.
    """
    seeds: dict[str, set[int]] = {arm.title: set() for arm in study.arms}
    for record in records:
        if record.purpose == "evaluation":
            seeds.setdefault(record.arm, set()).add(record.seed)
    every = set().union(*seeds.values())
    for arm, recorded in seeds.items():
        if recorded != every or not recorded:
            raise EvidenceError(f"{arm} has {len(recorded)} of {len(every)} seeds")
    planned = {
        run.id: run for run in plan_runs(study, sorted(every), records, recorded_values=False)
    }
    for record in records:
        run = planned.pop(record.id, None)
        if run is None:
            return [f"run {record.id} is not part of the registered design"]
        settings = as_settings(run.config)
        if settings != record.settings:
            paths = [path for path, _ in settings.items() ^ record.settings.items()]
            first = "task.name" if "task.name" in paths else min(paths)  # it changes other fields
            return [f"{first} differs from the registered design"]
    if planned:
        raise EvidenceError(f"{len(planned)} runs are still to come")
    return []


def _measurement_differences(measurement: Measurement, measured: Measurements | None) -> list[str]:
    """A reason if points or rules differ; EvidenceError if nothing is measured."""
    if measured is None:
        raise EvidenceError("nothing is measured yet")
    if measured.same == measurement.identity():
        return []
    return ["points or rules of the measurements differ from the registered design"]


def _data_differences(data: str, results: Sequence[Record | Measurements]) -> list[str]:
    """A reason if runs or measurements read data with another digest."""
    others = {str(one.environment.get(DATA)) for one in results} - {data}
    return (
        [f"the data are {', '.join(sorted(others))}, not the registered {data}"] if others else []
    )


def _check_settings(
    experiment: Experiment, records: Sequence[Record], points: Sequence[MeasuredPoint]
) -> None:
    """Raise EvidenceError if runs have a task that is not accepted, or contradict measurements."""
    measured = dict.fromkeys(pair for point in points for pair in fields_of(point.point).items())
    for record in records:
        settings = record.settings
        if error := experiment.task_error(settings["task.name"]):
            raise EvidenceError(error)
        for path, value in measured:
            if settings.get(path) != value:
                got = f"runs have {settings.get(path)!r}, measurements {value!r}"
                raise EvidenceError(f"{path}: {got}")
