"""Strict JSON lines in and out: one self-contained line for every finished run.

Infinity is written "inf"; what is not a number is null, with its reason beside it in the record.
Nothing is read with eval or pickle.
"""

import json
import math
import os
import pathlib
from collections.abc import Iterator
from typing import Any

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
    """Adds one line, in one write, and waits until it is on the disk.

    A last line that an interruption tore is cut off first.
    """
    line = (dumps(record) + "\n").encode()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.truncate(descriptor, _whole(descriptor))
        written = os.write(descriptor, line)
        if written != len(line):
            os.truncate(descriptor, os.fstat(descriptor).st_size - written)
            raise OSError(f"{path}: only {written} of {len(line)} bytes could be written")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _whole(descriptor: int) -> int:
    """Bytes up to the end of the last whole line."""
    end = os.fstat(descriptor).st_size
    while end and os.pread(descriptor, 1, end - 1) != b"\n":
        end -= 1
    return end


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
