"""Strict JSON lines in and out: one self-contained line for every finished run.

Infinity is written "inf"; what is not a number is null, with its reason beside it in the record.
Nothing is read with eval or pickle.
"""

import errno
import json
import math
import os
import pathlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

INFINITIES = {"inf": math.inf, "-inf": -math.inf}


class RecordError(ValueError):
    """A file that is not what this module wrote, with the file and the line."""


def plain(value: Any) -> Any:
    """``value`` in types that strict JSON has; a float32 keeps its shortest decimal form."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
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


def _unplain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unplain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unplain(item) for item in value]
    return INFINITIES.get(value, value) if isinstance(value, str) else value


def dumps(value: Any, **options: Any) -> str:
    """Strict JSON.

    >>> dumps({"threshold": float("inf"), "loss": float("nan")})
    '{"threshold": "inf", "loss": null}'
    """
    return json.dumps(plain(value), allow_nan=False, ensure_ascii=False, **options)


def loads(text: str, where: str) -> dict[str, Any]:
    """The object in ``text``; RecordError naming ``where`` if it is anything else."""

    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    try:
        value = _unplain(json.loads(text, parse_constant=refuse))
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{where}: not a JSON object: {error}") from None
    if not isinstance(value, dict):
        raise RecordError(f"{where}: expected a JSON object, got {type(value).__name__}")
    return value


def append(path: pathlib.Path, record: dict[str, Any]) -> None:
    """Adds one line, all of it or nothing, and waits until it is on the disk.

    The file must end with a whole line; see ``set_torn_aside``.
    """
    line = (dumps(record) + "\n").encode()
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
    """The records of one file, in order; a last line without an end was torn, and is no record."""
    whole, _, _torn = path.read_bytes().rpartition(b"\n")
    for number, line in enumerate(whole.split(b"\n") if whole else (), start=1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise RecordError(f"{path}:{number}: not UTF-8: {error}") from None
        record = loads(text, f"{path}:{number}")
        missing = {"id", "study", "arm", "point", "seed", "settings", "failed"} - record.keys()
        if missing:
            raise RecordError(f"{path}:{number}: a record without {', '.join(sorted(missing))}")
        yield record


def read_all(workdir: pathlib.Path) -> list[dict[str, Any]]:
    """The records of all shards of a workdir; the first of each run where one stands twice."""
    records: dict[str, dict[str, Any]] = {}
    for path in sorted(workdir.glob("records*.jsonl")):
        for record in read(path):
            records.setdefault(record["id"], record)
    return list(records.values())
