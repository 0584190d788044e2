"""What a command changes of a study: settings, axes, arms, and the axis that is tuned."""

import dataclasses
import math
import re
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqjax.sweeps.study import MOST_RUNS, Arm, Axis, Study, points_of, settings_of
from seqjax.training.config import ConfigError, field_types, idle
from seqjax.training.parsing import parse
from seqjax.types import unknown

DRAWN = re.compile(r"loguniform\(([^(),]+),([^(),]+)\)")


def revise(
    study: Study,
    given: Mapping[str, str],
    sweep: Mapping[str, list[str]] | None = None,
    arms: list[str] | None = None,
    tune: str | None = None,
    tuning_seeds: int | None = None,
    trials: int | None = None,
) -> Study:
    """The study as a command changes it.

    Args:
      given: fields to set, as text.
      sweep: axes in place of the study's own, as text; None leaves them. A path that the study
        sweeps too keeps its arms and its label.
      arms: only these.
      tune: the axis to tune; None leaves the study's own where that is still swept.
      tuning_seeds: how many seeds of their own to tune on; None leaves the study's own.
      trials: how many values "loguniform(a,b)" stands for, the same ones for all arms.

    Raises:
      ConfigError: a field that is unknown, both set and swept, told apart by the arms, or of no use
        to any run; an axis value that is empty, stands twice or has the wrong type.
    """
    kept = _kept_arms(study, arms)
    needed = {(arm.task, arm.matched) for arm in kept} - {(arm.task, arm.name) for arm in kept}
    references = tuple(arm for arm in study.arms if (arm.task, arm.name) in needed)
    study = dataclasses.replace(study, arms=kept, references=references)
    study = dataclasses.replace(study, base={**study.base, **given})
    if sweep is not None:
        axes = [
            _swept(study, axis, texts, sweep, trials)
            for path, texts in sweep.items()
            for axis in [a for a in study.axes if a.path == path] or [Axis(path, ())]
        ]
        study = dataclasses.replace(study, axes=tuple(axes))
    swept = {axis.path for axis in study.axes}
    for path in [*given, *(sweep or ())]:
        if path in given and path in swept:
            raise ConfigError(f"{path}: both set and swept; sweep a single value instead")
        if any(path in arm.settings for arm in (*study.arms, *references)):
            raise ConfigError(f"{path}: the arms of {study.name} differ in it; choose with --arms")
    values = {path: parse(path, text, _type(study, path, sweep)) for path, text in given.items()}
    if trials is not None and not any(axis.drawn for axis in study.axes):
        raise ConfigError("--trials: nothing is drawn; sweep a path=loguniform(a,b)")
    tune = study.tune if tune is None and study.tune in swept else tune
    apart = study.tuning_seeds if tuning_seeds is None else tuning_seeds
    if tune is None and tuning_seeds:
        raise ConfigError("--tuning_seeds: nothing is tuned; name an axis with --tune")
    study = dataclasses.replace(
        study, base={**study.base, **values}, tune=tune, tuning_seeds=apart if tune else 0
    )
    used = [settings_of(study, arm, point) for arm in study.arms for point in points_of(study, arm)]
    for path in given:
        if not any(path in settings for settings in used):
            settings = next(
                known for known in _variants(study, sweep) if path in field_types(known)
            )
            raise ConfigError(f"{path}: changes nothing, because {idle(path, settings)}")
    return study


def _kept_arms(study: Study, names: list[str] | None) -> tuple[Arm, ...]:
    known = [arm.title for arm in study.arms]
    for name in names or ():
        if name not in known:
            raise ConfigError(f"--arms: {unknown(f'arm of {study.name}', name, known)}")
    return tuple(arm for arm in study.arms if not names or arm.title in names)


def _swept(
    study: Study, axis: Axis, texts: list[str], sweep: Mapping[str, list[str]], trials: int | None
) -> Axis:
    """The axis with the values that the texts stand for."""
    if not any("(" in text for text in texts):
        values = _values(study, axis.path, texts, sweep)
        return dataclasses.replace(axis, values=values, drawn=False)
    match = DRAWN.fullmatch(texts[0])
    if len(texts) > 1 or match is None or _type(study, axis.path, sweep) is not float:
        given = ",".join(texts)
        raise ConfigError(f"{axis.path}: expected loguniform(a,b) of a number, got {given!r}")
    if trials is None:
        raise ConfigError(f"--trials: not given; {axis.path}={texts[0]} needs a number of draws")
    low, high = (parse(axis.path, bound.strip(), float) for bound in match.groups())
    if not 0 < low < high < math.inf:
        raise ConfigError(f"{axis.path}: expected loguniform(a,b) with 0 < a < b, got {texts[0]!r}")
    return dataclasses.replace(axis, values=_draws(axis.path, low, high, trials), drawn=True)


def _draws(path: str, low: float, high: float, trials: int) -> tuple[float, ...]:
    """Log-uniform draws, to four digits: of a path always the same, more trials only add some."""
    random = np.random.Generator(np.random.PCG64(zlib.crc32(path.encode())))
    logs = random.uniform(math.log(low), math.log(high), trials)
    return tuple(float(f"{math.exp(value):.4g}") for value in logs)


def _values(study: Study, path: str, texts: list[str], sweep: Mapping[str, list[str]]) -> tuple:
    kind = _type(study, path, sweep)
    if not all(texts):
        raise ConfigError(f"{path}: swept over an empty value; expected value,value,...")
    if len(texts) > MOST_RUNS:
        raise ConfigError(f"{path}: swept over {len(texts):,} values; at most {MOST_RUNS:,}")
    values = tuple(parse(path, text, kind) for text in texts)
    same = [np.float32(value) if kind is float else value for value in values]  # as runs see them
    times = Counter(same)
    for value, seen in zip(values, same, strict=True):
        if times[seen] > 1:
            raise ConfigError(f"{path}: swept over {value} twice")
    return values


def _variants(study: Study, sweep: Mapping[str, list[str]] | None) -> list[dict[str, Any]]:
    """The settings that decide which fields there are: each arm's, with each swept cell or task."""
    variants = [{**study.base, **arm.settings} for arm in study.arms]
    for path in ("model.cell", "task.name"):
        names = [name for name in dict.fromkeys((sweep or {}).get(path, ())) if name]
        for name in names:
            field_types({path: name})  # or a long list of wrong ones would be multiplied
        variants += [{**known, path: name} for known in variants for name in names]
    return variants


def _type(study: Study, path: str, sweep: Mapping[str, list[str]] | None) -> type:
    """The type of a field in the first variant that has it."""
    types: dict[str, type] = {}
    for settings in _variants(study, sweep):
        types = field_types(settings) | types
    if path not in types:
        raise ConfigError(str(unknown("field", path, types)))
    return types[path]
