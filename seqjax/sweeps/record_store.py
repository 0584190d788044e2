"""Records of a study that this process trains, in memory and in a workdir."""

import contextlib
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from seqjax.records import jsonl, plan
from seqjax.records.plan import Planned
from seqjax.records.record import Record
from seqjax.records.source import sources_of
from seqjax.sweeps.study import Run
from seqjax.tasks import Task
from seqjax.training.config import as_settings
from seqjax.training.overrides import ConfigError, value_text

FILE = "records.jsonl"
WHOLE = (0, 1)
"""The only shard of a study that is trained in one process."""


class RecordStore:
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
          ConfigError: a number of it is out of range.
          OSError: it cannot be written.
        """
        try:
            record.check()
        except ValueError as error:
            raise ConfigError(f"{record.id}: {error}") from None
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
def open_store(workdir: str | os.PathLike | None) -> Iterator[RecordStore]:
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
        yield RecordStore()
        return
    from seqjax.records import locks  # fcntl exists on POSIX alone

    file = pathlib.Path(workdir) / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with locks.hold(file.parent, WHOLE):
        jsonl.move_torn_line(file)
        yield RecordStore(file)


def check_recorded(
    store: RecordStore, runs: list[Run], data: Mapping[Task, Mapping[str, str]]
) -> None:
    """Raise ConfigError if the records and the planned runs do not belong into one workdir.

    Args:
      store: the records.
      runs: the planned runs.
      data: digest of the data by task, for tasks that have data.
    """
    first, task = runs[0], runs[0].config.task
    common = {"study": first.study, "compared": first.compared}
    if first.compared == "metric":
        common |= {"metric": task.metric, "higher_is_better": task.higher_is_better}
    planned = {(run.arm, *sorted(run.point.items())): run for run in runs}
    sources = sources_of(run.config for run in planned.values())
    swept = {(run.arm, frozenset(run.point)) for run in runs}
    arms = {arm for arm, _ in swept}
    for record in store.records.values():
        store.check(record, **common)
        if record.arm in arms and (record.arm, frozenset(record.point)) not in swept:
            raise ConfigError(
                f"workdir: {store.file.parent} has {record.id!r}, whose arm is now swept over "
                f"other fields; choose another workdir"
            )
        if run := planned.get((record.arm, *sorted(record.point.items()))):
            settings, environment = as_settings(run.config), data[run.config.task]
            store.check(record, settings=settings, environment=environment)
            if record.paired != run.paired:
                raise ConfigError(
                    f"arms: {store.file.parent} has {record.id!r}, which is paired with another "
                    "first run; add arms and values after those that are recorded"
                )
        for kind, name, digests in (
            ("task", record.settings["task.name"], sources.tasks),
            ("cell", str(record.settings.get("model.cell", "")), sources.cells),
        ):
            here, there = digests.get(name, ""), getattr(record.source, kind)
            if "" not in (here, there) and here != there:
                raise ConfigError(
                    f"workdir: {store.file.parent} has {record.id!r} of another version of the "
                    f"code of {kind} {name}; choose another workdir, or restore the code"
                )
