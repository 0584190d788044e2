"""Results of a workdir, its records and measurements, which all its reports use."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence

from experiments import CLAIMS, FULL, NAMES, PUBLISHED, REGISTERED, USES
from experiments.claims.evidence import Evidence
from experiments.cli import registration
from experiments.cli.workdir import MEASURED, Workdir, WorkdirError
from experiments.experiment import Experiment, find
from seqjax.records.record import Record
from seqjax.records.workdir import Measurements
from seqjax.stats.decisions import Verdict
from seqjax.sweeps.study import Arm, Study
from seqjax.types import unknown


@dataclasses.dataclass(frozen=True)
class Results:
    """Records and measurements of one experiment.

    Attributes:
      workdir: folder of the results and of the reports.
      experiment: the experiment as defined, without changes by flags.
      records: records of all runs and shards.
      measured: content of measurements.json, or None.
      known: False if no module here defines the experiment; ``experiment`` then has the arms of the
        records, and no question.
    """

    workdir: Workdir
    experiment: Experiment
    records: Sequence[Record] = ()
    measured: Measurements | None = None
    known: bool = True

    @property
    def evidence(self) -> Evidence:
        """The evidence in records and measurements."""
        points = self.measured.points if self.measured else ()
        return self.experiment.evidence(self.records, points)

    @functools.cached_property
    def verdicts(self) -> list[Verdict]:
        """Verdicts of the claim; exploratory, with the reason, if the design is not registered.

        Raises:
          EvidenceError: the results are incomplete, or do not fit the claim.
        """
        reasons = registration.differences(self.experiment, self.records, self.measured)
        verdicts = self.experiment.decide(self.evidence)
        if not reasons:
            return verdicts
        why = f"; exploratory, because {' and '.join(reasons)}"
        return [
            dataclasses.replace(verdict, exploratory=True, because=verdict.because + why)
            for verdict in verdicts
        ]


def read(workdir: Workdir) -> Results | None:
    """Read the results in a workdir; None if there are none.

    Raises:
      WorkdirError: the study of measurements is unknown.
      RecordError: a file has invalid content.
    """
    records, measured = workdir.records(), workdir.measurements()
    name = _name(records, measured)
    if name is None:
        return None
    if name in (*NAMES, *REGISTERED):
        return Results(workdir, find(name), records, measured)
    if not records:
        raise WorkdirError(
            f"--workdir: {workdir.path} has measurements of {unknown('study', name, NAMES)}"
        )
    planned = workdir.config.same.arms if workdir.config else ()
    titles = dict.fromkeys([*planned, *(record.arm for record in records)])
    study = Study(name, question="", base={}, arms=tuple(Arm(title) for title in titles))
    return Results(workdir, Experiment(study), records, known=False)


def _name(records: Sequence[Record], measured: Measurements | None) -> str | None:
    """Name of the experiment of records and measurements; None if there are none."""
    if records:
        return records[0].study
    return measured.same.study if measured else None


def read_collection(path: pathlib.Path) -> list[Results]:
    """Read the results of all claims, applications and tables, each in a subfolder of its name."""
    collection = []
    sized = (*CLAIMS, *PUBLISHED)
    for name in (*sized, *(name + FULL for name in sized), *USES):
        if (path / name).is_dir():
            workdir = Workdir(path / name)
            records, measured = workdir.records(), workdir.measurements()
            if _name(records, measured) == name:
                collection.append(Results(workdir, find(name), records, measured))
    return collection


def read_others(path: pathlib.Path, read_already: Sequence[Results]) -> list[Results]:
    """Read the results of the other workdirs in a folder, by name.

    Args:
      path: the folder.
      read_already: results that are not read again.
    """
    known = {results.workdir.path for results in read_already}
    found = [
        read(Workdir(folder))
        for folder in sorted(path.iterdir())
        if folder not in known and folder.is_dir() and _has_results(folder)
    ]
    return [results for results in found if results is not None]


def _has_results(folder: pathlib.Path) -> bool:
    return (folder / MEASURED).is_file() or any(folder.glob("records*.jsonl"))
