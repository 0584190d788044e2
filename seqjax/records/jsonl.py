"""Records in files: one self-contained line of strict JSON for every finished run.

The last member of a line, and of the other files of a workdir, is ``"checksum"``: 16 hexadecimal
digits of the SHA-256 of all bytes before that member. Only files of versions before 0.2 may lack
it. A last line that is incomplete was torn by an interruption and is ignored.
"""

import contextlib
import errno
import hashlib
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from seqjax.records import codec
from seqjax.records.codec import Environment, Struct
from seqjax.records.record import Record, decode
from seqjax.version import __version__

T = TypeVar("T", bound=Struct)

CHECKSUM = b', "checksum": "'
DIGITS = 16
COMPLETE = re.compile(rb', "checksum": "[0-9a-f]{16}"}')
BEFORE_CHECKSUMS = re.compile(r"0\.[01]\b")
"""Versions of seqjax that wrote no checksums."""
CHANGED_LINE = (
    "the line was changed after it was written; restore the file, or delete the line so that its "
    "run is trained again"
)
CHANGED_FILE = "the file was changed after it was written; restore it, or choose another workdir"
TIMES = {"seconds": 0.0, "environment": {}, "curve_file": ""}
"""Fields in which two records of one run may differ, with a common value."""


class RecordError(ValueError):
    """A file of a workdir has invalid content; the message names file and line."""


def add_checksum(text: str) -> str:
    """Return a JSON object with the checksum of its text as the last member.

    >>> add_checksum('{"seed": 0}')
    '{"seed": 0, "checksum": "da0f5a8a645e8278"}'
    """
    body = text.removesuffix("}").rstrip()
    return f'{body}{CHECKSUM.decode()}{_digest(body.encode())}"}}'


def to_text(value: Struct, **options: Any) -> str:
    """Return a struct as JSON with a checksum, and a line end.

    Args:
      value: a struct.
      options: options of ``json.dumps``.
    """
    return add_checksum(codec.dumps(value, **options)) + "\n"


def _verify_checksum(content: bytes, changed: str) -> tuple[bytes, bool]:
    """Return a JSON object without its checksum, and whether it had one.

    Raises:
      ValueError: "checksum: " and ``changed``, if the checksum is not that of the bytes before it.
    """
    body, found, end = content.rpartition(CHECKSUM)
    if not found:
        return content, False
    if end.rstrip() != f'{_digest(body)}"}}'.encode():
        raise ValueError(f"checksum: {changed}")
    return body + b"}", True


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:DIGITS]


def _check_version(environment: Environment, changed: str) -> None:
    """Raise ValueError unless the version that wrote a text without checksum wrote none."""
    version = str(environment.get("seqjax", "0.1"))
    if not BEFORE_CHECKSUMS.match(version):
        raise ValueError(f"checksum: missing, but seqjax {version[:20]} writes one: {changed}")


def load_file(path: pathlib.Path, kind: type[T]) -> T:
    """Return the struct of type ``kind`` in a JSON file.

    Raises:
      RecordError: the file holds something else, or was changed; the message names file and field.
      OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        content, verified = _verify_checksum(content, CHANGED_FILE)
        value = codec.decode(codec.decoder(kind), content)
        if not verified:
            _check_version(getattr(value, "environment", {"seqjax": __version__}), CHANGED_FILE)
    except ValueError as error:
        raise RecordError(f"{path}: {error}") from None
    codec.restore_infinities(value)
    return value


def _decode_line(line: bytes) -> Record:
    """Return the record in one line, after comparing its checksum."""
    line, verified = _verify_checksum(line, CHANGED_LINE)
    record = decode(line)
    if not verified:
        _check_version(record.environment, CHANGED_LINE)
    return record


def append(path: pathlib.Path, record: Record) -> None:
    """Add one line to a file, completely or not at all, and wait until it is on disk.

    The file must end with a complete line; see ``move_torn_line``.

    Raises:
      RecordError: ``read`` would refuse the line.
      OSError: it cannot be written.
    """
    line = to_text(record).encode()
    try:
        _decode_line(line)
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


def write_file(path: pathlib.Path, text: str | bytes, by: object = None) -> None:
    """Replace a file atomically; ``by`` differs between processes that may write it at once."""
    partial = path.with_name(f".{path.name}.{by or os.getpid()}")
    with open(partial, "wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def sync_folder(folder: pathlib.Path) -> None:
    """Wait until the folder's list of files is on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_torn_line(path: pathlib.Path) -> int:
    """Move a torn last line to a ``.torn`` file, and return its length in bytes.

    A line that only lacks its newline gets one, and 0 is returned.
    """
    content = path.read_bytes() if path.exists() else b""
    torn = content[content.rfind(b"\n") + 1 :]
    if COMPLETE.search(torn):
        with open(path, "ab") as file:
            file.write(b"\n")
        return 0
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
            if not line.endswith(b"\n") and not COMPLETE.search(line):
                return
            where = f"{path}:{number}"
            try:
                record = _decode_line(line.removesuffix(b"\n"))
            except ValueError as error:
                raise RecordError(f"{where}: {error}") from None
            yield where, record


