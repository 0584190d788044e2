"""What a record and a workdir's configuration hold: one table each, and the check against it."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

FLOAT32 = 3.4028235e38
LONGEST_TEXT = 4096
MOST_FIELDS = 1000
SHOWN = 60


@dataclasses.dataclass(frozen=True)
class Kind:
    """A value without parts: what it is called, and whether a value is one."""

    name: str
    holds: Callable[[Any], bool]

    def __or__(self, other: "Kind") -> "Kind":
        return Kind(
            f"{self.name} or {other.name}", lambda value: self.holds(value) or other.holds(value)
        )


@dataclasses.dataclass(frozen=True)
class Each:
    """A list of one kind of element."""

    of: Any


@dataclasses.dataclass(frozen=True)
class Named:
    """An object: exactly ``fields``, or with ``others`` any more of that kind.

    An object that is ``optional`` may be null.
    """

    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    others: Any = None
    optional: bool = False


def _whole(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= FLOAT32


def _number(value: Any) -> bool:
    return _finite(value) or (type(value) is float and math.isinf(value))


def _nested(value: Any, deep: int) -> bool:
    if isinstance(value, list):
        return deep > 0 and all(_nested(item, deep - 1) for item in value)
    return value is None or _number(value)


def one_of(*names: str) -> Kind:
    """One of these words."""
    return Kind(" or ".join(names), lambda value: isinstance(value, str) and value in names)


NULL = Kind("null", lambda value: value is None)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
TEXT = Kind(
    f"text of at most {LONGEST_TEXT} signs",
    lambda value: isinstance(value, str) and len(value) <= LONGEST_TEXT,
)
WHOLE = Kind("a whole number, 0 or more", _whole)
FINITE = Kind("a finite number that float32 holds", _finite)
NUMBER = Kind("a number that float32 holds, or inf", _number)
SHARE = Kind("a number in [0, 1]", lambda value: _finite(value) and 0 <= value <= 1)
NUMBERS = Kind("a number that float32 holds, or lists of such", lambda value: _nested(value, 4))
SETTING = FLAG | NUMBER | TEXT
MEASURED = NUMBER | NULL

RECORD = Named(
    {
        # which run it is
        "id": TEXT,
        "study": TEXT,
        "arm": TEXT,
        "point": Named(others=SETTING),
        "seed": WHOLE,
        "paired": one_of("data+weights", "data"),
        "compared": one_of("metric", "score"),
        "purpose": one_of("evaluation", "tuning"),
        "settings": Named(
            {
                "task.name": TEXT,
                "model.cell": TEXT,
                "model.hidden": WHOLE,
                "clip.kind": TEXT,
                "clip.threshold": NUMBER,
                "train.steps": WHOLE,
            },
            others=SETTING,
        ),
        "rules": WHOLE | TEXT,
        # its size
        "parameters_recurrent": WHOLE,
        "parameters": WHOLE,
        "multiply_adds": WHOLE,
        # what it measures
        "metric": TEXT,
        "higher_is_better": FLAG,
        "chance": Named({"metric": FINITE, "loss": FINITE}),
        "best_loss": FINITE,
        "reduction": TEXT,
        # what came of it
        "failed": Named(
            {"reason": one_of("nonfinite", "above_chance", "collapsed"), "step": WHOLE},
            optional=True,
        ),
        "validation": Named(others=MEASURED),
        "test": Named(others=MEASURED),
        "score": FINITE,
        "gradient_norm": Named(others=MEASURED),
        "gradient_norm_after": Named(others=MEASURED),
        "clipped_fraction": SHARE,
        "observed": Named(others=NUMBERS),
        "curve": Named({"step": Each(WHOLE)}, others=Each(MEASURED)),
        "seconds": FINITE,
        # what the command that trained it adds
        "tune": TEXT | NULL,
        "environment": Named({"jaxlib": TEXT, "device": TEXT}, others=WHOLE | TEXT),
        "curve_file": TEXT,
    }
)
"""A line of records.jsonl: ``sweep.execute`` and ``experiments.runner`` write it."""

CONFIG = Named(
    {
        "same": Named(
            {
                "study": TEXT,
                "rules": WHOLE | TEXT,
                "axes": Each(
                    Named(
                        {
                            "path": TEXT,
                            "values": Each(SETTING),
                            "arms": Each(TEXT),
                            "drawn": FLAG,
                        }
                    ),
                ),
                "tuning_seeds": WHOLE,
                "arms": Named(others=Named(others=Each(SETTING))),
            }
        ),
        "seeds": Each(WHOLE),
        "tune": TEXT | NULL,
        "environment": Named(others=WHOLE | TEXT),
        "runs_per_device": Each(WHOLE),
    }
)
"""The config.json of a workdir."""


MEASUREMENTS = Named(
    {
        "same": Named(
            {"study": TEXT, "rules": WHOLE | TEXT, "points": Each(Named(others=SETTING))},
        ),
        "environment": Named({"jaxlib": TEXT, "device": TEXT}, others=WHOLE | TEXT),
        "seconds": FINITE,
        "points": Each(Named({"point": Named(others=SETTING), "measured": Named(others=NUMBERS)})),
    }
)
"""The measurements.json of a workdir."""


def problem(value: Any, kind: Any, path: str = "") -> str | None:
    """The first thing that keeps ``value`` from being of a kind, with its field; None if nothing.

    >>> problem({"step": [1, None]}, Named({"step": Each(WHOLE)}))
    'step[1]: expected a whole number, 0 or more, got None'
    """
    if isinstance(kind, Kind):
        return None if kind.holds(value) else _expected(kind.name, value, path)
    if isinstance(kind, Each):
        if not isinstance(value, list):
            return _expected("a list", value, path)
        parts = {f"{path}[{k}]": (item, kind.of) for k, item in enumerate(value)}
    else:
        if value is None and kind.optional:
            return None
        if not isinstance(value, dict):
            return _expected("an object", value, path)
        if missing := kind.fields.keys() - value.keys():
            return f"{path or 'it'} lacks {', '.join(sorted(missing))}"
        if len(value) > MOST_FIELDS:
            return f"{path or 'it'} has {len(value)} fields; at most {MOST_FIELDS} are read"
        prefix = f"{path}." if path else ""
        if kind.others is None and (more := value.keys() - kind.fields.keys()):
            return f"{prefix}{_shown(min(more))}: no such field is known"
        parts = {
            prefix + _shown(name): (item, kind.fields.get(name, kind.others))
            for name, item in value.items()
        }
    found = (problem(item, of, name) for name, (item, of) in parts.items())
    return next((said for said in found if said), None)


def _expected(name: str, value: Any, path: str) -> str:
    kinds = {dict: "an object", list: "a list"}
    got = kinds.get(type(value)) or repr(value if not isinstance(value, str) else _shown(value))
    return f"{path or 'it'}: expected {name}, got {got}"


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def contradiction(record: Mapping[str, Any]) -> str | None:
    """Where a record that has all its fields contradicts itself; None if nowhere."""
    metric, curve, chance = record["metric"], record["curve"], record["chance"]["metric"]
    if not (chance < 1 if record["higher_is_better"] else record["best_loss"] < chance):
        return "chance: nothing is better"
    for path, value in record["point"].items():
        if record["settings"].get(path) != value:
            return f"point: {_shown(path)} is not what settings says"
    for part in ("validation", "test"):
        if metric not in record[part]:
            return f"{part}: lacks the metric {_shown(metric)!r}"
        if record["failed"] is None and not _finite(record[part][metric]):
            return f"{part}: the run has not failed, but its {_shown(metric)} is no finite number"
    if f"validation_{metric}" not in curve:
        return f"curve: lacks validation_{_shown(metric)}"
    if not curve["step"] or len({len(values) for values in curve.values()}) > 1:
        return "curve: its lists are empty, or of different lengths"
    return None


def difference(first: Mapping[str, Any], record: Mapping[str, Any]) -> str | None:
    """What two records of one workdir must share and do not; None if nothing."""
    same = ("study", "compared")
    if first["compared"] == "metric":
        same += ("metric", "higher_is_better")
    for name in same:
        if record[name] != first[name]:
            return f"{name}: differs from that of the records before it"
    return None


def at_one_point(first: Mapping[str, Any], record: Mapping[str, Any]) -> str | None:
    """What two records of one arm and point must share beside; None if nothing."""
    if record["settings"] != first["settings"]:
        return "settings: differ from those of another record of its arm and point"
    if record["curve"]["step"] != first["curve"]["step"]:
        return "curve: its steps differ from those of another record of its arm and point"
    if record["chance"] != first["chance"]:
        return "chance: differs from that of another record of its arm and point"
    return None
