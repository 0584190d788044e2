"""A published table with its agreement, deviations and diagnostics, as all reports print it."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from seqjax.published.agreement import Agreement, agree
from seqjax.published.deviations import Stated, setups_of, state
from seqjax.published.join import TaggedArm, join, places_of
from seqjax.published.table import AS_PUBLISHED, PublishedTable
from seqjax.records.record import Record

NOT_RUN = "not run"


@dataclasses.dataclass(frozen=True)
class Reproduction:
    """A published table beside our runs.

    Attributes:
      table: the published table.
      agreements: agreement under each protocol that has runs.
      stated: deviations with our values, by protocol and then by kind.
      tuned: paths of the tuned fields.
      runs: number of reported runs.
      minutes: sum of the runs' wall times.
      notes: sentences on missing runs and on changes to the study, printed first.
      remarks: sentences of the table's module on its records, printed last.
      command: the command that makes the records.
    """

    table: PublishedTable
    agreements: tuple[Agreement, ...]
    stated: Mapping[str, Mapping[str, Sequence[Stated]]]
    tuned: tuple[str, ...]
    runs: int
    minutes: float
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    command: str = ""

    @property
    def verdict(self) -> str:
        """Verdict of the protocol as published; "not run" without runs under it."""
        return self.verdicts.get(AS_PUBLISHED, NOT_RUN)

    @property
    def verdicts(self) -> dict[str, str]:
        """Verdict under each protocol."""
        return {agreement.protocol: agreement.verdict for agreement in self.agreements}

    @property
    def title(self) -> str:
        """Title of the table with its verdict."""
        return f"{self.table.title}: {self.verdict}"


def reproduce(
    table: PublishedTable,
    records: Sequence[Record],
    arms: Iterable[TaggedArm],
    tune: str | None,
    notes: Iterable[str] = (),
    remarks: Iterable[str] = (),
    command: str = "",
) -> Reproduction:
    """Compare a published table with the records of its study.

    Args:
      table: the published table.
      records: records of the study.
      arms: arms of the study, whose tags name protocol and row.
      tune: path of the tuned axis, several joined by commas, or None.
      notes, remarks, command: text, see ``Reproduction``.
    """
    places = places_of(arms)
    own = [record for record in records if record.arm in places]
    tuned = tuple((tune or "").split(",")) if tune else ()
    cells = join(table, own, places, tune)
    setups = setups_of(own)
    return Reproduction(
        table=table,
        agreements=agree(table, cells),
        stated={
            protocol: state(table, protocol, setups, places, tuned) for protocol in table.protocols
        },
        tuned=tuned,
        runs=sum(len(cell.runs) for cell in cells),
        minutes=sum(record.seconds for record in own) / 60,
        notes=tuple(filter(None, notes)),
        remarks=tuple(filter(None, remarks)),
        command=command,
    )
