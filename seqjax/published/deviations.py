"""Our side of each deviation, computed from the settings of the runs."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from seqjax.published.join import ArmKey
from seqjax.published.table import KINDS, Deviation, PublishedTable
from seqjax.records.record import Record
from seqjax.stats.selection import sort_key
from seqjax.training.config import complete

MOST_VALUES = 4
"""Most values that are listed; of more, the number and the ends are given."""
NOTHING = "–"


class Setup(NamedTuple):
    """A planned or recorded run, as far as deviations read it.

    Attributes:
      arm: title of the arm.
      settings: every setting by path.
      seed: the seed.
      purpose: "evaluation" or "tuning".
      parameters: number of recurrent parameters; None if not known.
    """

    arm: str
    settings: Mapping[str, Any]
    seed: int
    purpose: str
    parameters: int | None


def setups_of(records: Iterable[Record]) -> list[Setup]:
    """The setups of records, with the defaults of fields that old records lack."""
    return [
        Setup(r.arm, complete(r.settings), r.seed, r.purpose, r.parameters_recurrent)
        for r in records
    ]


@dataclasses.dataclass(frozen=True)
class Stated:
    """A deviation with our value.

    Attributes:
      deviation: the declared deviation.
      ours: our value in words; "–" if no run has the setting.
    """

    deviation: Deviation
    ours: str

    @property
    def published(self) -> str:
        """The published value in words."""
        return text_of(self.deviation.published)

    @property
    def kind(self) -> str:
        """The declared kind, unless the values contradict it.

        "same" if the values are equal, as they may be at full size; "differs" if they are not and
        are declared to be, as after a command that changed the setting.
        """
        if self.published == self.ours:
            return "same"
        return self.deviation.kind if self.consistent else "differs"

    @property
    def consistent(self) -> bool:
        """False if the values differ and are declared to be the same."""
        return self.deviation.kind != "same" or self.published == self.ours

    @property
    def why(self) -> str:
        """The declared reason."""
        return self.deviation.why if self.consistent else "these runs have another value"

    @property
    def text(self) -> str:
        """The deviation as a phrase, such as "batch size 8 not 1"."""
        name = self.deviation.title
        if self.kind == "unknown":
            return f"{name} (ours: {self.ours})"
        if self.kind == "same":
            return f"{name} {self.ours}"
        if not self.deviation.of_settings:
            return f"{name}: {self.ours}; published: {self.published}"
        return f"{name} {self.ours} not {self.published}"


def state(
    table: PublishedTable,
    protocol: str,
    runs: Iterable[Setup],
    arms: Mapping[str, ArmKey],
    tuned: Collection[str],
) -> dict[str, list[Stated]]:
    """The deviations under a protocol with our values, by kind in the order of ``KINDS``.

    Settings of a data set without runs are left out.

    Args:
      table: the published table.
      protocol: the protocol.
      runs: planned runs, or records.
      arms: place of each arm by its title.
      tuned: paths of the tuned fields.
    """
    own = [run for run in runs if run.arm in arms and arms[run.arm].protocol == protocol]
    found: dict[str, list[Stated]] = {kind: [] for kind in KINDS}
    for deviation in table.deviations:
        if deviation.protocol in ("", protocol):
            task = deviation.task
            of_task = [run for run in own if not task or arms[run.arm].task == task]
            if of_task or not deviation.of_settings:
                stated = Stated(deviation, _ours(deviation, of_task, tuned))
                found[stated.kind].append(stated)
    return {kind: stated for kind, stated in found.items() if stated}


def _ours(deviation: Deviation, runs: Sequence[Setup], tuned: Collection[str]) -> str:
    if not deviation.of_settings:
        return deviation.ours
    if deviation.field == "seeds":
        return str(len({run.seed for run in runs if run.purpose == "evaluation"}))
    if deviation.field == "trials":
        return str(_trials(runs, tuned))
    if deviation.field == "parameters":
        counts = sorted({run.parameters for run in runs if run.parameters is not None})
        ends = dict.fromkeys([*counts[:1], *counts[-1:]])
        return " to ".join(map(text_of, ends)) or NOTHING
    path = deviation.field
    values = {run.settings[path] for run in runs if path in run.settings}
    ordered = sorted(values, key=sort_key)
    if len(ordered) > MOST_VALUES:
        return f"{len(ordered)} values from {text_of(ordered[0])} to {text_of(ordered[-1])}"
    return " or ".join(map(text_of, ordered)) or NOTHING


def _trials(runs: Iterable[Setup], tuned: Collection[str]) -> int:
    """Largest number of values of the tuned fields in an arm."""
    by_arm: dict[str, set[tuple]] = {}
    for run in runs:
        by_arm.setdefault(run.arm, set()).add(tuple(run.settings.get(path) for path in tuned))
    return max(map(len, by_arm.values()), default=0)


def text_of(value: Any) -> str:
    """A value in words: thousands are separated, and inf is "off"."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value) or NOTHING
    if value in (float("inf"), float("-inf")):
        return "off" if value > 0 else "−∞"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
