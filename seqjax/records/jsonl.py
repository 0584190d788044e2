"""Records in files: one self-contained line of strict JSON for every finished run.

A last line without a newline was torn by an interruption and is ignored.
"""

import contextlib
import errno
import os
import pathlib
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from seqjax.records import codec
from seqjax.records.codec import Struct
from seqjax.records.record import Record, decode

T = TypeVar("T", bound=Struct)


class RecordError(ValueError):
    """A file of a workdir has invalid content; the message names file and line."""


def load_file(path: pathlib.Path, kind: type[T]) -> T:
    """Return the struct of type ``kind`` in a JSON file.

    Raises:
      RecordError: the file holds something else; the message names file and field.
      OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        value = codec.decode(codec.decoder(kind), content)
    except ValueError as error:
        raise RecordError(f"{path}: {error}") from None
    codec.restore_infinities(value)
    return value


def append(path: pathlib.Path, record: Record) -> None:
    """Add one line to a file, completely or not at all, and wait until it is on disk.

    The file must end with a complete line; see ``move_torn_line``.

    Raises:
      RecordError: ``read`` would refuse the line.
      OSError: it cannot be written.
    """
    line = (codec.dumps(record) + "\n").encode()
    try:
        decode(line)
    except ValueError as error:
        raise RecordError(f"{path}: a record is not written: {error}") from None
    try:
        with open(path, "ab", buffering=0) as file:
            before = os.fstat(file.fileno()).st_size
            try:
                written = file.write(line)
                os.fsync(file.fileno())
            except OSError:
                os.truncate(file.fileno(), before)
                raise
            if written != len(line):
                os.truncate(file.fileno(), before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if before == 0:
            sync_folder(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def sync_folder(folder: pathlib.Path) -> None:
    """Wait until the folder's list of files is on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_torn_line(path: pathlib.Path) -> int:
    """Move a torn last line to a ``.torn`` file, and return its length in bytes."""
    content = path.read_bytes() if path.exists() else b""
    torn = content[content.rfind(b"\n") + 1 :]
    if torn:
        with open(path.with_suffix(".torn"), "ab") as aside:
            aside.write(torn + b"\n")
        os.truncate(path, len(content) - len(torn))
    return len(torn)


def read(path: pathlib.Path) -> Iterator[Record]:
    """Yield the records of one file in order.

    Raises:
      RecordError: a line is no record; the message names file, line and field.
      OSError: the file cannot be read.
    """
    for _, record in _numbered(path):
        yield record


def _numbered(path: pathlib.Path) -> Iterator[tuple[str, Record]]:
    """Yield (FILE:LINE, record)."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            where = f"{path}:{number}"
            try:
                record = decode(line[:-1])
            except ValueError as error:
                raise RecordError(f"{where}: {error}") from None
            yield where, record


def read_all(workdir: pathlib.Path) -> list[Record]:
    """Return the records of all shards of a workdir, the first of each run.

    Records with equal settings share them in memory.

    Raises:
      RecordError: as ``read``; records that do not fit into one table.
      OSError: as ``read``.
    """
    records: dict[str, Record] = {}
    points: dict[tuple, Record] = {}
    digests: dict[tuple[str, str], str] = {}
    for path in sorted(workdir.glob("records*.jsonl")):
        with contextlib.closing(_numbered(path)) as numbered:
            for where, record in numbered:
                first = next(iter(records.values()), record)
                neighbour = points.setdefault((record.arm, *sorted(record.point.items())), record)
                try:
                    _check_one_table(first, record)
                    _check_one_point(neighbour, record)
                    _check_source(digests, record)
                except ValueError as error:
                    raise RecordError(f"{where}: {error}") from None
                _share(first, record, ("environment",))
                _share(neighbour, record, ("settings", "point"))
                records.setdefault(record.id, record)
    return list(records.values())


def _share(first: Record, record: Record, names: tuple[str, ...]) -> None:
    """Let a record hold the same objects as another where their fields are equal."""
    for name in names:
        if getattr(record, name) == getattr(first, name):
            msgspec.structs.force_setattr(record, name, getattr(first, name))


def _check_one_table(first: Record, record: Record) -> None:
    """Raise ValueError naming a field in which records of one workdir must agree."""
    names = ("study", "compared")
    if first.compared == "metric":
        names += ("metric", "higher_is_better")
    for name in names:
        if getattr(record, name) != getattr(first, name):
            raise ValueError(f"{name}: differs from that of the records before it")


def _check_one_point(first: Record, record: Record) -> None:
    """Raise ValueError naming a field in which records of one arm and point must agree."""
    for name in ("settings", "chance"):
        if getattr(record, name) != getattr(first, name):
            raise ValueError(f"{name}: differs from that of another record of its arm and point")
    if record.curve["step"].tobytes() != first.curve["step"].tobytes():
        raise ValueError("curve: steps differ from those of another record of its arm and point")


def _check_source(digests: dict[tuple[str, str], str], record: Record) -> None:
    """Raise ValueError if a task or cell was edited between records.

    Args:
      digests: digests of earlier records by (kind, name); that of the record is added.
      record: the record.
    """
    for kind, path in (("task", "task.name"), ("cell", "model.cell")):
        name, digest = record.settings[path], getattr(record.source, kind)
        other = digests.setdefault((kind, name), digest) if digest else ""
        if digest != other:
            raise ValueError(
                f"source: the code of {kind} {name[:60]} differs from that of the records before "
                f"(digest {digest[:16]} here, {other[:16]} there); expected one workdir for each "
                "version of the code"
            )
