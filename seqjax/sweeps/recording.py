"""Records of a workdir to which a study in this process appends its finished runs."""

import contextlib
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from seqjax.records import jsonl, plan
from seqjax.records.plan import Planned
from seqjax.records.record import Record
from seqjax.training.overrides import ConfigError, value_text

FILE = "records.jsonl"
WHOLE = (0, 1)
"""The only shard of a study that is trained in one process."""


class Recording:
    """Records of finished runs, in memory and perhaps in a file.

    Attributes:
      file: file to which records are appended, or None.
      records: the records by id of their run.
    """

    def __init__(self, file: pathlib.Path | None = None):
        self.file = file
        found = [] if file is None else jsonl.read_all(file.parent)
        self.records: dict[str, Record] = {record.id: record for record in found}

    def add(self, record: Record) -> None:
        """Append the record of a finished run, and wait until it is on disk.

        Raises:
          OSError: it cannot be written.
        """
        if self.file is not None:
            jsonl.append(self.file, record)
        self.records[record.id] = record

    def write_plan(self, runs: Iterable[Planned]) -> None:
        """Add runs to the plan of the workdir, from which tables know which runs are missing.

        Runs that an earlier call planned stay, since its records stay in the tables. With tuning
        seeds, those at a value that is no longer selected leave the plan, unless they are recorded.
        """
        if self.file is None:
            return
        former = plan.read(self.file.parent) or []
        tuned = any(run.purpose == "tuning" for run in former)
        stay = [
            run for run in former if run.id in self.records or run.purpose == "tuning" or not tuned
        ]
        plan.write(self.file.parent, {run.id: run for run in [*stay, *runs]}.values())

    def check(self, record: Record, **expected: Any) -> None:
        """Check that a record belongs to the study at hand.

        Args:
          record: one of the records.
          expected: values of its fields; of a mapping, the entries that must agree.

        Raises:
          ConfigError: the record has another value; the message names the workdir and the field.
        """
        for name, value in expected.items():
            recorded = getattr(record, name)
            if not isinstance(value, Mapping):
                recorded, value = {name: recorded}, {name: value}
            for part, here in value.items():
                if (there := recorded.get(part)) != here:
                    raise ConfigError(
                        f"workdir: {self.file.parent} has {record.id!r} with {part} = "
                        f"{value_text(there)}, expected {value_text(here)}; choose another workdir"
                    )


@contextlib.contextmanager
def recording(workdir: str | os.PathLike | None) -> Iterator[Recording]:
    """Hold the lock of a workdir, which is created if it is missing, and read its records.

    A line that was torn by an interruption is moved to another file.

    Args:
      workdir: the folder; None to keep records in memory.

    Raises:
      LockedError: another process is running in the folder.
      RecordError: the folder has records that cannot be read.
      OSError: the folder cannot be created or written.
    """
    if workdir is None:
        yield Recording()
        return
    from seqjax.records import locks  # fcntl exists on POSIX alone

    file = pathlib.Path(workdir) / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with locks.hold(file.parent, WHOLE):
        jsonl.move_torn_line(file)
        yield Recording(file)
