"""A study is a list of named arms × axes; its plan is a list of runs.

Settings are ``{path: value}``. A run's settings are the study's base, then its arm's, then its
point's. What the base sets and an arm's cell, task or optimiser has no use for is left out, so one
base serves arms of different kinds.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from seqjax.cells import CELLS
from seqjax.models.sequence import ModelSpec
from seqjax.sweeps.widths import TOLERANCE, fitting_widths, matched_width, recurrent_parameters
from seqjax.tasks import Task
from seqjax.training.config import Config, ConfigError, field_types, idle, make_config
from seqjax.types import unknown

MOST_RUNS = 50_000
"""Of a study; it is planned in memory, and what is more is a slip of the keyboard."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """One condition of a study: a name and the settings that define it.

    Attributes:
      name: unique among the arms of one task.
      settings: values by field path; they override the base of the study.
      matched: name of another arm of the same task. ``model.hidden`` is then the width at which
        this arm has as many recurrent parameters, within 1 %, as that arm at the same point.
      task: label of the task where a study compares the same arms on several tasks. A label only:
        ``settings`` choose the task itself.
      tags: further labels, for the code that evaluates the study.
    """

    name: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    matched: str = ""
    task: str = ""
    tags: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def title(self) -> str:
        """Name of the arm in run ids, records, tables, ``Axis.arms`` and --arms: "task: name"."""
        return f"{self.task}: {self.name}" if self.task else self.name


@dataclasses.dataclass(frozen=True)
class Axis:
    """Values that a field takes in turn.

    Attributes:
      path: the field.
      values: in the order of the table.
      arms: titles of the arms it applies to; by default those that have the field and do not set
        it.
      label: what tables call it; axes of different arms with one label share a column.
      drawn: the values are random draws, one a trial; all drawn axes advance together.
    """

    path: str
    values: tuple
    arms: tuple[str, ...] = ()
    label: str = ""
    drawn: bool = False

    @property
    def title(self) -> str:
        return self.label or self.path


@dataclasses.dataclass(frozen=True)
class Metrics:
    """Test metrics of one task side by side, a column each.

    Attributes:
      title, note: what the columns are called together, and what the caption says of them.
      named: the metrics by the label of their column. All have the chance of the task's own metric.
    """

    title: str
    named: Mapping[Any, str]
    note: str


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
      references: arms that are left out, but that others are matched with.
      seeds: seeds a point.
      tune: the axis selected in each table cell on validation data, if any.
      tuning_seeds: how many seeds it is selected on, apart from those that are reported; 0 for the
        same ones. See ``tuning``.
      scored: scores are compared, not metrics, so that tasks of different metrics share a table.
      columns: the title of the axis that goes across the table; None for the last, "" for none.
      metrics: test metrics that go across the table instead, if any.
      fixed, spread: a second table, at this value of ``tune`` alone, or with all of them across.
      published: figures to print beside the table.
      save_models: save the trained models of the reported runs in the workdir.
    """

    name: str
    question: str
    base: Mapping[str, Any]
    arms: tuple[Arm, ...] = (Arm("all"),)
    axes: tuple[Axis, ...] = ()
    seeds: int = 3
    tune: str | None = None
    tuning_seeds: int = 0
    scored: bool = False
    columns: str | None = None
    metrics: Metrics | None = None
    fixed: float | None = None
    spread: bool = False
    published: tuple[Published, ...] = ()
    references: tuple[Arm, ...] = ()
    save_models: bool = False

    def __post_init__(self):
        titles = [arm.title for arm in (*self.arms, *self.references)]
        if twice := [title for title in titles if titles.count(title) > 1]:
            raise ConfigError(f"arms: expected different titles, got {twice[0]!r} twice")

    def arm(self, title: str) -> Arm:
        """The arm of this title, of those that run; records name their arm by its title.

        Raises:
          ConfigError: no arm has this title.
        """
        arms = {arm.title: arm for arm in self.arms}
        if title not in arms:
            raise ConfigError(f"arms: {unknown(f'arm of {self.name}', title, arms)}")
        return arms[title]

    @property
    def tuned(self) -> tuple[str, ...]:
        """The paths that are selected: ``tune``, and with a drawn axis all that are drawn."""
        drawn = tuple(axis.path for axis in self.axes if axis.drawn)
        return drawn if self.tune in drawn else () if self.tune is None else (self.tune,)


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run: where it stands in its study, its seed and its configuration.

    ``paired`` says what it shares with the study's first run of its seed, task and batch size:
    "data+weights", the order of the data and the draws of the gates that both have, or "data".
    ``purpose`` is "evaluation", or "tuning" where it only helps to select.
    """

    study: str
    arm: str
    point: Mapping[str, Any]
    seed: int
    config: Config
    paired: str
    compared: str = "metric"
    purpose: str = "evaluation"

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
    places, used, firsts = [], set(), {}
    for arm in study.arms:
        for point in points_of(study, arm):
            used |= point.keys()
            check_size(study, (len(places) + 1) * len(seeds))
            places.append(placed(study, arm, point, firsts))
            metrics = [run.config.task.metric for run in (places[0], places[-1])]
            if len(set(metrics)) > 1 and not study.scored:
                metrics = " and ".join(metrics)
                raise ConfigError(f"task.name: a table needs one metric, got {metrics}")
    present = {arm.title for arm in study.arms}
    for axis in study.axes:
        if axis.path not in used and (not axis.arms or present & set(axis.arms)):
            raise ConfigError(f"{axis.path}: swept, but no arm of {study.name} has a use for it")
    if study.tune is not None and study.tune not in used:
        raise ConfigError(f"--tune: expected an axis of the sweep, got {study.tune!r}")
    return [dataclasses.replace(run, seed=seed) for run in places for seed in seeds]


def check_size(study: Study, runs: int) -> None:
    """Raises ConfigError for more runs than a study may have."""
    if runs > MOST_RUNS:
        raise ConfigError(f"--seeds: {study.name} would have over {MOST_RUNS:,} runs")


def placed(study: Study, arm: Arm, point: Mapping[str, Any], firsts: dict) -> Run:
    """The run of seed 0 of an arm at a point, first in ``firsts`` if none there has its data."""
    config = make_config(settings_of(study, arm, point))
    first = firsts.setdefault((config.task, config.train.batch_size), config)
    compared = "score" if study.scored else "metric"
    return Run(study.name, arm.title, point, 0, config, _paired(first, config), compared)


def _paired(a: Config, b: Config) -> str:
    """What two runs of one seed, task and batch size share; see ``Run``."""
    shape_a, shape_b = (
        (dataclasses.replace(config.model, cell="lstm"), config.init.recurrent, config.init.input)
        for config in (a, b)
    )
    gates_a, gates_b = (CELLS[config.model.cell].bias_gates for config in (a, b))
    fused = a.init.recurrent == "orthogonal_fused"  # one draw over all gates
    common = gates_a == gates_b if fused else set(gates_a) & set(gates_b)
    return "data+weights" if shape_a == shape_b and common else "data"


def settings_of(study: Study, arm: Arm, point: Mapping[str, Any]) -> dict[str, Any]:
    """What a run of the arm at the point sets, without what it has no use for."""
    own = {**arm.settings, **point}
    settings = {**study.base, **own}
    if arm.matched:
        settings["model.hidden"] = _matched_width(study, arm, point)
    types = field_types(settings)
    return {
        path: value
        for path, value in settings.items()
        if path in own or (path in types and not idle(path, settings))
    }


def _matched_width(study: Study, arm: Arm, point: Mapping[str, Any]) -> int:
    """The width at which a matched arm has the parameters of the arm that it names."""
    arms = {
        other.name: other
        for other in (*study.references, *study.arms)
        if other.task == arm.task and not other.matched
    }
    if arm.matched not in arms:
        raise ConfigError(f"{arm.title}: {unknown('arm to be matched with', arm.matched, arms)}")
    reference = arms[arm.matched]
    takes = f"{arm.title} takes its width from {reference.title}"
    if "model.hidden" in arm.settings:
        raise ConfigError(f"model.hidden: set, but {takes}")
    for axis in study.axes:
        concerned = not axis.arms or {arm.title, reference.title} & set(axis.arms)
        if axis.path == "model.hidden" and concerned:
            raise ConfigError(f"model.hidden: swept, but {takes}; set one width, or use --arms")

    def shape(other: Arm) -> tuple[ModelSpec, Task]:
        """The model and the task of an arm at this point, as far as it has a use for the point."""
        elsewhere = {a.path for a in study.axes if a.arms and other.title not in a.arms}
        here = {path: value for path, value in point.items() if path not in elsewhere}
        base = {**study.base, **here}
        free = dataclasses.replace(other, matched="")
        config = make_config(settings_of(dataclasses.replace(study, base=base), free, {}))
        return config.model, config.task

    (model, task), (own, own_task) = shape(reference), shape(arm)
    wanted = recurrent_parameters(model, task)
    match = matched_width(own, own_task, wanted)
    if match.error > TOLERANCE:
        others = tuple(
            shape(other)[0]
            for other in study.arms
            if (other.task, other.matched) == (reference.task, reference.name)
        )
        widths = fitting_widths(model, others, own_task)
        near = ", ".join(map(str, widths)) or "none near"
        raise ConfigError(
            f"model.hidden: {reference.title} has {wanted} recurrent parameters at {model.hidden}, "
            f"{arm.title} at best {match.parameters}, at {match.hidden}; choose a width for which "
            f"a match within 1 % exists: {near}"
        )
    return match.hidden


def points_of(study: Study, arm: Arm) -> list[dict[str, Any]]:
    """The arm's points. An axis adds nothing to a point that has no use for it.

    Names and sizes are placed first, because they decide what the numbers are good for, and the
    spread of the biases last, because it is a part of these.
    """
    types = field_types({**study.base, **arm.settings})
    axes = [axis for axis in study.axes if not axis.arms or arm.title in axis.arms]
    steps = [(axis,) for axis in axes if not axis.drawn]
    steps += [drawn] if (drawn := tuple(axis for axis in axes if axis.drawn)) else []
    points: list[dict[str, Any]] = [{}]

    def rank(step: tuple[Axis, ...]) -> tuple[bool, bool]:
        path = step[0].path
        return types.get(path, float) is float, path == "init.bias_spread"

    for step in sorted(steps, key=rank):
        extended = (new for point in points for new in _extended(study, arm, point, step))
        points = list(itertools.islice(extended, MOST_RUNS + 1))
        if len(points) > MOST_RUNS:
            raise ConfigError(f"{step[0].path}: swept to over {MOST_RUNS:,} points")
    ordered = [
        {axis.path: point[axis.path] for axis in axes if axis.path in point} for point in points
    ]
    order = {axis.path: {value: k for k, value in enumerate(axis.values)} for axis in axes}
    return sorted(ordered, key=lambda point: [order[path][point[path]] for path in point])


def _extended(study: Study, arm: Arm, point: dict, axes: tuple[Axis, ...]) -> list[dict[str, Any]]:
    """The point with each value of an axis, or each trial of axes that are drawn together."""
    settings = {**study.base, **arm.settings, **point}
    types = field_types(settings)
    settings |= {axis.path: axis.values[0] for axis in axes if axis.drawn}  # they come together
    used = [
        axis
        for axis in axes
        if axis.path in types and axis.path not in arm.settings and not idle(axis.path, settings)
    ]
    if not used:
        return [point]
    trials = zip(*(axis.values for axis in used), strict=True)
    return [{**point, **{a.path: v for a, v in zip(used, trial, strict=True)}} for trial in trials]
