"""What a command can run, by name: a study, or a claim with the rule that decides it."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments import CLAIMS, COLLECTIONS, FULL, STUDIES
from seqjax.stats.decisions import Verdict
from seqjax.sweeps.measurement import Measurement
from seqjax.sweeps.overrides import revise
from seqjax.sweeps.study import Study
from seqjax.training.config import ConfigError
from seqjax.types import unknown

Record = Mapping[str, Any]
NAMES = (*STUDIES, *CLAIMS, *(name + FULL for name in CLAIMS))


@dataclasses.dataclass(frozen=True)
class Subject:
    """A study, a measurement, or both, and for a claim what they decide.

    Attributes:
      study: the runs, or None.
      measurement: what is measured without training, or None.
      decide: for a claim, from its records and its measured points to verdicts.
      curves: for a claim, from the same to what its figure shows beside the comparisons.
      data: for a claim, the digest of the data that it was registered with, where they are stored.
      tasks: names of those that the study can be run with; none for any.
    """

    study: Study | None = None
    measurement: Measurement | None = None
    decide: Callable[[Sequence[Record], Sequence[Record]], list[Verdict]] | None = None
    curves: Callable[[Sequence[Record], Sequence[Record]], Any] | None = None
    data: str | None = None
    tasks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return (self.study or self.measurement).name

    @property
    def question(self) -> str:
        return (self.study or self.measurement).question

    def refusal(self, task: str) -> str | None:
        """Why the study cannot be run with a task; None if it can."""
        if not self.tasks or task in self.tasks:
            return None
        return f"task.name: {self.name} takes {', '.join(self.tasks)}; got {task!r}"

    def revised(
        self, given: Mapping[str, str], sweep: Mapping[str, list[str]] | None, *more: Any
    ) -> "Subject":
        """As a command changes its study, see ``revise``; the points of its measurement follow.

        Raises:
          ConfigError: as ``revise``; or it cannot be run with a task that is set or swept.
        """
        asked = {path: [text] for path, text in given.items()} | dict(sweep or {})
        for task in asked.get("task.name", ()):
            if refusal := self.refusal(task):
                raise ConfigError(refusal)
        study = revise(self.study, given, sweep, *more)
        measurement = self.measurement and self.measurement.with_settings(study.base)
        return dataclasses.replace(self, study=study, measurement=measurement)


def subject(name: str) -> Subject:
    """The subject of this name. What decides a claim takes its own task, if it names no others.

    Raises:
      ValueError: there is none.
    """
    if name not in NAMES:
        raise unknown("study", name, (*NAMES, *COLLECTIONS))
    if name in STUDIES:
        module = importlib.import_module(f"experiments.studies.{name}")
        parts = ("STUDY", "MEASUREMENT", "decide", "curves", "DATA")
        has = (getattr(module, part, None) for part in parts)
        found = Subject(*has, getattr(module, "TASK_NAMES", ()))
    else:
        module = importlib.import_module(f"experiments.claims.{name.removesuffix(FULL)}")
        found = module.subject(full=name.endswith(FULL))
    if found.tasks or found.decide is None or found.study is None:
        return found
    own = found.study.base.get("task.name")  # else it is the arms that have one each
    return dataclasses.replace(found, tasks=(own,) if own else ())
