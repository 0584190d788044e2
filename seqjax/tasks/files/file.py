"""Sequences in a CSV or NPZ file of one's own."""

import dataclasses
import functools
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from seqjax.data.csv_files import CsvFile, read_csv
from seqjax.data.folder import DataError, sha256
from seqjax.data.npz import read_npz
from seqjax.tasks.base import LONGEST, PARTS, Batch
from seqjax.tasks.datasets.ragged import BucketedTask
from seqjax.tasks.files.baselines import baselines, constant
from seqjax.tasks.files.examples import VALUES, csv_examples, npz_examples
from seqjax.tasks.files.parts import Prepared, prepare, rows_of
from seqjax.types import Array, check_name, check_size

KINDS = ("regression", "classification", "labelling", "forecasting")
SPLITS = ("auto", "given", "chronological", "random")
NPZ, CSV = (".npz",), (".csv", ".tsv")
ARRAYS = ("x", "y", "lengths", "split")


@dataclasses.dataclass(frozen=True)
class File(BucketedTask):
    """Learn from sequences in a CSV or NPZ file of one's own.

    An NPZ file has x, (n, T) or (n, T, D), and y, (n,), or (n, T) for labels at every step; perhaps
    lengths (n,); and perhaps split (n,): 0, 1, 2 or train, validation, test. For a forecast x is
    one series, (N,) or (N, D), and y the series to forecast, by default x. A CSV file has names of
    columns in its first line, and perhaps a column named split.

    Without ``split`` in the file the first 70 % of windows are training data, the next 15 %
    validation, the last 15 % test; whole sequences are assigned to these parts by a fixed random
    draw, in which classes are proportional. A window belongs to the part of its target, so its
    inputs may reach back into an earlier part; no target of a later part is seen in training.

    Metrics: ``mse`` and ``mae`` in the units of the file, or ``accuracy``. Chance is what the mean
    training target, or the most frequent class in training, reaches on the test part: in a series
    with a trend, the variance in training would be a level that no constant reaches.

    Attributes:
      path: CSV or NPZ file, relative to the working directory.
      kind: target: "regression" or "classification" of a sequence at its last step, "labelling" of
        every step by a class, or "forecasting" of a series.
      columns: CSV columns that are inputs, joined by "+"; by default all columns of numbers but the
        target, which is an input of its own forecast only.
      target: CSV column of the targets, by default the last one.
      sequence: CSV column whose equal values form a sequence; by default sequences are windows.
      window: rows of a window, in a CSV file without ``sequence`` and in a forecast.
      horizon: rows from the last row of a window to the value that is forecast.
      split: "given" by the file, "chronological", "random", or "auto", the first that fits.
      standardise: shift and scale inputs and values by mean and deviation of the training part.

    Raises:
      ValueError: a field is invalid or has no effect, as "field: expected ..., got ...".
    """

    path: str = ""
    kind: str = ""
    columns: str = ""
    target: str = ""
    sequence: str = ""
    window: int = 32
    horizon: int = 1
    split: str = "auto"
    standardise: bool = True

    name = "file"

    def __post_init__(self) -> None:
        check_size("window", self.window, 1, LONGEST)
        check_size("horizon", self.horizon, 1, LONGEST)
        check_name("split", self.split, "split", SPLITS)
        check_name("kind", self.kind, "kind of target", KINDS)
        suffix = pathlib.PurePath(self.path).suffix.lower()
        if suffix not in NPZ + CSV:
            raise ValueError(f"path: expected the path of a CSV or NPZ file, got {self.path!r}")
        for field, reason in self._without_effect(suffix in NPZ):
            value = getattr(self, field)
            if value != type(self).__dataclass_fields__[field].default:
                raise ValueError(f"{field}: expected no value {reason}, got {value!r}")
        if self._windows(suffix in NPZ) and self.split == "random":
            raise ValueError("split: expected chronological or given, since windows overlap")
        _check_unchanged(self.path)

    def _windows(self, npz: bool) -> bool:
        return self.kind == "forecasting" or not (npz or self.sequence)

    def _without_effect(self, npz: bool) -> list[tuple[str, str]]:
        """Return the fields without effect, each with the reason."""
        fields = [(f, "for an NPZ file") for f in ("columns", "target", "sequence") if npz]
        if self.kind != "forecasting":
            fields.append(("horizon", f"for kind {self.kind}"))
        elif not npz:
            fields.append(("sequence", "for kind forecasting"))
        if not self._windows(npz):
            fields.append(("window", "where sequences are given"))
        return fields

    def prepared(self) -> Prepared:
        """Return the sequences of the file.

        Raises:
          DataError: the file cannot be read or does not have what the fields say.
        """
        return _prepared(self)

    @property
    def targets(self) -> str:
        return "values" if self.kind in VALUES else "classes"

    @property
    def every_step(self) -> bool:
        return self.kind == "labelling"

    @property
    def inputs(self) -> int:
        return self.prepared().x_N.shape[1]

    @property
    def outputs(self) -> int:
        return max(1, len(self.prepared().classes))

    @property
    def ragged(self) -> bool:
        return bool(np.ptp(self.prepared().length_S))

    @property
    def examples(self) -> int:
        return len(self.prepared().numbers[0])

    @property
    def links(self) -> tuple[str, ...]:
        return ("linear",) if self.targets == "values" else super().links

    def data(self) -> dict[str, Any]:
        own = self.prepared()
        arrays = self.arrays(own.x_N, own.y, own.start_S, own.length_S, own.numbers)
        return arrays | {"unit": np.float32(own.unit)}  # for the digest of the data

    def batch(self, data: Any, row: Any, batch_size: int) -> Batch:
        batch = super().batch(data, row, batch_size)
        return batch if self.ragged else batch._replace(lengths_B=None)

    def metrics(self, link: str, logits: Array, batch: Batch) -> dict[str, tuple[Array, Array]]:
        unit = self.prepared().unit
        scale = {"mse": unit**2, "mae": unit, "accuracy": 1.0}
        pairs = super().metrics(link, logits, batch)
        return {name: (value * scale[name], weight) for name, (value, weight) in pairs.items()}

    def training_targets(self) -> tuple[np.ndarray, np.ndarray]:
        prepared = self.prepared()
        train = prepared.numbers[0]
        y = prepared.y[rows_of(prepared, train) if self.every_step else train]
        return y, np.ones(len(y))

    def chance_metric(self) -> float:
        """Return the test metric of the training mean or the most frequent training class."""
        return _chance(self)

    def baselines(self) -> dict[str, float]:
        return dict(_baselines(self))

    def describe(self) -> str:
        prepared = self.prepared()
        counts = ", ".join(
            f"{len(n):,} {part}" for n, part in zip(prepared.numbers, PARTS, strict=True)
        )
        shortest, longest = prepared.length_S.min(), prepared.length_S.max()
        rows = f"{longest} rows" if shortest == longest else f"{shortest} to {longest} rows"
        rows = "1 row" if longest == 1 else rows
        things = "windows" if self._windows(self.path.lower().endswith(NPZ)) else "sequences"
        inputs = ", ".join(prepared.inputs[:20]) or f"{self.inputs} columns"
        inputs += f" and {self.inputs - 20} more" if len(prepared.inputs) > 20 else ""
        target = f"; target: {prepared.target_name}" if prepared.target_name else ""
        classes = f" ({self.outputs} classes)" if prepared.classes else ""
        total = sum(map(len, prepared.numbers))
        return (
            f"{self.path}: {total:,} {things} of {rows} ({counts}); inputs: {inputs}"
            f"{target}{classes}"
        )

    def saved_data(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {"classes": list(self.prepared().classes)}, {}


@functools.cache
def _prepared(task: File) -> Prepared:
    content = _content(task.path)
    read = csv_examples if isinstance(content, CsvFile) else npz_examples
    return prepare(read(content, task), task)


@functools.cache
def _chance(task: File) -> float:
    return constant(task.prepared(), task.every_step)


@functools.cache
def _baselines(task: File) -> dict[str, float]:
    return baselines(task.prepared(), task.every_step)


class _Version(NamedTuple):
    """Size, time of change and SHA-256 of a file when it was read."""

    size: int
    changed: int
    sha256: str


_READ: dict[str, _Version] = {}
"""Versions of the files that were read, by path."""


@functools.cache
def _content(path: str) -> CsvFile | dict[str, np.ndarray]:
    """Return columns or arrays of a file, which is read once, so that all runs have the same data.

    Raises:
      DataError: the file cannot be read.
    """
    place = pathlib.Path(os.path.expanduser(path))
    if not place.is_file():
        raise DataError(f"task.path: expected a CSV or NPZ file, got {path!r}: no such file")
    content = read_npz(place, ARRAYS) if place.suffix.lower() in NPZ else read_csv(place)
    found = place.stat()
    _READ[path] = _Version(found.st_size, found.st_mtime_ns, sha256(place))
    return content


def _check_unchanged(path: str) -> None:
    """Check that a file is as it was read, since programs and results of this process depend on it.

    Raises:
      ValueError: the file has other content.
    """
    place, version = pathlib.Path(os.path.expanduser(path)), _READ.get(path)
    if version is None or not place.is_file():
        return
    found = place.stat()
    if (found.st_size, found.st_mtime_ns) != version[:2] and sha256(place) != version.sha256:
        raise ValueError(f"path: {path} has changed since this process read it; start a new one")
