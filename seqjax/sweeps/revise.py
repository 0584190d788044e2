"""Changes to a study by a command: settings, axes, arms and the tuned axis."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from seqjax.sweeps.points import points_of, settings_of
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.training.config import as_settings, make_config, unused_reasons
from seqjax.training.overrides import ConfigError, Overrides, field_of, unknown_field
from seqjax.types import unknown

NOTHING = "none"
"""``tune`` of a command that tunes nothing."""


def revise(
    study: Study,
    settings: Mapping[str, object] | None = None,
    axes: tuple[Axis, ...] | None = None,
    arms: Sequence[str] = (),
    tune: str | None = None,
    tuning_seeds: int | None = None,
) -> Study:
    """Return the study with changed settings, axes, arms or tuning.

    Args:
      study: the study.
      settings: typed values by path, for all arms. An axis of the study over such a path is
        dropped, and so are the values of the arms.
      axes: new axes; None for the axes of the study. An axis takes arms and label from the study's
        axis of the same path, if any.
      arms: titles of the arms to run; empty for all.
      tune: path of the axis to tune; "none" to tune nothing; None for the study's, if it is still
        swept.
      tuning_seeds: number of seeds for tuning; None for the study's.

    Raises:
      ConfigError: a field that does not exist or has no effect in any arm, that is in both
        ``settings`` and ``axes``, that arms set and ``axes`` sweeps, or without which two arms are
        the same; an unknown arm; ``tuning_seeds`` without ``tune``.
    """
    settings = Overrides(settings)
    chosen = _chosen_arms(study, arms)
    needed = {(arm.task, arm.matched) for arm in chosen} - {(arm.task, arm.name) for arm in chosen}
    references = tuple(arm for arm in study.arms if (arm.task, arm.name) in needed)
    new_axes = study.axes if axes is None else _labelled(axes, study.axes)
    for path in [*settings, *(axis.path for axis in axes or ())]:
        if path in settings and path in {axis.path for axis in axes or ()}:
            raise ConfigError(f"{path}: both set and swept; expected one of --set and --sweep")
        swept = path not in settings
        if swept and any(path in arm.settings for arm in (*chosen, *references)):
            raise ConfigError(f"{path}: the arms of {study.name} differ in it; choose with --arms")
    new_axes = tuple(axis for axis in new_axes if axis.path not in settings)
    if tune is None and study.tune in {axis.path for axis in new_axes}:
        tune = study.tune
    tune = None if tune == NOTHING else tune
    if tune is None and tuning_seeds:
        raise ConfigError("--tuning_seeds: nothing is tuned; name an axis with --tune")
    tuning_seeds = study.tuning_seeds if tuning_seeds is None else tuning_seeds
    revised = dataclasses.replace(
        study,
        base=study.base | settings,
        arms=tuple(_without(arm, settings) for arm in chosen),
        references=tuple(_without(arm, settings) for arm in references),
        axes=new_axes,
        tune=tune,
        tuning_seeds=tuning_seeds if tune else 0,
    )
    _check_effect(revised, settings)
    _check_arms(revised, chosen, settings)
    return revised


def dropped_axes(study: Study, revised: Study) -> dict[str, object]:
    """Values of the fields that ``study`` sweeps and ``revised`` does not, by path.

    Args:
      study: a study.
      revised: the same study after ``revise``. Fields without effect in its runs are left out.
    """
    swept = {axis.path for axis in revised.axes}
    conditions = [
        revised.base | arm.settings | point
        for arm in revised.arms
        for point in points_of(revised, arm)
    ]
    dropped = dict.fromkeys(axis.path for axis in study.axes if axis.path not in swept)
    return {
        path: revised.base.get(path, field_of(path).default)
        for path in dropped
        if any(path in c.fields() and path not in unused_reasons(c) for c in conditions)
    }


def settings_by_arm(study: Study) -> dict[str, list[Mapping[str, object]]]:
    """Settings of each arm at all its points, by the arm's title."""
    return {
        arm.title: [
            as_settings(make_config(settings_of(study, arm, point)))
            for point in points_of(study, arm)
        ]
        for arm in study.arms
    }


def equal_arms(settings: Mapping[str, Iterable[Mapping[str, object]]]) -> list[list[str]]:
    """Groups of arms whose runs have the same settings, because what differs is not swept.

    >>> equal_arms({"a": [{"x": 1}, {"x": 2}], "b": [{"x": 2}, {"x": 1}], "c": [{"x": 1}]})
    [['a', 'b']]

    Args:
      settings: settings of the runs of each arm.
    """
    groups: dict[frozenset, list[str]] = {}
    for arm, found in settings.items():
        key = frozenset(tuple(sorted(values.items())) for values in found)
        groups.setdefault(key, []).append(arm)
    return [arms for arms in groups.values() if len(arms) > 1]


def _chosen_arms(study: Study, titles: Sequence[str]) -> tuple[Arm, ...]:
    known = [arm.title for arm in study.arms]
    for title in titles:
        if title not in known:
            raise ConfigError(f"--arms: {unknown(f'arm of {study.name}', title, known)}")
    return tuple(arm for arm in study.arms if not titles or arm.title in titles)


def _labelled(axes: tuple[Axis, ...], old: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """The axes, with the arms and labels of the old axes of the same path."""
    return tuple(
        dataclasses.replace(same, values=axis.values, drawn=axis.drawn)
        for axis in axes
        for same in [other for other in old if other.path == axis.path] or [axis]
    )


def _without(arm: Arm, settings: Overrides) -> Arm:
    """The arm without its values for these settings."""
    own = {path: value for path, value in arm.settings.items() if path not in settings}
    return dataclasses.replace(arm, settings=own)


def _check_arms(revised: Study, chosen: Sequence[Arm], settings: Overrides) -> None:
    """Raise ConfigError if arms are the same once they no longer set a field."""
    paths = [path for path in settings if any(path in arm.settings for arm in chosen)]
    for arms in equal_arms(settings_by_arm(revised)) if paths else ():
        raise ConfigError(
            f"{paths[0]}: {' and '.join(arms)} of {revised.name} differ in it alone; choose with "
            "--arms"
        )


def _check_effect(study: Study, settings: Overrides) -> None:
    """Raise ConfigError for settings that change no run of the study."""
    conditions = [(arm, point) for arm in study.arms for point in points_of(study, arm)]
    unused = set(settings).difference(*(settings_of(study, *pair) for pair in conditions))
    for path in sorted(unused, key=list(settings).index):
        overrides = [study.base | arm.settings | point for arm, point in conditions]
        known = [values for values in overrides if path in values.fields()]
        if not known:
            raise unknown_field(path, overrides[0].cell, overrides[0].task)
        raise ConfigError(f"{path}: changes nothing, because {unused_reasons(known[0])[path]}")
