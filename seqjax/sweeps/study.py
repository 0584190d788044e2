"""A study as data: named arms and axes. ``plan.plan_runs`` turns it into runs.

The settings of a run are the base of the study, overridden by the settings of its arm, overridden
by the values of its point. Settings of the base without effect in a run are dropped, so one base
serves arms of different cells, tasks and optimisers.
"""

import dataclasses
import importlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from seqjax.published.figures import Source
from seqjax.records.record import Record, run_id
from seqjax.training.config import Config
from seqjax.training.overrides import ConfigError, Overrides
from seqjax.types import unknown

MOST_RUNS = 50_000
"""Bound on the runs of a study, which catches typos; all runs are planned in memory."""
UNNAMED = "all"
"""Name of the arm of a study that compares no arms."""


@dataclasses.dataclass(frozen=True)
class Arm:
    """One condition of a study: a name and the settings that define it.

    Attributes:
      name: unique among the arms of one task.
      settings: values by field path; they override the base of the study.
      matched: name of a reference arm of the same task. ``model.hidden`` is then the width at which
        this arm has as many recurrent parameters as the reference at the same point, within 1 %.
      task: label of the task where a study compares the same arms on several tasks. A label only:
        ``settings`` choose the task itself.
      tags: further labels, for the code that evaluates the study.

    Raises:
      ConfigError: an unknown path in ``settings``, or a value of another type.
    """

    name: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=Overrides)
    matched: str = ""
    task: str = ""
    tags: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "settings", Overrides(self.settings))

    @property
    def title(self) -> str:
        """Name of the arm in run ids, records, tables, ``Axis.arms`` and --arms: "task: name"."""
        return f"{self.task}: {self.name}" if self.task else self.name


@dataclasses.dataclass(frozen=True)
class Axis:
    """The values that one field takes.

    Attributes:
      path: the field.
      values: the values in the order of the table.
      arms: titles of the arms it applies to; by default all arms that have the field and do not
        set it.
      label: heading in tables; axes of different arms with one label share a column.
      drawn: the values are random draws, one for each trial; all drawn axes advance together.
      closed: no value beyond the first and last is tried if one of them is the best, as in a
        published protocol.

    Raises:
      ConfigError: an unknown path, or a value of another type.
    """

    path: str
    values: tuple
    arms: tuple[str, ...] = ()
    label: str = ""
    drawn: bool = False
    closed: bool = False

    def __post_init__(self):
        typed = tuple(Overrides({self.path: value})[self.path] for value in self.values)
        object.__setattr__(self, "values", typed)

    @property
    def title(self) -> str:
        """Heading of the axis in tables."""
        return self.label or self.path

    def applies_to(self, arm: Arm) -> bool:
        """Return whether the axis may vary this arm; ``arms`` lists the arms unless it is empty."""
        return not self.arms or arm.title in self.arms


@dataclasses.dataclass(frozen=True)
class Metrics:
    """Test metrics of one task as the columns of a table.

    Attributes:
      title: heading of the columns together.
      named: names of the metrics by column heading. All metrics have the same chance level.
      note: remark on the columns, for the caption.
    """

    title: str
    named: Mapping[Any, str]
    note: str


@dataclasses.dataclass(frozen=True)
class Published:
    """A result from the literature in words, printed below the table of runs on the same task.

    Nothing is computed from it; ``seqjax.published`` has tables that are compared with ours.

    Attributes:
      what: model and metric.
      figure: the result as published.
      source: the publication, and the text that the result was copied from.
      tasks: names of the tasks that the result is about.
    """

    what: str
    figure: str
    source: Source
    tasks: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Study:
    """A question, and the runs that answer it.

    Attributes:
      name: name on the command line and in records.
      question: the question in one sentence.
      base: settings that all arms share.
      arms: the conditions compared.
      axes: the values that each condition is run with.
      references: arms that are not run; other arms match their number of parameters.
      seeds: number of seeds per point.
      tune: path of the axis whose value is selected on validation data in each table cell, if any.
      tuning_seeds: number of separate seeds for that selection; 0 to select on the reported seeds.
        See ``plan``.
      scored: compare scores, not metrics, so that tasks of different metrics share a table.
      columns: title of the axis whose values are columns; None for the last axis, "" for none.
      metrics: test metrics that are columns instead, if any.
      fixed: print a second table with only this value of ``tune``.
      spread: print a second table with all values of ``tune`` as columns.
      published: results from the literature in words, printed below the table.
      save_models: save the trained models of the reported runs in the workdir.

    Raises:
      ConfigError: two arms of one title; an unknown path in ``base``, or a value of another type.
    """

    name: str
    question: str
    base: Mapping[str, Any]
    arms: tuple[Arm, ...] = (Arm(UNNAMED),)
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
        object.__setattr__(self, "base", Overrides(self.base))
        titles = [arm.title for arm in (*self.arms, *self.references)]
        for k, title in enumerate(titles):
            if title in titles[:k]:
                raise ConfigError(f"arms: expected different titles, got {title!r} twice")

    def arm(self, title: str) -> Arm:
        """The arm of this title; records name their arm by its title.

        Raises:
          ConfigError: no arm has this title.
        """
        arms = {arm.title: arm for arm in self.arms}
        if title not in arms:
            raise ConfigError(f"arms: {unknown(f'arm of {self.name}', title, arms)}")
        return arms[title]

    def run(
        self,
        seeds: int | Iterable[int] | None = None,
        workdir: str | os.PathLike | None = None,
    ) -> list[Record]:
        """Train every run of the study, and return the records; see ``sweeps.run.run``."""
        # By name, because the modules that train a study import this one.
        return importlib.import_module("seqjax.sweeps.run").run(self, seeds, workdir)

    @property
    def tuned(self) -> tuple[str, ...]:
        """The paths that are selected together: ``tune``, and if it is drawn all drawn axes."""
        drawn = tuple(dict.fromkeys(axis.path for axis in self.axes if axis.drawn))
        return drawn if self.tune in drawn else () if self.tune is None else (self.tune,)


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
      study: name of the study.
      arm: title of the arm.
      point: values of the axes by path.
      seed: the seed.
      config: the configuration.
      paired: draws shared with the study's first run of the same seed, task and batch size:
        "data+weights" (the order of the data and the weights of common gates) or "data".
      compared: the quantity that tables compare, "metric" or "score".
      purpose: "evaluation", or "tuning" for a run that only selects a value of ``Study.tune``.
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
        """Arm, point and seed as text; unique in a study."""
        return run_id(self.arm, self.point, self.seed)
