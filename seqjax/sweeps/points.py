"""Points of arms and axes, and the configuration of the run at a point."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from seqjax.cells import CELLS
from seqjax.models.sequence import ModelSpec
from seqjax.sweeps.study import MOST_RUNS, Arm, Axis, Run, Study
from seqjax.sweeps.widths import TOLERANCE, fitting_widths, matched_width, recurrent_parameters
from seqjax.tasks import Task
from seqjax.training.config import Config, make_config, unused_reasons
from seqjax.training.overrides import ConfigError, Overrides
from seqjax.types import unknown

Point = Mapping[str, Any]


def points_of(study: Study, arm: Arm) -> list[Point]:
    """The points of an arm, in the order of the table.

    An axis is skipped at points where its field does not exist or has no effect. Names and sizes
    are set before numbers, because they decide which numbers have an effect, and the spread of the
    biases last, because its effect depends on the biases.

    Raises:
      ConfigError: more than ``MOST_RUNS`` points; a value out of range.
    """
    types = {path: field.type for path, field in (study.base | arm.settings).fields().items()}
    axes = [axis for axis in study.axes if axis.applies_to(arm)]
    drawn = tuple(axis for axis in axes if axis.drawn)
    steps = [(axis,) for axis in axes if not axis.drawn] + [drawn] * bool(drawn)

    def rank(step: tuple[Axis, ...]) -> tuple[bool, bool]:
        path = step[0].path
        return types.get(path, float) is float, path == "init.bias_spread"

    points: list[Point] = [{}]
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


def _extended(study: Study, arm: Arm, point: Point, axes: tuple[Axis, ...]) -> Iterator[Point]:
    """The point with each value of an axis, or with each trial of axes that are drawn together."""
    settings = study.base | arm.settings | point
    settings |= {axis.path: axis.values[0] for axis in axes if axis.drawn}
    known, unused = settings.fields(), unused_reasons(settings)
    used = [
        axis
        for axis in axes
        if axis.path in known and axis.path not in arm.settings and axis.path not in unused
    ]
    if not used:
        return iter([point])
    trials = zip(*(axis.values for axis in used), strict=True)
    return ({**point, **{a.path: v for a, v in zip(used, trial, strict=True)}} for trial in trials)


def make_run(
    study: Study, arm: Arm, point: Point, firsts: MutableMapping[Any, Config] | None = None
) -> Run:
    """The run of seed 0 of an arm at a point.

    Args:
      study: the study.
      arm: one of its arms.
      point: a point of ``points_of``.
      firsts: first configuration by (task, batch size), with which this run is paired; this run's
        configuration is added if it is the first.

    Raises:
      ConfigError: an invalid setting, or no width matches.
    """
    config = make_config(settings_of(study, arm, point))
    firsts = {} if firsts is None else firsts
    first = firsts.setdefault((config.task, config.train.batch_size), config)
    compared = "score" if study.scored else "metric"
    return Run(study.name, arm.title, point, 0, config, _paired(first, config), compared)


def _paired(a: Config, b: Config) -> str:
    """The draws that two runs of one seed, task and batch size share; see ``Run``."""
    shape_a, shape_b = (
        (dataclasses.replace(config.model, cell="lstm"), config.init.recurrent, config.init.input)
        for config in (a, b)
    )
    gates_a, gates_b = (CELLS[config.model.cell].bias_gates for config in (a, b))
    fused = a.init.recurrent == "orthogonal_fused"  # one draw over all gates
    common = gates_a == gates_b if fused else set(gates_a) & set(gates_b)
    return "data+weights" if shape_a == shape_b and common else "data"


def settings_of(study: Study, arm: Arm, point: Point) -> Overrides:
    """The settings of a run: base, arm, point, and the width of a matched arm.

    Raises:
      ConfigError: no width matches within 1 %.
    """
    base = study.base
    if arm.matched:
        base |= {"model.hidden": _matched_width(study, arm, point)}
    return _effective(base, arm.settings | point)


def _effective(base: Overrides, later: Overrides) -> Overrides:
    """``base | later``, without fields of ``base`` that do not exist or have no effect."""
    settings = base | later
    known, unused = settings.fields(), unused_reasons(settings)
    dropped = {path for path in base if path not in known or path in unused}
    return settings.without(dropped - set(later))


def _matched_width(study: Study, arm: Arm, point: Point) -> int:
    """The width at which a matched arm has as many parameters as its reference."""
    reference = _reference(study, arm)

    def shape(other: Arm) -> tuple[ModelSpec, Task]:
        """Model and task of an arm at this point, without axes that do not apply to the arm."""
        other_axes = {axis.path for axis in study.axes if not axis.applies_to(other)}
        applied = Overrides(point).without(other_axes)
        config = make_config(_effective(study.base | applied, other.settings))
        return config.model, config.task

    (model, task), (arm_model, arm_task) = shape(reference), shape(arm)
    target = recurrent_parameters(model, task)
    match = matched_width(arm_model, arm_task, target)
    if match.error > TOLERANCE:
        same = (reference.task, reference.name)
        others = (shape(o)[0] for o in study.arms if (o.task, o.matched) == same)
        widths = fitting_widths(model, tuple(others), arm_task)
        near = ", ".join(map(str, widths)) or "none near"
        raise ConfigError(
            f"model.hidden: {reference.title} has {target} recurrent parameters at {model.hidden}, "
            f"{arm.title} at best {match.parameters}, at {match.hidden}; choose a width for which "
            f"a match within 1 % exists: {near}"
        )
    return match.hidden


def _reference(study: Study, arm: Arm) -> Arm:
    """The arm that a matched arm takes its number of parameters from.

    Raises:
      ConfigError: there is no such arm, or it is matched itself; the width of ``arm`` is set or
        swept.
    """
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
        if axis.path == "model.hidden" and (axis.applies_to(arm) or axis.applies_to(reference)):
            raise ConfigError(f"model.hidden: swept, but {takes}; set one width, or use --arms")
    return reference
