"""Identities of studies: what may not change in a workdir, and what may be added to it.

Values of axes, arms and seeds may be added to a workdir. Axes as a whole, the settings of recorded
arms, tuning seeds and rules may not change, because they define what a recorded run means.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from seqjax.records.record import Record
from seqjax.records.workdir import AxisIdentity, MeasurementIdentity, StudyIdentity
from seqjax.stats import rules
from seqjax.sweeps.axes import sweep_text
from seqjax.sweeps.study import Axis, Run, Study
from seqjax.training.config import as_settings
from seqjax.training.overrides import value_text


class WorkdirError(ValueError):
    """The command cannot use a workdir; the message names the flag, the reason and a fix."""


Identity = StudyIdentity | MeasurementIdentity
ABSENT = ("is", "absent")
MOST_NAMED = 6
"""Most missing values that an error names."""


def identity(study: Study, runs: list[Run]) -> StudyIdentity:
    """Return the identity of a study, which does not include seeds, shard and folders."""
    swept = {axis.path for axis in study.axes}
    arms: dict[str, dict[str, list]] = {}
    for run in runs:
        arm = arms.setdefault(run.arm, {})  # every value that a field has at some point
        for path, value in as_settings(run.config).items():
            if path not in swept and value not in arm.setdefault(path, []):
                arm[path].append(value)
    axes = [
        AxisIdentity(
            path=axis.path, values=list(axis.values), arms=list(axis.arms), drawn=axis.drawn
        )
        for axis in study.axes
    ]
    return StudyIdentity(
        study=study.name,
        rules=rules.VERSION,
        axes=axes,
        tuning_seeds=study.tuning_seeds,
        arms=arms,
    )


def in_order_of(recorded: StudyIdentity, study: Study) -> Study:
    """The study with the recorded arms and values first, in their order.

    Additions then come last, so the first run of the study, which all runs are paired with, stays
    the first.
    """
    known = {(axis.path, tuple(axis.arms)): axis.values for axis in recorded.axes}

    def ordered(axis: Axis) -> Axis:
        first = [] if axis.drawn else known.get((axis.path, axis.arms), [])
        return dataclasses.replace(axis, values=tuple(_first(first, axis.values)))

    titles = _first(recorded.arms, [arm.title for arm in study.arms])
    return dataclasses.replace(
        study, arms=tuple(map(study.arm, titles)), axes=tuple(map(ordered, study.axes))
    )


def _first(first: Iterable[Any], values: Iterable[Any]) -> list[Any]:
    """The values; those that ``first`` has come first, in its order."""
    known, values = dict.fromkeys(first), dict.fromkeys(values)
    return [v for v in known if v in values] + [v for v in values if v not in known]


def included(recorded: StudyIdentity, runs: Iterable[Run]) -> Iterator[Run]:
    """The runs that a study with additions shares with the recorded study."""
    values = [(axis, set(axis.values)) for axis in recorded.axes]
    for run in runs:
        if run.arm in recorded.arms and all(
            run.point[axis.path] in known
            for axis, known in values
            if axis.path in run.point and (not axis.arms or run.arm in axis.arms)
        ):
            yield run


def check_additions(path: pathlib.Path, there: StudyIdentity, here: StudyIdentity) -> None:
    """Check that a study is that of a workdir, or adds values and arms to it.

    Args:
      path: the workdir.
      there: identity of its study.
      here: identity of the command's study, after ``in_order_of``.

    Raises:
      WorkdirError: something is left out or changed.
    """
    if _design(there) == _design(here):
        if missing := _missing_values(there, here) or _missing_arms(there, here):
            flag, what, fix = missing
            raise WorkdirError(
                f"--{flag}: {path} already has {what} can be added but not left out; {fix}"
            )
        here = _without_additions(there, here)
    if found := difference(there, here):
        raise WorkdirError(
            f"--workdir: {path} holds another configuration: {found}; choose another workdir"
        )


def _design(same: StudyIdentity) -> tuple:
    """Parts of an identity in which nothing can be added."""
    axes = [(axis.path, axis.arms, axis.drawn) for axis in same.axes]
    return same.study, same.rules, same.tuning_seeds, axes


def _missing_values(there: StudyIdentity, here: StudyIdentity) -> tuple[str, str, str] | None:
    """Flag, recorded values that are left out, and fix, for an error; None if none is left out."""
    axes = list(zip(there.axes, here.axes, strict=True))
    missing: dict[str, list[str]] = {}
    for old, new in axes:
        kept = set(new.values)
        left_out = [value_text(value) for value in old.values if value not in kept]
        missing.setdefault(old.path, []).extend(left_out)
    named = [
        f"{path} = {', '.join(values[:MOST_NAMED])}{', …' * (len(values) > MOST_NAMED)}"
        for path, values in missing.items()
        if values
    ]
    if not named:
        return None
    what = f"{'; '.join(named)}; values"
    if drawn := [len(old.values) for old, _ in axes if old.drawn]:
        return "trials", what, f"use at least --trials={drawn[0]}, and the same ranges"
    union: dict[str, Axis] = {}
    for old, new in axes:
        axis = Axis(old.path, tuple(_first(old.values, [*old.values, *new.values])))
        if union.setdefault(old.path, axis) != axis:  # --sweep has one list of values for a path
            return "sweep", what, "leave out --sweep"
    return "sweep", what, f'use --sweep="{sweep_text(union.values())}"'


def _missing_arms(there: StudyIdentity, here: StudyIdentity) -> tuple[str, str, str] | None:
    """Flag, recorded arms that are left out, and fix, for an error; None if none is left out."""
    missing = [arm for arm in there.arms if arm not in here.arms]
    if not missing:
        return None
    union = ",".join({**there.arms, **here.arms})
    return "arms", f"{', '.join(missing)}; arms", f'use --arms="{union}"'


def _without_additions(there: StudyIdentity, here: StudyIdentity) -> StudyIdentity:
    """``here`` without added arms, added values, and settings that only added points have."""
    axes = [
        (old, new, new.values[: len(old.values)] == old.values)
        for old, new in zip(there.axes, here.axes, strict=True)
    ]
    grown = [old for old, new, same in axes if same and len(new.values) > len(old.values)]
    arms = {}
    for arm, old in there.arms.items():
        may_gain = any(not axis.arms or arm in axis.arms for axis in grown)
        arms[arm] = {
            path: old[path] if may_gain and all(v in values for v in old[path]) else values
            for path, values in here.arms[arm].items()
            if not may_gain or path in old
        }
    same_axes = [old if same else new for old, new, same in axes]
    return msgspec.structs.replace(here, arms=arms, axes=same_axes)


def check_records(path: pathlib.Path, runs: list[Run], records: list[Record]) -> None:
    """Check that additions to a study change no recorded run.

    Args:
      path: the workdir.
      runs: planned runs of the study with its additions.
      records: records of the study before.

    Raises:
      WorkdirError: a run would have other settings, or share other draws with the first run.
    """
    by_point = {(run.arm, *run.point.items()): run for run in reversed(runs)}
    for record in records:
        run = by_point.pop((record.arm, *record.point.items()), None)
        if run is None:
            continue
        there = {**record.settings, "paired": record.paired}
        here = {**as_settings(run.config), "paired": run.paired}
        for name in [*there, *here]:
            if there.get(name) != here.get(name):
                raise WorkdirError(
                    f"--workdir: {path} has {record.id!r} with {name} = {there.get(name)}, which "
                    f"would be {here.get(name)} with the additions; choose another workdir"
                )


def difference(there: Identity, here: Identity) -> str | None:
    """The first difference between two identities, as "FIELD is VALUE there and VALUE here"."""
    if there == here:
        return None
    parts_there, parts_here = _parts(there), _parts(here)
    for name in [*parts_there, *parts_here]:
        pair = parts_there.get(name, ABSENT), parts_here.get(name, ABSENT)
        if pair[0] != pair[1]:
            (verb, value), (other_verb, other) = pair
            value, other = value or "''", other or "''"
            other = other if verb == other_verb else f"{other_verb} {other}"
            return f"{name} {verb} {value} there and {other} here"
    return f"{there} there and {here} here"


def _parts(same: Identity) -> dict[str, tuple[str, str]]:
    """Every part of an identity by name, as a verb and the value as text."""
    parts = {"study": ("is", same.study), "rules version": ("is", str(same.rules))}
    if isinstance(same, MeasurementIdentity):
        for number, point in enumerate(same.points, start=1):
            settings = {path: ("is", value_text(value)) for path, value in point.items()}
            parts |= {f"{path} of point {number}": part for path, part in settings.items()}
        return parts
    for axis in same.axes:
        name = f"{axis.path} of {', '.join(axis.arms)}" if axis.arms else axis.path
        verb = "has the drawn values" if axis.drawn else "has the values"
        parts[name] = (verb, ", ".join(map(value_text, axis.values)))
    parts["sweep"] = ("is over", ", ".join(axis.path for axis in same.axes))
    parts["number of tuning seeds"] = ("is", str(same.tuning_seeds))
    parts["set of arms"] = ("is", ", ".join(sorted(same.arms)))
    for arm, settings in same.arms.items():
        for path, values in settings.items():
            name = f"{path} of {arm}" if len(same.arms) > 1 else path
            parts.setdefault(name, ("is", " or ".join(map(value_text, values))))
    return parts
