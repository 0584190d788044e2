"""What a command can run, by name: a study, or a claim with the rule that decides it."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments import CLAIMS, COLLECTIONS, FULL, STUDIES
from seqjax.decisions import Verdict
from seqjax.study import Study
from seqjax.survey import Survey
from seqjax.types import unknown

Record = Mapping[str, Any]
NAMES = (*STUDIES, *CLAIMS, *(name + FULL for name in CLAIMS))


@dataclasses.dataclass(frozen=True)
class Subject:
    """A study, a survey, or both, and for a claim what they decide.

    Attributes:
      study: the runs, or None.
      survey: what is measured without training, or None.
      decide: for a claim, from its records and its measured points to verdicts.
      curves: for a claim, from the same to what its figure shows beside the comparisons.
      data: for a claim, the digest of the data that it was registered with, where they are stored.
    """

    study: Study | None = None
    survey: Survey | None = None
    decide: Callable[[Sequence[Record], Sequence[Record]], list[Verdict]] | None = None
    curves: Callable[[Sequence[Record], Sequence[Record]], Any] | None = None
    data: str | None = None

    @property
    def name(self) -> str:
        return (self.study or self.survey).name

    @property
    def question(self) -> str:
        return (self.study or self.survey).question


def subject(name: str) -> Subject:
    """The subject of this name.

    Raises:
      ValueError: there is none.
    """
    if name not in NAMES:
        raise unknown("study", name, (*NAMES, *COLLECTIONS))
    if name in STUDIES:
        module = importlib.import_module(f"experiments.{name}")
        parts = ("STUDY", "SURVEY", "decide", "curves", "DATA")
        return Subject(*(getattr(module, part, None) for part in parts))
    module = importlib.import_module(f"experiments.claims.{name.removesuffix(FULL)}")
    return module.subject(full=name.endswith(FULL))
