"""The ``Experiment`` that each study and claim defines, and the registry that finds it by name."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments import COLLECTIONS, FULL, NAMES, PUBLISHED, REGISTERED, STUDIES
from experiments.claims.evidence import Evidence
from seqjax.published.join import places_of
from seqjax.published.table import PublishedTable
from seqjax.records.record import Record
from seqjax.records.workdir import MeasuredPoint
from seqjax.reporting.plots.claims import ClaimPanel
from seqjax.stats.decisions import Verdict
from seqjax.sweeps.measurement import Measurement
from seqjax.sweeps.revise import revise
from seqjax.sweeps.study import Axis, Study
from seqjax.training import registry
from seqjax.training.overrides import ConfigError
from seqjax.types import unknown


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A study to train, points to measure without training, or both, and a decision rule.

    Attributes:
      study: the runs, or None if nothing is trained.
      measurement: the points to measure without training, or None.
      decide: rule from evidence to verdicts; None if the experiment decides no claim.
      curves: function from evidence to the panel of curves in the figure, or None.
      data: digest of the data that the claim was registered with; None for generated data.
      tasks: names of the tasks that --set and --sweep may choose. If empty, an experiment with a
        rule accepts the task of its study, and one without a rule accepts every task.
      table: the published table that the study reproduces, or None.
      remarks: function from the records to sentences on the page of the table, or None.
    """

    study: Study | None = None
    measurement: Measurement | None = None
    decide: Callable[[Evidence], list[Verdict]] | None = None
    curves: Callable[[Evidence], ClaimPanel] | None = None
    data: str | None = None
    tasks: tuple[str, ...] = ()
    table: PublishedTable | None = None
    remarks: Callable[[Sequence[Record]], list[str]] | None = None

    @property
    def name(self) -> str:
        """Name of the study, or of the measurement."""
        return (self.study or self.measurement).name

    @property
    def question(self) -> str:
        """Question of the study, or of the measurement."""
        return (self.study or self.measurement).question

    @property
    def accepted_tasks(self) -> tuple[str, ...]:
        """Names of the tasks that the study can be run with; empty for any."""
        if self.tasks or self.decide is None or self.study is None:
            return self.tasks
        task = self.study.base.get("task.name")  # None if each arm has a task
        return (task,) if task else ()

    def task_error(self, task: str) -> str | None:
        """Message for a task that the study does not accept; None for an accepted one."""
        accepted = self.accepted_tasks
        if not accepted or task in accepted:
            return None
        return f"task.name: {self.name} accepts {', '.join(accepted)}; got {task!r}"

    def revised(
        self,
        settings: Mapping[str, Any],
        axes: tuple[Axis, ...] | None = None,
        **changes: Any,
    ) -> "Experiment":
        """Return the experiment with a study changed by ``revise``, and a matching measurement.

        Raises:
          ConfigError: as ``revise``; or the study does not accept a task that is set or swept.
        """
        tasks = [task for axis in axes or () if axis.path == "task.name" for task in axis.values]
        for task in [settings["task.name"]] if "task.name" in settings else tasks:
            if error := self.task_error(task):
                raise ConfigError(error)
        study = revise(self.study, settings, axes, **changes)
        measurement = self.measurement and self.measurement.with_settings(study.base)
        return dataclasses.replace(self, study=study, measurement=measurement)

    def evidence(
        self, records: Sequence[Record] = (), points: Sequence[MeasuredPoint] = ()
    ) -> Evidence:
        """The evidence in these records and measurements, for ``decide``."""
        return Evidence(self.study, records, points)


def find(name: str) -> Experiment:
    """Return the experiment of a name in ``NAMES`` or ``REGISTERED``.

    The modules of ``NAMES`` are imported on the first call.

    Raises:
      ValueError: an unknown name.
    """
    if name in STUDIES:
        return importlib.import_module(f"experiments.studies.{name}").EXPERIMENT
    if name in NAMES:
        stem = name.removesuffix(FULL)
        package = "published" if stem in PUBLISHED else "claims"
        module = importlib.import_module(f"experiments.{package}.{stem}")
        return _checked(module.experiment(full=name.endswith(FULL)))
    if name in REGISTERED:
        return REGISTERED[name]
    raise unknown("study", name, (*NAMES, *REGISTERED))


def register(study: Study | Experiment) -> Study | Experiment:
    """Add an experiment to ``REGISTERED``; see ``experiments.register_study``."""
    if not isinstance(study, Study | Experiment):
        raise TypeError(f"register_study: expected a Study, got {study!r}")
    experiment = Experiment(study) if isinstance(study, Study) else study
    if experiment.name in (*NAMES, *COLLECTIONS):
        raise ConfigError(f"study {experiment.name}: the name is taken")
    registry.add("study", REGISTERED, experiment.name, _checked(experiment))
    return study


def _checked(experiment: Experiment) -> Experiment:
    """The experiment; ValueError if its arms and its published table do not fit."""
    if experiment.table is not None:
        experiment.table.check_places(places_of(experiment.study.arms))
    return experiment
