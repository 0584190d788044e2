"""Evidence of an experiment: its records and measurements, by task and tags of the arms."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from seqjax.records.record import Record
from seqjax.records.workdir import MeasuredPoint
from seqjax.stats.decisions import EvidenceError, SeedScores
from seqjax.stats.decisions.uses import gain
from seqjax.sweeps.study import Arm, Study

VERSION = 1
CHANGES = {1: "evidence of claims 1 to 13f as first registered"}
"""Changes of each version in the evidence that claims take from records. Raise ``VERSION`` under
the same conditions as ``rules.VERSION``."""


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Records and measurements of one experiment, for its rule and its figure.

    A record names its arm by title. The arm's task and tags come from the study, so titles such as
    "adding: lstm unclipped at 0.01" are never parsed.

    Attributes:
      study: the study of the records, or None if nothing is trained.
      records: records of all runs, including tuning runs.
      points: measurements.

    Raises:
      EvidenceError: records of another study, such as one of the other size.
    """

    study: Study | None = None
    records: Sequence[Record] = ()
    points: Sequence[MeasuredPoint] = ()

    def __post_init__(self):
        expected = self.study.name if self.study else None
        if others := {record.study for record in self.records} - {expected}:
            got = ", ".join(sorted(others))
            raise EvidenceError(f"study: expected records of {expected}, got {got}")

    def only(self, chosen: Callable[[Record], bool]) -> "Evidence":
        """The evidence with the chosen records, and all measurements."""
        return dataclasses.replace(self, records=list(filter(chosen, self.records)))

    def runs_by(self, *tags: str, purpose: str = "evaluation") -> dict[tuple, list[Record]]:
        """Runs of the arms with these tags, arms in the study's order, seeds ascending.

        Args:
          tags: names of tags, such as "rate". Arms with exactly these tags are included.
          purpose: "evaluation" for reported runs, "tuning" for tuning runs.

        Returns:
          Runs by (task, value of each tag); for arms without tags, by (task, name).

        Raises:
          EvidenceError: an arm has no such run, or several reported runs of a seed.
        """
        by_title: dict[str, list[Record]] = {}
        for record in sorted(self.records, key=lambda record: record.seed):
            if record.purpose == purpose:
                by_title.setdefault(record.arm, []).append(record)
        runs = {}
        for arm in self.study.arms:
            if arm.tags.keys() == set(tags):
                labels = [arm.tags[tag] for tag in tags] or [arm.name]
                runs[arm.task, *labels] = _checked(arm, by_title.get(arm.title, []), purpose)
        return runs

    def runs_of(self, name: str, task: str = "") -> list[Record]:
        """Reported runs of one arm without tags; raises as ``runs_by``."""
        return self.runs_by()[task, name]

    def scores_by(self, *tags: str) -> dict[tuple, SeedScores]:
        """Scores and failures of reported runs, by the keys of ``runs_by``."""
        return {key: seed_scores(runs) for key, runs in self.runs_by(*tags).items()}

    def measured_by(self, *fields: str) -> dict[tuple, Mapping[str, np.ndarray]]:
        """Measurements by the values of these fields of their points."""
        return {tuple(p.point[name] for name in fields): p.measured for p in self.points}


def _checked(arm: Arm, runs: list[Record], purpose: str) -> list[Record]:
    """The runs of an arm; EvidenceError for none, and for several reported runs of a seed."""
    if not runs:
        raise EvidenceError(f"{arm.title}: expected runs for {purpose}, got none")
    if purpose == "evaluation" and len({run.seed for run in runs}) < len(runs):
        raise EvidenceError(f"{arm.title}: expected one point, got a seed at several")
    return runs


def seed_scores(runs: Sequence[Record]) -> SeedScores:
    """(n,) scores of runs, and (n,) bools that are True for failed runs."""
    return SeedScores(
        np.array([record.score for record in runs]),
        np.array([record.failed is not None for record in runs]),
    )


def accuracies(runs: Iterable[Record], metric: str | None = None) -> np.ndarray:
    """(n,) test metrics, failed runs at chance; by default the metric of their task."""
    return np.array(
        [r.chance.metric if r.failed is not None else r.test[metric or r.metric] for r in runs]
    )


def gains(runs: Sequence[Record], errors: np.ndarray, baseline: float) -> np.ndarray:
    """(n,) shares of a baseline's error that runs with these errors save; a failed run saves 0."""
    failed = [record.failed is not None for record in runs]
    return np.where(failed, 0.0, gain(errors, baseline))


def observed(record: Record, name: str) -> np.ndarray:
    """(times, ...) values of an observer before the first step and at each validation.

    Raises:
      EvidenceError: the record has none.
    """
    if name not in record.observed:
        raise EvidenceError(f"{record.id}: {name} was not observed")
    return np.array(record.observed[name], np.float64)
