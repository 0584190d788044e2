"""Figures of a publication, with the source that each was copied from."""

import dataclasses
import decimal
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from seqjax.types import check_name

CONFIDENCES = {
    "P": "the paper",
    "C": "the authors' code",
    "S": "summaries of the paper by others",
    "M": "memory, not checked against the paper",
}
"""Meaning of each confidence. Figures from memory are printed and enter no statistic."""
MEMORY = "M"
PARTS = ("test", "train")
SPREADS = ("sd", "se", "interval", "range")
READ = re.compile(r"printed|plot ±(\d*\.?\d+)")
"""Reading of a figure: printed in the text, or read off a plot with this error."""


@dataclasses.dataclass(frozen=True)
class Source:
    """A publication, and the text that its figures were copied from.

    Attributes:
      key: short name, such as "Chung 2014".
      citation: authors, year and title.
      where: the place in the publication, such as "table 2"; "" for none.
      version: the version read, such as "arXiv 1412.3555" or a commit of the authors' code.
      confidence: a key of ``CONFIDENCES``.
      note: remark for the reader, such as the correction of a misreading; "" for none.

    Raises:
      ValueError: another confidence, or an empty key.
    """

    key: str
    citation: str
    where: str = ""
    version: str = ""
    confidence: str = "P"
    note: str = ""

    def __post_init__(self):
        check_name("confidence", self.confidence, "confidence", CONFIDENCES)
        if not self.key:
            raise ValueError("key: expected a short name of the publication, got ''")

    @property
    def taken_from(self) -> str:
        """The text that figures were copied from."""
        return CONFIDENCES[self.confidence]


@dataclasses.dataclass(frozen=True)
class Figure:
    """One published number, in the unit of our metric: a share rather than a percentage.

    Attributes:
      arm: row of the published table; arms of a study name it in ``tags["row"]``.
      value: the number.
      source: the publication.
      metric: name of a ``Measure`` of the table.
      digits: number of decimals that are printed, in the unit of ``value``.
      part: "test", or "train" for the training set.
      point: values by path that the runs must have, beside those that the arm sets.
      task: label of the data set, as ``Arm.task``.
      spread: the published spread; None for none.
      spread_kind: "sd", "se", "interval" (half its width) or "range" (half its width).
      n: number of runs behind the figure; 0 if unknown.
      read: "printed", or "plot ±.05" for a figure read off a plot with this error.

    Raises:
      ValueError: a value that is not finite or has more decimals than ``digits``, or another field
        out of range.
    """

    arm: str
    value: float
    source: Source
    _: dataclasses.KW_ONLY
    metric: str
    digits: int
    part: str = "test"
    point: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    task: str = ""
    spread: float | None = None
    spread_kind: str = ""
    n: int = 0
    read: str = "printed"

    def __post_init__(self):
        if not math.isfinite(self.value):
            raise ValueError(f"value: expected a finite number, got {self.value}")
        if not 0 <= self.digits <= 12 or abs(round(self.value, self.digits) - self.value) > 1e-12:
            raise ValueError(
                f"digits: expected the number of decimals of {self.value}, got {self.digits}"
            )
        check_name("part", self.part, "part", PARTS)
        if self.n < 0:
            raise ValueError(f"n: expected 0 or more runs, got {self.n}")
        if (self.spread is None) != (self.spread_kind == ""):
            raise ValueError("spread_kind: expected a kind for a spread, and none without one")
        if self.spread_kind:
            check_name("spread_kind", self.spread_kind, "kind of spread", SPREADS)
        if not READ.fullmatch(self.read):
            raise ValueError(f"read: expected 'printed' or 'plot ±.05', got {self.read!r}")

    @property
    def rounding(self) -> float:
        """Largest error of the number: half a unit of its last digit, or that of the plot."""
        error = READ.fullmatch(self.read).group(1)
        return float(error) if error else 0.5 * 10.0**-self.digits

    @property
    def from_memory(self) -> bool:
        """True if the figure is printed only, and enters no statistic."""
        return self.source.confidence == MEMORY

    @property
    def text(self) -> str:
        """The number with its published decimals."""
        return f"{self.value:.{self.digits}f}"


def figures(
    source: Source,
    rows: Mapping[str, Sequence[str]],
    columns: Sequence[Mapping[str, Any]],
    *,
    percent: bool = False,
    **common: Any,
) -> tuple[Figure, ...]:
    """Figures of a published table, from its cells as printed.

    >>> source = Source("A 2015", "A. 2015. On gates.", "table 1")
    >>> made = figures(source, {"LSTM": ("87.2", "")}, ({"task": "mnist"}, {"task": "jsb"}),
    ...                percent=True, metric="accuracy")
    >>> [(figure.arm, figure.task, figure.value, figure.digits) for figure in made]
    [('LSTM', 'mnist', 0.872, 3)]

    Args:
      source: the publication.
      rows: texts of the cells of each row, such as "9.10" or "5.3e-5"; "" for a cell without one.
      columns: fields of the figures of each column, such as task, part, point or metric.
      percent: the texts are percentages, and the figures become shares.
      common: fields of all figures.

    Raises:
      ValueError: a row with another number of cells than there are columns.
    """
    made = []
    for arm, texts in rows.items():
        for text, column in zip(texts, columns, strict=True):
            if text:
                number = decimal.Decimal(text).scaleb(-2 if percent else 0)
                digits = max(0, -number.as_tuple().exponent)
                fields = {"digits": digits, **common, **column}
                made.append(Figure(arm, float(number), source, **fields))
    return tuple(made)
