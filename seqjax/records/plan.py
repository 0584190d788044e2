"""The plan.json of a workdir: the runs that are planned so far, by arm and point."""

import itertools
import pathlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Protocol

from msgspec import Meta

from seqjax.records import jsonl
from seqjax.records.codec import Count, Settings, Struct, Text
from seqjax.records.record import run_id

NAME = "plan.json"


class Planned(Protocol):
    """Identity of a run that is planned: a ``PlannedRun``, a ``sweeps.study.Run`` or a record."""

    id: str
    arm: str
    point: Mapping[str, Any]
    seed: int
    purpose: str


class PlannedRun(NamedTuple):
    """Identity of a run that is planned; the fields are those of ``Record``."""

    id: str
    arm: str
    point: Mapping[str, Any]
    seed: int
    purpose: str


class PlannedPoint(Struct):
    """Planned runs that differ in their seeds alone."""

    may_be_infinite = ("point",)

    arm: Text
    point: Settings
    purpose: Literal["evaluation", "tuning"]
    seeds: Annotated[list[Count], Meta(min_length=1)]


class Plan(Struct):
    """The content of the file."""

    may_be_infinite = ("runs",)

    runs: list[PlannedPoint]


def write(workdir: pathlib.Path, runs: Iterable[Planned]) -> None:
    """Replace the plan of a workdir.

    Raises:
      OSError: the file cannot be written.
    """
    alike = itertools.groupby(runs, lambda run: (run.arm, list(run.point.items()), run.purpose))
    points = [
        PlannedPoint(arm=arm, point=dict(point), purpose=purpose, seeds=[run.seed for run in same])
        for (arm, point, purpose), same in alike
    ]
    jsonl.write_file(workdir / NAME, jsonl.to_text(Plan(runs=points)))


def read(workdir: pathlib.Path) -> list[PlannedRun] | None:
    """The plan of a workdir; None if it has none.

    Raises:
      RecordError: the file holds something else, or was changed; the message names it.
      OSError: the file cannot be read.
    """
    path = workdir / NAME
    if not path.exists():
        return None
    return [
        PlannedRun(run_id(of.arm, of.point, seed), of.arm, of.point, seed, of.purpose)
        for of in jsonl.load_file(path, Plan).runs
        for seed in of.seeds
    ]
