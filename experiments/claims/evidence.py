"""From a claim's records to the arrays that its rule reads."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from experiments import FULL
from seqjax.stats.decisions import EvidenceError, SeedScores
from seqjax.stats.decisions.uses import gain
from seqjax.sweeps.study import Arm

VERSION = 1
CHANGES = {1: "evidence of claims 1 to 13f as first registered"}
"""The version of what claims and uses extract from records; raised as ``rules.VERSION`` is."""

Record = Mapping[str, Any]
BETWEEN = ": "
"""An arm of several tasks is called "task: arm"."""
SAVED = "share of the error saved"
"""What ``gains`` are, in figures."""


def on_tasks(tasks: Mapping[str, Mapping[str, Any]], arms: Iterable[Arm]) -> tuple[Arm, ...]:
    """Every arm on every task, which is named and has settings of its own.

    An arm that is matched with another one is so on each task; a task's width is for the others.
    """

    def settings(own: Mapping[str, Any], arm: Arm) -> dict[str, Any]:
        fitting = {k: v for k, v in own.items() if not (arm.matched and k == "model.hidden")}
        return {**fitting, **arm.settings}

    arms = list(arms)
    return tuple(
        Arm(
            f"{task}{BETWEEN}{arm.name}",
            settings(own, arm),
            arm.matched and f"{task}{BETWEEN}{arm.matched}",
        )
        for task, own in tasks.items()
        for arm in arms
    )


def by_arm(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """The records that count, sorted by seed, by (task, arm).

    Raises:
      EvidenceError: an arm was run at several points.
    """
    found: dict[tuple[str, str], list[Record]] = {}
    for record in sorted(records, key=lambda r: r["seed"]):
        if record["purpose"] == "evaluation":
            task, _, arm = record["arm"].rpartition(BETWEEN)
            found.setdefault((task, arm), []).append(record)
    for (task, arm), runs in found.items():
        if len({record["seed"] for record in runs}) < len(runs):
            name = f"{task}{BETWEEN}{arm}" if task else arm
            raise EvidenceError(f"{name} has a seed at several points, where a claim compares one")
    return found


def outcomes(records: Iterable[Record]) -> dict[tuple[str, str], SeedScores]:
    """Scores and failures by (task, arm), the seeds in order."""
    return {
        place: SeedScores(
            np.array([record["score"] for record in runs]),
            np.array([record["failed"] is not None for record in runs]),
        )
        for place, runs in by_arm(records).items()
    }


def tuning_records(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """The records that only help to select, by (task, arm)."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record["purpose"] == "tuning":
            task, _, arm = record["arm"].rpartition(BETWEEN)
            found.setdefault((task, arm), []).append(record)
    return found


def is_full(records: Iterable[Record]) -> bool:
    """Of the size for accelerators.

    Raises:
      EvidenceError: there are no records, or of both sizes.
    """
    sizes = {record["study"].endswith(FULL) for record in records}
    if len(sizes) != 1:
        raise EvidenceError(f"expected records of one size, got {len(sizes)}")
    return sizes.pop()


def complete(evidence: Mapping, tasks: Iterable[str], arms: Iterable[str]) -> dict:
    """What there is of every arm on every task, in this order.

    Raises:
      EvidenceError: there is nothing for one of them.
    """
    places = list(itertools.product(tasks, arms))
    for place in places:
        if place not in evidence:
            raise EvidenceError(f"evidence: nothing for {place}; there is {sorted(evidence)}")
    return {place: evidence[place] for place in places}


def accuracies(runs: Iterable[Record], metric: str | None = None) -> np.ndarray:
    """(n,) test metrics by seed, failed runs at chance."""
    return np.array(
        [
            r["chance"]["metric"] if r["failed"] is not None else r["test"][metric or r["metric"]]
            for r in runs
        ]
    )


def gains(runs: Sequence[Record], errors: np.ndarray, baseline: float) -> np.ndarray:
    """(n,) shares of a baseline's error that runs with these errors save; a failed run saves 0."""
    failed = [record["failed"] is not None for record in runs]
    return np.where(failed, 0.0, gain(errors, baseline))


def by_point(points: Iterable[Record], *names: str) -> dict[tuple, Record]:
    """Arrays measured at each point, by the values of these fields of its points."""
    return {tuple(at["point"][name] for name in names): at["measured"] for at in points}


def observed(record: Record, name: str) -> np.ndarray:
    """(times, ...) of what was observed before the first step and at each validation.

    Raises:
      EvidenceError: it was not.
    """
    if name not in record["observed"]:
        raise EvidenceError(f"{record['id']}: {name} was not observed")
    return np.array(record["observed"][name], np.float64)


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What all claims that train share, after the method: tuning, optimiser, initialisation."""

    optimizer: Mapping[str, Any]
    first_rate: float

    def rates(self, full: bool) -> tuple[float, ...]:
        """Rates half a decade apart, or a quarter."""
        count, decades = (8, 0.25) if full else (4, 0.5)
        return tuple(float(f"{self.first_rate * 10 ** (decades * k):.4g}") for k in range(count))

    def base(self, full: bool) -> dict[str, Any]:
        """Settings of every run."""
        return {
            "model.hidden": 128 if full else 32,
            "init.recurrent": "orthogonal",
            "train.batch_size": 32,
            **self.optimizer,
        }

    def study(self, full: bool) -> dict[str, Any]:
        """How a study is tuned and how many seeds it has."""
        return {
            "seeds": 20 if full else 10,
            "tune": "optim.learning_rate",
            "tuning_seeds": 5 if full else 2,
            "scored": True,
            "columns": "",
        }


PROTOCOL = Protocol({"optim.name": "adam", "clip.kind": "norm", "clip.threshold": 1.0}, 1e-3)
PLAIN = Protocol({"optim.name": "momentum", "optim.momentum": 0.9}, 1e-2)
"""Where clipping or a floor is the question: Adam would hide a rescaling."""
