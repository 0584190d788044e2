"""Differences between the runs of a workdir and the study as its module defines it."""

import dataclasses
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from seqjax.records.record import Record
from seqjax.reporting.formats import label
from seqjax.sweeps.points import settings_of
from seqjax.sweeps.revise import equal_arms
from seqjax.sweeps.study import Arm, Study
from seqjax.training.config import as_settings, complete, make_config

NEUTRAL = ("train.observe", "train.eval_every")
"""Fields that change what is recorded, and no result unless validations decide something."""


@dataclasses.dataclass(frozen=True)
class Changes:
    """Changes that a command made to a study.

    Attributes:
      settings: values by field path, of all runs together, that the study does not define, and of
        fields that the study sweeps and the runs do not.
      swept: fields that the runs sweep, if these are not those of the study, apart from the tuned
        field; otherwise empty.
      equal_arms: arms that have the same settings in all runs, in groups, which is the case for
        arms that differ in a field that the runs do not sweep.
    """

    settings: Mapping[str, Sequence[Any]]
    swept: Sequence[str]
    equal_arms: Sequence[Sequence[str]] = ()

    def __str__(self) -> str:
        """Text for captions and figures; empty without changes."""
        values = [
            f"{path}={' or '.join(map(label, values))}" for path, values in self.settings.items()
        ]
        swept = [f"swept fields {', '.join(self.swept)}"] if self.swept else []
        equal = [f"{', '.join(arms)} are the same network" for arms in self.equal_arms]
        return "; ".join([*values, *swept, *equal])

    @property
    def of_question(self) -> bool:
        """True if the runs no longer answer the question of the study.

        That is the case if other fields are swept, if arms no longer differ, or if a setting with
        a name is changed, such as the task, the cell or the kind of clipping. Sizes, rates and
        numbers of steps may change.
        """
        named = any(isinstance(v, str) for values in self.settings.values() for v in values)
        return named or bool(self.swept) or bool(self.equal_arms)


def changes(study: Study, records: Sequence[Record]) -> Changes:
    """Return the changes that records show.

    Args:
      study: the study as defined.
      records: records of a study of that name.
    """
    arms = {arm.title: arm for arm in study.arms}
    present = {record.arm for record in records} & set(arms)
    defined = [a.path for a in study.axes if any(a.applies_to(arms[title]) for title in present)]
    swept = dict.fromkeys(path for record in records for path in record.point)
    settings: dict[str, list] = {}
    for record in _distinct(records):
        if record.arm in arms:
            changed = _changed(study, arms[record.arm], record, {*swept, *defined})
            fixed = [path for path in defined if path not in swept and path in record.settings]
            changed |= {path: record.settings[path] for path in fixed}
            for path, value in changed.items():
                if value not in settings.setdefault(path, []):
                    settings[path].append(value)
    same = {*swept, study.tune} == {*defined, study.tune}
    return Changes(settings, [] if same else list(swept), equal_arms(_settings_by_arm(records)))


def _settings_by_arm(records: Sequence[Record]) -> dict[str, list[Mapping[str, Any]]]:
    """All different settings of each arm."""
    settings: dict[str, list] = {}
    for record in _of_different_settings(records):
        settings.setdefault(record.arm, []).append(record.settings)
    return settings


def _of_different_settings(records: Sequence[Record]) -> Iterable[Record]:
    """One record for each arm and point: records of one point share their settings in memory."""
    return {(record.arm, id(record.settings)): record for record in records}.values()


def _distinct(records: Sequence[Record]) -> list[Record]:
    """One record for each arm and combination of settings that are not swept."""
    distinct = {}
    for record in _of_different_settings(records):
        fixed = (item for item in record.settings.items() if item[0] not in record.point)
        distinct[record.arm, *((path, str(value)) for path, value in fixed)] = record
    return list(distinct.values())


def _changed(study: Study, arm: Arm, record: Record, swept: set[str]) -> dict[str, Any]:
    """Settings of a record that differ from those that the study defines for it.

    Names, such as that of the cell, decide which other fields exist. They are compared first, and
    the numbers with those of a study with the same names.
    """
    skipped = {*swept, *NEUTRAL}
    if _validation_decides(record):
        skipped.remove("train.eval_every")
    try:
        settings = _without(complete(record.settings), skipped)
        named = _unlike(settings, _every_setting(study, arm, {}), str)
        renamed = dataclasses.replace(study, base=study.base | named)
        return named | _unlike(settings, _every_setting(renamed, arm, record.point))
    except ValueError:  # the settings of the study do not fit the record's task or cell
        settings = _without(record.settings, skipped)
        return _unlike(settings, {**study.base, **arm.settings})


def _validation_decides(record: Record) -> bool:
    """Return whether validations select the reported step, stop the run or lower the rate."""
    settings = record.settings  # which leaves these fields out at their defaults
    stops = not {"train.patience", "train.stop_at"}.isdisjoint(settings)
    plateau = settings.get("optim.schedule") == "plateau"
    return stops or plateau or settings.get("train.select") == "best"


def _without(settings: Mapping[str, Any], paths: Container[str]) -> dict[str, Any]:
    return {path: value for path, value in settings.items() if path not in paths}


def _every_setting(study: Study, arm: Arm, point: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a study defines for an arm at a point, with all defaults."""
    return complete(as_settings(make_config(settings_of(study, arm, point))))


def _unlike(settings: Mapping[str, Any], others: Mapping[str, Any], kind: type = object) -> dict:
    """Settings of a type that have another value in ``others``."""
    return {
        path: value
        for path, value in settings.items()
        if isinstance(value, kind) and path in others and value != others[path]
    }
