"""From a claim's records to the arrays that its rule reads."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from seqjax.decisions import Outcome
from seqjax.study import Arm

Record = Mapping[str, Any]
BETWEEN = ": "
"""An arm of several tasks is called "task: arm"."""


def on_tasks(tasks: Mapping[str, Mapping[str, Any]], arms: Iterable[Arm]) -> tuple[Arm, ...]:
    """Every arm on every task, which is named and has settings of its own.

    An arm that is matched with another one is so on each task.
    """
    arms = list(arms)
    return tuple(
        Arm(
            f"{task}{BETWEEN}{arm.name}",
            {**own, **arm.settings},
            arm.matched and f"{task}{BETWEEN}{arm.matched}",
        )
        for task, own in tasks.items()
        for arm in arms
    )


def by_arm(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """The records that count, sorted by seed, by (task, arm)."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in sorted(records, key=lambda r: r["seed"]):
        if record["purpose"] == "evaluation":
            task, _, arm = record["arm"].rpartition(BETWEEN)
            found.setdefault((task, arm), []).append(record)
    return found


def outcomes(records: Iterable[Record]) -> dict[tuple[str, str], Outcome]:
    """Scores and failures by (task, arm), the seeds in order."""
    return {
        place: Outcome(
            np.array([record["score"] for record in runs]),
            np.array([record["failed"] is not None for record in runs]),
        )
        for place, runs in by_arm(records).items()
    }
