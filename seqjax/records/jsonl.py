"""Strict JSON lines in and out: one self-contained line for every finished run.

Infinity is written "inf"; what is not a number is null, with its reason beside it in the record.
Nothing is read with eval or pickle, and nothing without a bound.
"""

import contextlib
import errno
import json
import math
import os
import pathlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from seqjax.data import files
from seqjax.records import schema
from seqjax.stats import rules

INFINITIES = {"inf": math.inf, "-inf": -math.inf}
LONGEST_LINE = 2**24
"""Bytes; a thousand times those of a usual record."""
MOST_BYTES = 2**30
"""Of all records of a workdir."""
MOST_OBSERVED = 2**19
"""Numbers observed of a run: at 25 bytes each, the most, they leave room for the rest of a line."""
DEEPEST = 64
LARGEST_WHOLE = 2**63
LONGEST_NUMBER = 40


class RecordError(ValueError):
    """A file that is not what this module wrote, with the file and the line."""


def plain(value: Any) -> Any:
    """``value`` in types that strict JSON has; a float32 keeps its shortest decimal form."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return plain(value[()])
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return float(str(value))
    return value


def _unplain(value: Any, deep: int = 0) -> Any:
    if deep > DEEPEST:
        raise ValueError(f"nested over {DEEPEST} deep")
    if isinstance(value, dict):
        return {_sound(key): _unplain(item, deep + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_unplain(item, deep + 1) for item in value]
    return INFINITIES.get(value, _sound(value)) if isinstance(value, str) else value


def _sound(text: str) -> str:
    """``text``, if it can be written and is no trap for what is written in C."""
    halves = not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)
    if halves or "\0" in text:
        raise ValueError("a string with a NUL or half a surrogate pair")
    return text


def dumps(value: Any, **options: Any) -> str:
    """Strict JSON.

    >>> dumps({"threshold": float("inf"), "loss": float("nan")})
    '{"threshold": "inf", "loss": null}'
    """
    return json.dumps(plain(value), allow_nan=False, ensure_ascii=False, **options)


def loads(text: str, where: str) -> dict[str, Any]:
    """The object in ``text``; RecordError naming ``where`` if it is anything else."""
    try:
        value = _unplain(
            json.loads(
                text,
                parse_constant=_constant,
                parse_float=_float,
                parse_int=_int,
                object_pairs_hook=_once,
            )
        )
    except RecursionError:
        raise RecordError(f"{where}: not a JSON object: nested over {DEEPEST} deep") from None
    except ValueError as error:
        raise RecordError(f"{where}: not a JSON object: {error}") from None
    if not isinstance(value, dict):
        raise RecordError(f"{where}: expected a JSON object, got {type(value).__name__}")
    return value


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _float(text: str) -> float:
    if len(text) > LONGEST_NUMBER or math.isinf(value := float(text)):
        raise ValueError(f"{text[:40]} is too large for a float")
    return value


def _int(text: str) -> int:
    if len(text) > LONGEST_NUMBER or abs(value := int(text)) >= LARGEST_WHOLE:
        raise ValueError(f"a whole number of {len(text.lstrip('-'))} digits is too large")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice[:40]!r} stands twice")
    return found


def load_file(path: pathlib.Path, kind: schema.Named, most: int = LONGEST_LINE) -> dict[str, Any]:
    """The object in a file of at most ``most`` bytes, if it is of a kind.

    Raises:
      RecordError: it is not, naming the file and the field.
      OSError: it cannot be read, is no regular file, or is larger.
    """
    value = loads(_decoded(files.content(path, most), str(path)), str(path))
    if said := schema.problem(value, kind):
        raise RecordError(f"{path}: {said}")
    return value


def text_of_file(value: dict[str, Any], kind: schema.Named, where: str) -> str:
    """``value`` as ``load_file`` reads it; RecordError naming ``where`` if it would not."""
    text = dumps(value) + "\n"
    if said := _too_long(text.encode()) or schema.problem(loads(text, where), kind):
        raise RecordError(f"{where}: nothing is written: {said}")
    return text


def _too_long(written: bytes) -> str | None:
    """What keeps so many bytes from being read again; None if nothing."""
    most = f"at most {LONGEST_LINE:,} are read"
    return f"{len(written):,} bytes; {most}" if len(written) > LONGEST_LINE else None


def _decoded(line: bytes, where: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise RecordError(f"{where}: not UTF-8 at byte {error.start}") from None


def append(path: pathlib.Path, record: dict[str, Any]) -> None:
    """Adds one line, all of it or nothing, and waits until it is on the disk.

    The file must end with a whole line; see ``set_torn_aside``.

    Raises:
      RecordError: the line is longer than what is read.
      OSError: it could not be written.
    """
    line = (dumps(record) + "\n").encode()
    if said := _too_long(line):
        raise RecordError(f"{path}: a record is not written: {said}")
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
    """Waits until the folder's list of files is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_torn_aside(path: pathlib.Path) -> int:
    """Moves a last line that an interruption tore to a file beside; returns its length in bytes."""
    if not path.exists():
        return 0
    with open(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        start = _end_of_last_line(file, end)
        if start == end:
            return 0
        file.seek(start)
        with open(path.with_suffix(".torn"), "ab") as aside:
            aside.write(file.read() + b"\n")
        file.truncate(start)
        os.fsync(file.fileno())
    return end - start


def _end_of_last_line(file: BinaryIO, end: int) -> int:
    while end:
        start = max(0, end - 65536)
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def read(path: pathlib.Path) -> Iterator[dict[str, Any]]:
    """The records of one file, in order; a last line without an end was torn, and is no record.

    Raises:
      RecordError: a line that is not a record, by file, line and field.
      OSError: the file cannot be read, or is no regular file.
    """
    for _, record in _numbered(path):
        yield record


def _numbered(path: pathlib.Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records with where they stand, FILE:LINE."""
    with contextlib.closing(files.lines(path, LONGEST_LINE)) as lines:
        for number, line in lines:
            where = f"{path}:{number}"
            if line is None:
                raise RecordError(f"{where}: a line of over {LONGEST_LINE:,} bytes")
            record = loads(_decoded(line, where), where)
            if said := schema.problem(record, schema.RECORD) or schema.contradiction(record):
                raise RecordError(f"{where}: {said}")
            record["rules"] = rules.version_of(record["rules"])
            yield where, record


def read_all(workdir: pathlib.Path) -> list[dict[str, Any]]:
    """The records of all shards of a workdir; the first of each run where one stands twice.

    Raises:
      RecordError: as ``read``, or records that cannot stand in one table, or too many of them.
    """
    records: dict[str, dict[str, Any]] = {}
    points: dict[tuple, dict[str, Any]] = {}
    paths = sorted(workdir.glob("records*.jsonl"))
    if sum(path.stat().st_size for path in paths) > MOST_BYTES:
        raise RecordError(f"{workdir}: over {MOST_BYTES:,} bytes of records")
    for path in paths:
        with contextlib.closing(_numbered(path)) as numbered:
            for where, record in numbered:
                place = record["arm"], *sorted(record["point"].items())
                first = next(iter(records.values()), record)
                beside = points.setdefault(place, record)
                said = schema.difference(first, record) or schema.at_one_point(beside, record)
                if said:
                    raise RecordError(f"{where}: {said}")
                records.setdefault(record["id"], record)
    return list(records.values())
