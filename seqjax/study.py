"""A study is a list of named arms × axes; its plan is a list of runs.

Settings are ``{path: value}``. A run's settings are the study's base, then its arm's, then its
point's. What the base sets and an arm's cell, task or optimiser has no use for is left out, so one
base serves arms of different kinds.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from seqjax.cells import CELLS
from seqjax.config import Config, ConfigError, field_types, idle, make_config, parse
from seqjax.types import unknown

MOST_RUNS = 50_000
"""Of a study; it is planned in memory, and what is more is a slip of the keyboard."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """One of the things compared: a name and what it sets."""

    name: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Axis:
    """Values that a field takes in turn.

    Attributes:
      path: the field.
      values: in the order of the table.
      arms: the arms it applies to; by default those that have the field and do not set it.
      label: what tables call it; axes of different arms with one label share a column.
    """

    path: str
    values: tuple
    arms: tuple[str, ...] = ()
    label: str = ""

    @property
    def title(self) -> str:
        return self.label or self.path


@dataclasses.dataclass(frozen=True)
class Published:
    """A figure from the literature to stand beside ours, with how well its source is known."""

    what: str
    figure: str
    source: str
    confidence: str


@dataclasses.dataclass(frozen=True)
class Study:
    """A question, and the runs that answer it.

    Attributes:
      name, question: for people.
      base: settings that all arms share.
      arms, axes: what is compared, and what each is tried with.
      seeds: seeds a point.
      tune: the axis selected in each table cell on validation data, if any.
      columns: the title of the axis that goes across the table; None for the last, "" for none.
      fixed: a second table, at this value of ``tune`` alone.
      spread: a second table, with every value of ``tune`` across.
      published: figures to print beside the table.
    """

    name: str
    question: str
    base: Mapping[str, Any]
    arms: tuple[Arm, ...] = (Arm("all"),)
    axes: tuple[Axis, ...] = ()
    seeds: int = 3
    tune: str | None = None
    columns: str | None = None
    fixed: float | None = None
    spread: bool = False
    published: tuple[Published, ...] = ()


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run: where it stands in its study, its seed and its configuration.

    ``paired`` says what it shares with the study's first run of the same seed: "data+weights", the
    order of the data and the draws of the gates that both have, "data" alone, or "nothing".
    """

    study: str
    arm: str
    point: Mapping[str, Any]
    seed: int
    config: Config
    paired: str

    @property
    def id(self) -> str:
        """Arm, point and seed in words; equal for equal runs of a study."""
        place = {**self.point, "seed": self.seed}
        return " ".join([self.arm, *(f"{path}={value}" for path, value in place.items())])


def plan(study: Study, seeds: Iterable[int]) -> list[Run]:
    """Every run of the study, arm by arm, point by point, seed by seed.

    Raises:
      ConfigError: a setting or an axis that does not fit, named.
    """
    seeds = list(itertools.islice(seeds, MOST_RUNS + 1))
    runs, used, first = [], set(), None
    for arm in study.arms:
        for point in _points(study, arm):
            used |= point.keys()
            if len(runs) + len(seeds) > MOST_RUNS:
                raise ConfigError(f"--seeds: {study.name} would have over {MOST_RUNS:,} runs")
            config = make_config(_settings(study, arm, point))
            first = first or config
            paired = _paired(first, config)
            runs += [Run(study.name, arm.name, point, seed, config, paired) for seed in seeds]
            if config.task.metric != first.task.metric:
                metrics = f"{first.task.metric} and {config.task.metric}"
                raise ConfigError(f"task.name: a table needs one metric, got {metrics}")
    present = {arm.name for arm in study.arms}
    for axis in study.axes:
        if axis.path not in used and (not axis.arms or present & set(axis.arms)):
            raise ConfigError(f"{axis.path}: swept, but no arm of {study.name} has a use for it")
    if study.tune is not None and study.tune not in used:
        raise ConfigError(f"--tune: expected an axis of the sweep, got {study.tune!r}")
    return runs


def _paired(a: Config, b: Config) -> str:
    """What two runs of one seed share; see ``Run``."""
    if (a.task, a.train.batch_size) != (b.task, b.train.batch_size):
        return "nothing"
    shape_a, shape_b = (
        (dataclasses.replace(config.model, cell="lstm"), config.init.recurrent, config.init.input)
        for config in (a, b)
    )
    gates_a, gates_b = (CELLS[config.model.cell].bias_gates for config in (a, b))
    fused = a.init.recurrent == "orthogonal_fused"  # one draw over all gates
    common = gates_a == gates_b if fused else set(gates_a) & set(gates_b)
    return "data+weights" if shape_a == shape_b and common else "data"


