"""The other files of a workdir: config.json, which identifies its study, and measurements.json."""

from typing import Annotated

import msgspec
from msgspec import Meta

from seqjax.records.codec import Arrays, Count, Environment, Finite, Setting, Settings, Struct, Text
from seqjax.stats import rules

RunsPerDevice = Annotated[int, Meta(ge=1, le=2**16)]


class AxisIdentity(Struct):
    """A swept field: its values, and the arms it applies to (none: all)."""

    may_be_infinite = ("values",)

    path: Text
    values: list[Setting]
    arms: list[Text]
    drawn: bool


class StudyIdentity(Struct):
    """Identity of a study: two commands may share a workdir if theirs are equal.

    Attributes:
      study: its name.
      rules: version of the decision rules.
      axes: the swept fields.
      tuning_seeds: number of seeds for the selection of tuned fields.
      arms: values of every field that is not swept, by path, for each arm.
    """

    may_be_infinite = ("axes", "arms")

    study: Text
    rules: Count | Text
    axes: list[AxisIdentity]
    tuning_seeds: Count
    arms: dict[Text, dict[Text, list[Setting]]]

    def __post_init__(self) -> None:
        """Replace an earlier version of the rules by the version that decides its records alike."""
        version = rules.equivalent(rules.version_of(self.rules))
        msgspec.structs.force_setattr(self, "rules", version)


class Sources(Struct):
    """Digests of the code of tasks and cells, by name; see ``source``."""

    tasks: dict[Text, Text] = msgspec.field(default_factory=dict)
    cells: dict[Text, Text] = msgspec.field(default_factory=dict)


class WorkdirConfig(Struct):
    """The config.json of a workdir.

    Attributes:
      same: identity of the study.
      seeds: reported seeds.
      tune: paths of the tuned fields, joined by commas, or None.
      environment: versions and hardware of the command that began the workdir.
      runs_per_device: number of runs that one device trains together, by the structure of the
        runs, see ``executor.structure_key``. Older files have a list, which is not used.
      sources: digests of the code of tasks and cells; empty in older files.
    """

    may_be_infinite = ("same",)

    same: StudyIdentity
    seeds: Annotated[list[Count], Meta(min_length=1)]
    tune: Text | None
    environment: Environment
    runs_per_device: dict[Text, RunsPerDevice] | list[RunsPerDevice]
    sources: Sources = msgspec.field(default_factory=Sources)


class MeasuredPoint(Struct, eq=False):
    """Arrays measured without training at one point of a design."""

    may_be_infinite = ("point",)

    point: Settings
    measured: Arrays


class MeasurementIdentity(Struct):
    """Identity of a measurement: two commands may share a workdir if theirs are equal."""

    may_be_infinite = ("points",)

    study: Text
    rules: Count | Text
    points: list[Settings]

    def __post_init__(self) -> None:
        """Replace an earlier version of the rules by the version that decides its records alike."""
        version = rules.equivalent(rules.version_of(self.rules))
        msgspec.structs.force_setattr(self, "rules", version)


class Measurements(Struct, eq=False):
    """The measurements.json of a workdir."""

    may_be_infinite = ("same", "points")

    same: MeasurementIdentity
    environment: Environment
    seconds: Finite
    points: list[MeasuredPoint]
