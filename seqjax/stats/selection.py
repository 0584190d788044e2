"""Runs of one arm at one point, by the value of the tuned axis, and the selection of a value."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from seqjax.stats import rules


class TunedResult(rules.Result, Protocol):
    """Fields of a ``records.Record`` that the selection reads."""

    arm: str
    point: Mapping[str, Any]
    seed: int | str
    purpose: str


R = TypeVar("R", bound=TunedResult)


def sort_key(value: Any) -> tuple:
    """Key that sorts values of an axis: "" and None first, then numbers, names and tuples.

    Args:
      value: a value of an axis.
    """
    if value is None or value == "":
        return (0,)
    if isinstance(value, tuple):
        return (3, *map(sort_key, value))
    return (2, value) if isinstance(value, str) else (1, float(value))


def group_runs(
    records: Sequence[R], tune: str | None
) -> dict[tuple[str, tuple[tuple[str, Any], ...]], dict[Any, list[R]]]:
    """Runs by arm and point without the tuned axes, and then by the tuned value, in its order.

    Args:
      records: runs of one study.
      tune: path of the tuned axis, several joined by commas, or None. The tuned value is a tuple
        if several fields are tuned together.
    """
    tuned = tuple((tune or "").split(","))
    groups: dict[tuple, dict[Any, list[R]]] = {}
    for record in sorted(records, key=lambda record: record.seed):
        point = {path: value for path, value in record.point.items() if path not in tuned}
        values = tuple(record.point.get(path) for path in tuned)
        by_value = groups.setdefault((record.arm, tuple(point.items())), {})
        by_value.setdefault(values if len(values) > 1 else values[0], []).append(record)
    return {
        place: {value: by_value[value] for value in sorted(by_value, key=sort_key)}
        for place, by_value in groups.items()
    }


def select_runs(by_value: Mapping[Any, Sequence[R]]) -> tuple[Any, list[R]]:
    """The selected tuned value of a group, and the reported runs there.

    ``rules.select_best`` selects on the tuning runs, or on the reported runs if there are no
    others. There are no reported runs if tuning is not finished.
    """
    tuning = {value: runs_for("tuning", runs) for value, runs in by_value.items()}
    tuning = {value: runs for value, runs in tuning.items() if runs}
    chosen = rules.select_best(tuning or by_value)
    return chosen, runs_for("evaluation", by_value[chosen])


def runs_for(purpose: str, records: Sequence[R]) -> list[R]:
    """The runs with this purpose, "evaluation" or "tuning"."""
    return [record for record in records if record.purpose == purpose]
