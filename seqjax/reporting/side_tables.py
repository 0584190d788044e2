"""Additional tables of a study: several metrics, model sizes, task metrics, published numbers.

The first row of a table is its head.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from seqjax.records.record import Record
from seqjax.stats import rules
from seqjax.sweeps.study import UNNAMED, Metrics, Published
from seqjax.tasks import TASKS

UNKNOWN = "–"
"""Text of a size or name that a model of one's own does not have."""


def with_metrics(records: Sequence[Record], metrics: Metrics) -> list[Record]:
    """A copy of each record for each of several test metrics, so that a table has a column each.

    The label of the metric becomes a part of the point. The final validation metric, which selects
    tuned values, stays the same, so all columns report the same runs.

    Args:
      records: records for which ``have_metrics`` is True.
      metrics: labels and names.
    """
    return [
        _with_metric(record, metrics.title, column, name)
        for record in records
        for column, name in metrics.named.items()
    ]


def have_metrics(records: Sequence[Record], metrics: Metrics) -> bool:
    """Return whether all records have these metrics in test and curve.

    A failed run needs no finite number.
    """

    def has(record: Record, name: str) -> bool:
        value = record.test.get(name)
        known = record.failed is not None or (value is not None and math.isfinite(value))
        return known and f"validation_{name}" in record.curve

    return all(has(record, name) for record in records for name in metrics.named.values())


def _with_metric(record: Record, title: str, column: Any, name: str) -> Record:
    value = record.test.get(name)
    scale = record.higher_is_better, record.chance.metric, record.best_loss
    curve = {**record.curve, f"validation_{record.metric}": record.curve[f"validation_{name}"]}
    return msgspec.structs.replace(
        record,
        point={**record.point, title: column},
        test={**record.test, record.metric: value},
        score=0.0 if record.failed else rules.metric_score(value, *scale),
        curve=curve,
    )


def model_sizes(records: Sequence[Record], arms: Sequence[str] = ()) -> list[list[str]]:
    """Rows with the size of each arm's model, and the randomness that its runs share.

    Arms are not named if a study has a single one without a name.

    Args:
      records: records of one study.
      arms: order of the arms; others follow by name.
    """
    arms_by_size: dict[tuple, list[str]] = {}
    position = {arm: k for k, arm in enumerate(arms)}
    for record in sorted(records, key=lambda r: (position.get(r.arm, len(position)), r.arm)):
        size = (
            str(record.settings.get("model.cell", UNKNOWN)),
            str(record.settings.get("model.hidden", UNKNOWN)),
            _count(record.parameters_recurrent),
            _count(record.parameters),
            _count(record.multiply_adds),
            record.paired,
        )
        arms_by_size.setdefault(size, []).append(record.arm)
    sizes = ["parameters", "parameters with readout", "multiply-adds a step"]
    head = ["arm", "cell", "units", *sizes, "paired"]
    rows = [[", ".join(dict.fromkeys(names)), *size] for size, names in arms_by_size.items()]
    if {record.arm for record in records} == {UNNAMED}:
        return [row[1:] for row in (head, *rows)]
    return [head, *rows]


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def task_metrics(records: Sequence[Record]) -> list[list[str]]:
    """Rows with ``Task.extra_metrics`` on the test part: mean (range) by arm.

    Failed runs are left out, as are metrics that a record of an older version lacks. There is only
    the head if the task has no such metrics.
    """
    names = getattr(TASKS.get(records[0].settings["task.name"]), "extra_metrics", ())
    names = [name for name in names if all(name in record.test for record in records)]
    tests_by_arm: dict[str, list] = {}
    for record in records:
        if record.purpose == "evaluation" and record.failed is None:
            tests_by_arm.setdefault(record.arm, []).append(record.test)
    rows = [
        [arm, str(len(tests)), *(_mean_and_range([test[name] for test in tests]) for name in names)]
        for arm, tests in tests_by_arm.items()
    ]
    return [["test", "runs", *names], *(rows if names else [])]


def _mean_and_range(values: Sequence[float]) -> str:
    mean = sum(values) / len(values)
    return f"{mean:.4g} ({min(values):.4g} to {max(values):.4g})"


def published_figures(published: Sequence[Published], records: Sequence[Record]) -> list[list[str]]:
    """Rows with numbers from the literature on the tasks of the records; only the head if none is.

    Args:
      published: numbers of a study.
      records: records of that study, perhaps on another task.
    """
    tasks = {record.settings["task.name"] for record in records}
    head = ["published", "figure", "source", "figure taken from"]
    return [
        head,
        *(
            [one.what, one.figure, one.source.citation, one.source.taken_from]
            for one in published
            if tasks & {*one.tasks}
        ),
    ]