def _settings(study: Study, arm: Arm, point: Mapping[str, Any]) -> dict[str, Any]:
    own = {**arm.settings, **point}
    settings = {**study.base, **own}
    types = field_types(settings)
    return {
        path: value
        for path, value in settings.items()
        if path in own or (path in types and not idle(path, settings))
    }


def _points(study: Study, arm: Arm) -> list[dict[str, Any]]:
    """The arm's points. An axis adds nothing to a point that has no use for it.

    Names and sizes are placed first, because they decide what the numbers are good for.
    """
    types = field_types({**study.base, **arm.settings})
    axes = [axis for axis in study.axes if not axis.arms or arm.name in axis.arms]
    points: list[dict[str, Any]] = [{}]
    for axis in sorted(axes, key=lambda axis: types.get(axis.path, float) is float):
        extended = (new for point in points for new in _extended(study, arm, point, axis))
        points = list(itertools.islice(extended, MOST_RUNS + 1))
        if len(points) > MOST_RUNS:
            raise ConfigError(f"{axis.path}: swept to over {MOST_RUNS:,} points")
    ordered = [
        {axis.path: point[axis.path] for axis in axes if axis.path in point} for point in points
    ]
    places = {axis.path: {value: k for k, value in enumerate(axis.values)} for axis in axes}
    return sorted(ordered, key=lambda point: [places[path][point[path]] for path in point])


def _extended(study: Study, arm: Arm, point: dict, axis: Axis) -> list[dict[str, Any]]:
    settings = {**study.base, **arm.settings, **point}
    known = axis.path in field_types(settings) and axis.path not in arm.settings
    if not known or idle(axis.path, settings):
        return [point]
    return [{**point, axis.path: value} for value in axis.values]


def revise(
    study: Study,
    given: Mapping[str, str],
    sweep: Mapping[str, list[str]] | None = None,
    arms: list[str] | None = None,
    tune: str | None = None,
) -> Study:
    """The study as a command changes it.

    Args:
      given: fields to set, as text.
      sweep: axes in place of the study's own, as text; None leaves them. A path that the study
        sweeps too keeps its arms and its label.
      arms: only these.
      tune: the axis to tune; None leaves the study's own where that is still swept.

    Raises:
      ConfigError: a field that is unknown, both set and swept, told apart by the arms, or of no use
        to any run; an axis value that is empty, stands twice or has the wrong type.
    """
    study = dataclasses.replace(study, arms=_kept_arms(study, arms))
    study = dataclasses.replace(study, base={**study.base, **given})
    if sweep is not None:
        axes = [
            dataclasses.replace(axis, values=_values(study, path, texts, sweep))
            for path, texts in sweep.items()
            for axis in [a for a in study.axes if a.path == path] or [Axis(path, ())]
        ]
        study = dataclasses.replace(study, axes=tuple(axes))
    swept = {axis.path for axis in study.axes}
    for path in [*given, *(sweep or ())]:
        if path in given and path in swept:
            raise ConfigError(f"{path}: both set and swept; sweep a single value instead")
        if any(path in arm.settings for arm in study.arms):
            raise ConfigError(f"{path}: the arms of {study.name} differ in it; choose with --arms")
    values = {path: parse(path, text, _type(study, path, sweep)) for path, text in given.items()}
    tune = study.tune if tune is None and study.tune in swept else tune
    study = dataclasses.replace(study, base={**study.base, **values}, tune=tune)
    used = [_settings(study, arm, point) for arm in study.arms for point in _points(study, arm)]
    for path in given:
        if not any(path in settings for settings in used):
            settings = next(
                known for known in _variants(study, sweep) if path in field_types(known)
            )
            raise ConfigError(f"{path}: changes nothing, because {idle(path, settings)}")
    return study


def _kept_arms(study: Study, names: list[str] | None) -> tuple[Arm, ...]:
    known = [arm.name for arm in study.arms]
    for name in names or ():
        if name not in known:
            raise ConfigError(f"--arms: {unknown(f'arm of {study.name}', name, known)}")
    return tuple(arm for arm in study.arms if not names or arm.name in names)


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
