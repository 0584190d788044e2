"""Time that training still takes: estimated at first, measured later."""

import dataclasses
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqjax.records.record import Record
from seqjax.sweeps.estimate import COMPILATION, seconds_per_run
from seqjax.sweeps.study import Run


@dataclasses.dataclass
class Pace:
    """Steps of a group, and the time they take.

    Attributes:
      steps: number of steps to take.
      estimated: estimated seconds of a step, without compilation; None if unknown.
      later: number of steps to take after those of all groups, once cells are tuned.
      taken: number of steps taken.
      timed: number of steps after the first chunk, whose time includes compilation.
      duration: seconds that the timed steps took.
    """

    steps: int
    estimated: float | None
    later: float = 0
    taken: int = 0
    timed: int = 0
    duration: float = 0.0

    @property
    def measured(self) -> float | None:
        """Measured seconds of a step; None before the second chunk."""
        return self.duration / self.timed if self.timed else None


def steps_of(runs: Iterable[Run]) -> int:
    """Number of steps of all runs together."""
    return sum(run.config.train.steps for run in runs)


def paces(
    groups: Sequence[Sequence[Run]],
    pending: Sequence[Sequence[Run]],
    later: Sequence[float],
    environment: Mapping[str, Any],
    records: Iterable[Record],
) -> list[Pace]:
    """Steps and estimated time of the groups of a plan.

    Args:
      groups: the planned runs.
      pending: those of each group that this process trains now.
      later: number of runs of each group that it trains once cells are tuned.
      environment: kind and number of the devices.
      records: records of the workdir.
    """
    seconds = seconds_per_run(groups, environment, records)
    result = []
    for group, own, number, each in zip(groups, pending, later, seconds, strict=True):
        steps = group[0].config.train.steps
        result.append(Pace(steps_of(own), each and each / steps, number * steps))
    return result


class TimeLeft:
    """Steps and time of all groups of runs.

    Attributes:
      groups: the groups that are trained one after the other.
      compiling: the present group has taken no step yet.
    """

    def __init__(self, groups: Sequence[Pace]):
        self.groups = groups
        self.compiling = False
        self.group = groups[0]
        self.compilations: list[float] = []  # seconds until the end of each group's first chunk
        self.last = time.monotonic()

    @property
    def done(self) -> int:
        """Number of steps that all groups have taken."""
        return sum(group.taken for group in self.groups)

    @property
    def total(self) -> int:
        """Number of steps of all groups."""
        return sum(group.steps for group in self.groups)

    def start(self, number: int) -> None:
        """Begin with the group of this number, whose programs compile first."""
        self.group, self.compiling, self.last = self.groups[number], True, time.monotonic()

    def advance(self, steps: int) -> None:
        """Count steps that the present group has taken since the last call."""
        now = time.monotonic()
        if self.compiling:
            self.compilations.append(now - self.last)
        else:
            self.group.timed += steps
            self.group.duration += now - self.last
        self.group.taken += steps
        self.compiling, self.last = False, now

    def rate(self) -> float | None:
        """Steps per second of the present group; None before its second chunk."""
        return 1 / self.group.measured if self.group.measured else None

    def seconds(self) -> float | None:
        """Expected seconds until the end; None while nothing is known.

        Groups that have no second chunk yet have their estimated pace, corrected by that of the
        other groups.
        """
        timed = [group for group in self.groups if group.timed]
        both = [group for group in timed if group.estimated]
        expected = sum(group.estimated * group.timed for group in both)
        correction = sum(group.duration for group in both) / expected if both else 1.0
        average = statistics.fmean(group.measured for group in timed) if timed else None
        total = 0.0
        for group in self.groups:
            if rest := group.steps - group.taken + group.later:
                pace = group.measured or (group.estimated and group.estimated * correction)
                pace = pace or average
                if pace is None:
                    return None
                total += rest * pace + self._compilation(group)
        passed = time.monotonic() - self.last
        return max(total - passed, 0.0)

    def _compilation(self, group: Pace) -> float:
        """Expected seconds of compilation that the group still needs."""
        if group.taken or not group.steps:
            return 0.0
        return statistics.fmean(self.compilations) if self.compilations else COMPILATION

    def text(self) -> str:
        """The time left in words, such as "2:05 left"; "" while nothing is known."""
        seconds = self.seconds()
        if seconds is None:
            return ""
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"
