"""Labelled series in the ``.ts`` format of the UEA and UCR archives, of equal or unequal lengths.

Lines that start with # or % are comments. A head of lines ``@key value`` ends with ``@data``; each
line after it is one case, its dimensions separated by colons, the values of one by commas, and its
label last:

    @dimensions 2
    @classLabel true yes no
    @data
    0.1,0.2,0.3:1,2,?:yes

Source: A. Bagnall et al., "The UEA multivariate time series classification archive, 2018",
arXiv:1811.00075.
"""

import functools
import pathlib
import re
from typing import NamedTuple

import numpy as np

from seqjax.data import raw
from seqjax.data.folder import DataError, find

VOWELS = {"train": ("JapaneseVowels_TRAIN.ts", 270), "test": ("JapaneseVowels_TEST.ts", 370)}
"""File and number of utterances of each part."""
SPEAKERS, COEFFICIENTS, LONGEST = 9, 12, 29
MISSING = ("?", "nan")
SWITCHES = ("timestamps", "missing", "univariate", "equallength")
COUNTS = ("dimensions", "serieslength")


class Series(NamedTuple):
    """Series with a class each.

    Attributes:
      x: n arrays (T, D), float32, T their own; a missing value is NaN.
      labels: (n,) int32, places in ``classes``.
      classes: the names of the classes, as the head lists them.
    """

    x: list[np.ndarray]
    labels: np.ndarray
    classes: tuple[str, ...]


class Head(NamedTuple):
    """What the head of a file says; None where it is silent."""

    classes: tuple[str, ...]
    missing: bool | None
    dimensions: int | None
    length: int | None
    equal: bool | None


def japanese_vowels() -> dict[str, Series]:
    """Two vowels spoken by nine men: 270 "train" and 370 "test" utterances, (7 … 29, 12) each.

    The classes are the speakers; the values are coefficients of a linear prediction of degree 12.
    The files lie in the folder japanese_vowels, or else where the package sktime has them.

    Source: M. Kudo, J. Toyama and M. Shimbo, "Multidimensional Curve Classification Using
    Passing-Through Regions", Pattern Recognition Letters 20, 1999; UCI, CC BY 4.0.

    Raises:
      DataError: the files are in neither place, are damaged, or hold something else.
    """
    return {part: _vowels(find(f"japanese_vowels/{name}"), n) for part, (name, n) in VOWELS.items()}


def _vowels(path: pathlib.Path, utterances: int) -> Series:
    series = read(path)
    longest = max(map(len, series.x))
    for what, found, wanted in (
        ("utterances", len(series.x), utterances),
        ("coefficients", series.x[0].shape[1], COEFFICIENTS),
        ("speakers", len(series.classes), SPEAKERS),
    ):
        if found != wanted:
            raise DataError(f"{path}: expected {wanted} {what}, got {found}")
    if longest > LONGEST:
        raise DataError(f"{path}: expected at most {LONGEST} steps, got {longest}")
    if any(np.isnan(x_TD).any() for x_TD in series.x):
        raise DataError(f"{path}: expected all values, got a missing one")
    return series


@functools.cache
def read(path: pathlib.Path) -> Series:
    """All cases of a file.

    Raises:
      DataError: the file cannot be read, has time stamps or no classes, or a line is not what the
        head says.
    """
    lines = raw.lines(path)
    head, first = _head(path, lines)
    x, labels = [], []
    for number, line in enumerate(lines[first:], start=first + 1):
        if line.strip() and line[0] not in "#%":
            series, label = _case(f"{path}:{number}", line, head)
            x.append(series)
            labels.append(label)
    if not x:
        raise DataError(f"{path}: no case follows @data")
    _check_sizes(path, x, head)
    return Series(x, np.array(labels, np.int32), head.classes)


