"""Everything that a workdir has recorded, read once for all that is reported of it."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence

from experiments import CLAIMS, FULL, USES
from experiments.claims.evidence import Evidence
from experiments.cli import registration
from experiments.cli.workdir import Workdir, WorkdirError
from experiments.experiment import NAMES, Experiment, find
from seqjax.records.record import Record
from seqjax.records.workdir import Measurements
from seqjax.stats.decisions import Verdict
from seqjax.types import unknown


@dataclasses.dataclass(frozen=True)
class Results:
    """Records and measurements of one experiment.

    Attributes:
      workdir: where they are, and where reports are written.
      experiment: the experiment as it is defined, whatever the command changed of it.
      records: of all runs, by any shard.
      measured: content of the file of measurements, or None.
    """

    workdir: Workdir
    experiment: Experiment
    records: Sequence[Record] = ()
    measured: Measurements | None = None

    @property
    def evidence(self) -> Evidence:
        """The evidence in records and measurements."""
        points = self.measured.points if self.measured else ()
        return self.experiment.evidence(self.records, points)

    @functools.cached_property
    def verdicts(self) -> list[Verdict]:
        """Verdicts of the claim; exploratory, with the reason, where the design is not registered.

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
    """The results in a workdir; None where nothing is recorded.

    Raises:
      WorkdirError: results of an unknown study.
      RecordError: a file that cannot be read.
    """
    records, measured = workdir.records(), workdir.measurements()
    name = _name(records, measured)
    if name is None:
        return None
    if name not in NAMES:
        raise WorkdirError(
            f"--workdir: {workdir.path} has records of {unknown('study', name, NAMES)}"
        )
    return Results(workdir, find(name), records, measured)


def _name(records: Sequence[Record], measured: Measurements | None) -> str | None:
    """Name of the experiment that records and measurements are of; None where there are none."""
    if records:
        return records[0].study
    return measured.same.study if measured else None


def read_collection(path: pathlib.Path) -> list[Results]:
    """Results of all experiments with a verdict in a folder, each in a folder of its name."""
    collection = []
    for name in (*CLAIMS, *(name + FULL for name in CLAIMS), *USES):
        if (path / name).is_dir():
            workdir = Workdir(path / name)
            records, measured = workdir.records(), workdir.measurements()
            if _name(records, measured) == name:
                collection.append(Results(workdir, find(name), records, measured))
    return collection