def read_all(workdir: str | pathlib.Path) -> list[Record]:
    """Return the records of all shards of a workdir, the first of each run.

    Records with equal settings share them in memory.

    Raises:
      RecordError: as ``read``; two records of one run with different results; records that do not
        fit into one table.
      OSError: as ``read``.
    """
    records: dict[tuple, Record] = {}
    places: dict[tuple, str] = {}
    points: dict[tuple, Record] = {}
    digests: dict[tuple[str, str], str] = {}
    for path in sorted(pathlib.Path(workdir).glob("records*.jsonl")):
        with contextlib.closing(_numbered(path)) as numbered:
            for where, record in numbered:
                first = next(iter(records.values()), record)
                point = record.arm, *sorted(record.point.items())
                run = *point, record.seed  # -1 and -1.0 are one value, with two ids
                neighbour = points.setdefault(point, record)
                try:
                    check_one_table(first, record)
                    check_one_point(neighbour, record)
                    _check_source(digests, record)
                    if run in records:
                        _check_repeated(records[run], places[run], record)
                except ValueError as error:
                    raise RecordError(f"{where}: {error}") from None
                _share(first, record, ("environment",))
                _share(neighbour, record, ("settings", "point"))
                records.setdefault(run, record)
                places.setdefault(run, where)
    return list(records.values())


def _share(first: Record, record: Record, names: tuple[str, ...]) -> None:
    """Let a record hold the same objects as another where their fields are equal."""
    for name in names:
        if getattr(record, name) == getattr(first, name):
            msgspec.structs.force_setattr(record, name, getattr(first, name))


def check_one_table(first: Record, record: Record) -> None:
    """Raise ValueError naming a field in which records of one workdir must agree."""
    names = ("study", "compared")
    if first.compared == "metric":
        names += ("metric", "higher_is_better")
    for name in names:
        if getattr(record, name) != getattr(first, name):
            raise ValueError(f"{name}: differs from that of the records before it")


def check_one_point(first: Record, record: Record) -> None:
    """Raise ValueError naming a field in which records of one arm and point must agree."""
    for name in ("settings", "chance"):
        if getattr(record, name) != getattr(first, name):
            raise ValueError(f"{name}: differs from that of another record of its arm and point")
    if record.curve["step"].tobytes() != first.curve["step"].tobytes():
        raise ValueError("curve: steps differ from those of another record of its arm and point")


def _check_repeated(first: Record, place: str, record: Record) -> None:
    """Raise ValueError naming a field in which two records of one run differ."""
    pair = (codec.to_builtins(msgspec.structs.replace(r, **TIMES)) for r in (first, record))
    here, there = pair
    for name, value in here.items():
        if value != there[name]:
            raise ValueError(
                f"{name}: differs from that of the same run in {place}; delete the wrong line"
            )


def _check_source(digests: dict[tuple[str, str], str], record: Record) -> None:
    """Raise ValueError if a task or cell was edited between records.

    Args:
      digests: digests of earlier records by (kind, name); that of the record is added.
      record: the record.
    """
    for kind, path in (("task", "task.name"), ("cell", "model.cell")):
        name = str(record.settings.get(path, ""))  # models of one's own have perhaps no cell
        digest = getattr(record.source, kind)
        other = digests.setdefault((kind, name), digest) if digest else ""
        if digest != other:
            raise ValueError(
                f"source: the code of {kind} {name[:60]} differs from that of the records before "
                f"(digest {digest[:16]} here, {other[:16]} there); expected one workdir for each "
                "version of the code"
            )