def _head(path: pathlib.Path, lines: list[str]) -> tuple[Head, int]:
    """The head, and the number of its lines."""
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line[0] in "#%":
            continue
        match = re.fullmatch(r"@(\w+)\s*(.*?)\s*", line)
        if not match:
            said = f"expected @key value before @data, got {line!r:.100}"
            raise DataError(f"{path}:{number}: {said}")
        key, value = match[1].lower(), match[2]
        if key == "data":
            return _understood(path, found), number
        if key in found:
            raise DataError(f"{path}:{number}: @{match[1]} stands twice")
        found["dimensions" if key == "dimension" else key] = value
    raise DataError(f"{path}: no line is @data")


def _understood(path: pathlib.Path, found: dict[str, str]) -> Head:
    said = {key: _switch(path, key, found[key]) for key in SWITCHES if key in found}
    counts = {key: _count(path, key, found[key]) for key in COUNTS if key in found}
    if said.get("timestamps"):
        raise DataError(f"{path}: @timeStamps true: series with time stamps are not read")
    labelled, *classes = found.get("classlabel", "false").split() or ["false"]
    if not _switch(path, "classlabel", labelled) or not classes:
        raise DataError(f"{path}: expected @classLabel true and the classes")
    if len(set(classes)) < len(classes):
        raise DataError(f"{path}: @classLabel: a class stands twice")
    dimensions = counts.get("dimensions")
    if said.get("univariate"):
        if dimensions not in (None, 1):
            raise DataError(f"{path}: @univariate true and @dimensions {dimensions}")
        dimensions = 1
    length, equal = counts.get("serieslength"), said.get("equallength")
    return Head(tuple(classes), said.get("missing"), dimensions, length, equal)


def _switch(path: pathlib.Path, key: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise DataError(f"{path}: @{key}: expected true or false, got {value!r:.100}")
    return value.lower() == "true"


def _count(path: pathlib.Path, key: str, value: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", value) or int(value) == 0:
        raise DataError(f"{path}: @{key}: expected a number from 1, got {value!r:.100}")
    return int(value)


def _case(where: str, line: str, head: Head) -> tuple[np.ndarray, int]:
    """One line as (T, D) float32, and the place of its class."""
    *dimensions, label = line.split(":")
    label = label.strip()
    if not dimensions:
        raise DataError(f"{where}: expected values, a colon and a label, got {line!r:.100}")
    if head.dimensions not in (None, len(dimensions)):
        said = f"{len(dimensions)} dimensions before its label, expected {head.dimensions}"
        raise DataError(f"{where}: {said}")
    if label not in head.classes:
        raise DataError(f"{where}: expected one of the classes last, got {label!r:.100}")
    series = [_values(where, written, head.missing is not False) for written in dimensions]
    lengths = sorted({len(values) for values in series})
    if len(lengths) != 1:
        raise DataError(f"{where}: dimensions of {lengths[0]} and of {lengths[-1]} values")
    return np.stack(series, axis=1), head.classes.index(label)


def _values(where: str, written: str, missing: bool) -> np.ndarray:
    values = []
    for value in written.split(","):
        found = raw.number(value)
        if found is None:
            if value.strip().lower() not in MISSING:
                raise DataError(f"{where}: expected a number, got {value!r:.100}")
            if not missing:
                raise DataError(f"{where}: a missing value, though @missing false")
            found = np.nan
        values.append(found)
    with np.errstate(over="ignore"):
        series = np.array(values, np.float64).astype(np.float32)
    if np.isinf(series).any():
        raise DataError(f"{where}: a number over the largest of float32")
    return series


def _check_sizes(path: pathlib.Path, x: list[np.ndarray], head: Head) -> None:
    """The sizes that no single line can tell."""
    dimensions = sorted({series.shape[1] for series in x})
    if len(dimensions) != 1:
        raise DataError(f"{path}: cases of {dimensions[0]} and of {dimensions[-1]} dimensions")
    lengths = sorted({len(series) for series in x})
    if head.equal and len(lengths) != 1:
        said = f"cases of {lengths[0]} and of {lengths[-1]} steps, though @equalLength true"
        raise DataError(f"{path}: {said}")
    if head.length and head.equal and lengths != [head.length]:
        raise DataError(f"{path}: cases of {lengths[0]} steps, though @seriesLength {head.length}")
