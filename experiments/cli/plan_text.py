"""The plan of a study in words, for --dry_run: axes, arms, settings and duration."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from experiments.cli import trainer
from seqjax.records.record import Record
from seqjax.sweeps import estimate
from seqjax.sweeps.axes import sweep_text
from seqjax.sweeps.plan import runs_after_tuning
from seqjax.sweeps.study import Axis, Run, Study
from seqjax.training.config import as_settings, complete, unused_reasons
from seqjax.training.overrides import fields, value_text
from seqjax.training.specs import SECTIONS

MOST_VALUES = 20
"""Longest axis whose values the plan lists."""
MOST_ARMS = 12
"""Most arms whose settings the plan lists; of more arms it names the fields that differ."""
WIDTH = 100


def design(study: Study) -> Iterator[str]:
    """Lines on axes, arms and tuning."""
    on = f"{study.tuning_seeds} separate seeds" if study.tuning_seeds else "the reported seeds"
    axes = [axis for axis in study.axes if any(axis.applies_to(arm) for arm in study.arms)]
    yield f"axes: {'; '.join(map(_axis_text, axes)) or 'none'}"
    yield f"arms: {', '.join(arm.title for arm in study.arms)}"
    yield f"tuned: {', '.join(study.tuned) + ' on ' + on if study.tune else 'nothing'}"


def _axis_text(axis: Axis) -> str:
    """Path and values of an axis, as --sweep accepts them, and the arms it is limited to."""
    arms = f" in {', '.join(axis.arms)}" if axis.arms else ""
    if axis.drawn or len(axis.values) > MOST_VALUES:
        ends = " to ".join(map(value_text, (min(axis.values), max(axis.values))))
        return f"{axis.path}={len(axis.values)} values from {ends}{arms}"
    return f"{sweep_text([axis])}{arms}"


def settings(defined: Study, runs: Iterable[Run]) -> Iterator[str]:
    """Lines with the value of every field that has an effect and is not swept.

    A line for each section has the values that all arms share, and a line for each arm the others.
    Values that differ from the study, or else from the default, are followed by that value.

    Args:
      defined: the study without the changes of the command.
      runs: the planned runs.
    """
    yield "settings:"
    texts = {arm: _texts(defined, arm, found) for arm, found in _fields(runs).items()}
    first, *others = texts.values()
    shared = {path for path, text in first.items() if all(t.get(path) == text for t in others)}
    for section in ("task", *SECTIONS):
        own = [path for path in first if path in shared and path.startswith(f"{section}.")]
        yield from _wrapped(section, [first[path].removeprefix(f"{section}.") for path in own])
    differing = {
        arm: {p: t for p, t in own.items() if p not in shared} for arm, own in texts.items()
    }
    if len(texts) > MOST_ARMS:
        paths = dict.fromkeys(path for own in differing.values() for path in own)
        yield from _wrapped("differs between arms", list(paths))
        return
    for arm, own in differing.items():
        yield from _wrapped(arm, list(own.values()))


def data(runs: Iterable[Run]) -> Iterator[str]:
    """Lines on the data that the user has chosen: what is in the file, and how it is used."""
    for text in dict.fromkeys(run.config.task.describe() for run in runs):
        if text:
            yield from textwrap.wrap(f"data: {text}", WIDTH, subsequent_indent="    ")


class _Field(NamedTuple):
    """Default of a field, and its values, several if points differ."""

    default: Any
    values: list


def _fields(runs: Iterable[Run]) -> dict[str, dict[str, _Field]]:
    """The fields that have an effect and are not swept, by arm and path."""
    runs = {(run.arm, jax.tree.structure(run.config)): run for run in runs}
    found: dict[str, dict[str, _Field]] = {}
    for (arm, _), run in runs.items():
        values = complete(as_settings(run.config))
        known, unused = fields(run.config.model.cell, run.config.task.name), unused_reasons(values)
        for path, value in values.items():
            if path not in run.point and path not in unused:
                field = found.setdefault(arm, {}).setdefault(path, _Field(known[path].default, []))
                field.values.extend([value] if value not in field.values else [])
    return found


def _texts(defined: Study, title: str, found: Mapping[str, _Field]) -> dict[str, str]:
    """Each field of an arm as "path=value", with the study's value or the default, by path."""
    arm = defined.arm(title)
    of_study = defined.base | arm.settings
    swept = {axis.path for axis in defined.axes if axis.applies_to(arm)} - arm.settings.keys()
    texts = {}
    for path, (default, values) in found.items():
        expected, remark = of_study.get(path, default), ""
        if path == "model.hidden" and arm.matched:
            remark = f" (parameters as {arm.matched})"
        elif path in swept:
            remark = " (study: swept)"
        elif values != [expected]:
            remark = f" (study: {_value_text(expected)})"
        elif values != [default]:
            remark = f" (default: {_value_text(default)})"
        texts[path] = f"{path}={' or '.join(map(_value_text, values))}{remark}"
    return texts


def _value_text(value: Any) -> str:
    return value_text(value) or "''"


def _wrapped(label: str, texts: Sequence[str]) -> Iterator[str]:
    """Lines "label: text, text, …" of limited width; none without texts."""
    joined = ", ".join(text.replace(" ", "\0") for text in texts)  # a text stays on one line
    lines = textwrap.wrap(f"  {label}: {joined}", WIDTH, subsequent_indent="    ") if texts else ()
    return (line.replace("\0", " ") for line in lines)


def duration(
    study: Study,
    groups: Sequence[list[Run]],
    shard: tuple[int, int],
    seeds: int,
    environment: Mapping[str, Any],
    records: Sequence[Record],
) -> Iterator[str]:
    """Lines on the runs that follow tuning, and on the expected duration.

    Args:
      study: the study.
      groups: the planned runs by structure.
      shard: (I, N): the part of this process.
      seeds: number of reported seeds.
      environment: kind and number of the devices.
      records: records of the workdir.
    """
    seconds = estimate.seconds_per_run(groups, environment, records)
    recorded = {record.id for record in records}
    pending = trainer.runs_of_shard(study, list(groups), shard, recorded)
    later = runs_after_tuning(study, groups, seeds)
    if any(later):
        cells = sum(later) // seeds
        yield f"then {sum(later)} runs: {cells} cells at their best {study.tune}"
    numbers = [len(own) + extra / shard[1] for own, extra in zip(pending, later, strict=True)]
    if None in seconds:
        yield f"duration: unknown on a {environment['platform']} until some runs are recorded"
        return
    total = sum(
        number * each + estimate.COMPILATION * bool(number)
        for number, each in zip(numbers, seconds, strict=True)
    )
    place = ""
    if environment["platform"] == "cpu":
        place = f" on {environment['devices']} CPU cores"
    if total:
        yield f"duration: about {estimate.duration_text(total)}{place} (estimate)"
