"""The plan.jsonl of a workdir: the runs that are planned so far, a line for each arm and point."""

import itertools
import pathlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Protocol

from msgspec import Meta

from seqjax.records import codec
from seqjax.records.codec import Count, Settings, Struct, Text
from seqjax.records.jsonl import RecordError
from seqjax.records.record import run_id

NAME = "plan.jsonl"


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


class PlannedRuns(Struct):
    """One line of the file: runs that differ in their seeds alone."""

    arm: Text
    point: Settings
    purpose: Literal["evaluation", "tuning"]
    seeds: Annotated[list[Count], Meta(min_length=1)]


def to_text(runs: Iterable[Planned]) -> str:
    """The plan of these runs as JSON lines."""
    alike = itertools.groupby(runs, lambda run: (run.arm, list(run.point.items()), run.purpose))
    lines = (
        PlannedRuns(arm=arm, point=dict(point), purpose=purpose, seeds=[run.seed for run in runs])
        for (arm, point, purpose), runs in alike
    )
    return "".join(f"{codec.dumps(line)}\n" for line in lines)


def read(workdir: pathlib.Path) -> list[PlannedRun] | None:
    """The plan of a workdir; None if it has none.

    Raises:
      RecordError: a line is invalid; the message names file, line and field.
      OSError: the file cannot be read.
    """
    path = workdir / NAME
    if not path.exists():
        return None
    decoder, plan = codec.decoder(PlannedRuns), []
    for number, text in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            line = codec.decode(decoder, text)
        except ValueError as error:
            raise RecordError(f"{path}:{number}: {error}") from None
        codec.restore_infinities(line)
        plan += [
            PlannedRun(run_id(line.arm, line.point, seed), line.arm, line.point, seed, line.purpose)
            for seed in line.seeds
        ]
    return plan
