"""Data of a page: text and numbers in the order and form in which a template prints them."""

import dataclasses
from collections.abc import Sequence

from markupsafe import Markup

from seqjax.types import printable

LONGEST = 160
"""Most characters of a name on a page; longer names end in an ellipsis."""
LONGEST_WORD = 30
"""Most characters of a word that is not broken."""
LONGEST_TEXT = 400
"""Most characters of a text in a table."""


def short(text: str, longest: int = LONGEST) -> str:
    """Printable text of at most ``longest`` characters and an ellipsis."""
    text = printable(text)
    return text if len(text) <= longest else f"{text[:longest]}…"


@dataclasses.dataclass(frozen=True)
class Mark:
    """A sign behind a number, and its meaning."""

    sign: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class Value:
    """Text of a cell, and the number by which its column is sorted: "" for text."""

    text: str
    sort: str = ""

    @property
    def kind(self) -> str:
        """ "long" if a word of the text must be broken to fit into a column; else ""."""
        return "long" if max(map(len, self.text.split()), default=0) > LONGEST_WORD else ""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of the main table.

    Attributes:
      id: id of the element.
      runs: id of the list of its runs; "" if they are not listed.
      result: mean and interval, or the reason why all runs failed.
      runs_text, failed, chosen: number of runs, of failed runs, and the selected value, as short
        texts; "" if no run failed, and if nothing was selected.
      marks: the marks of the cell.
      sort: number by which the column is sorted; "" if all runs failed, which sorts last.
    """

    id: str
    runs: str
    result: str
    runs_text: str
    failed: str
    chosen: str
    marks: tuple[Mark, ...]
    sort: str


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the main table: its labels, and a cell or None for each column."""

    labels: tuple[Value, ...]
    cells: tuple[Cell | None, ...]


@dataclasses.dataclass(frozen=True)
class RunsOfCell:
    """The runs of a cell.

    Attributes:
      id, cell: ids of this list and of the cell.
      title: labels of the cell, and its result.
      notes: sentences on the selected value, the marks, and the number of runs that are not listed.
      head: titles of the columns, the first for the seed.
      rows: text of each run.
      curves: curve of each run.
    """

    id: str
    cell: str
    title: str
    notes: tuple[str, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    curves: tuple[Markup, ...]


@dataclasses.dataclass(frozen=True)
class MainTable:
    """A table of cells.

    Attributes:
      id: id of the element.
      title, caption: name, and the explanation of the numbers.
      row_titles: titles of the labels of a row.
      columns: titles of the columns.
      rows: the rows.
      marks: the marks in the table, with their meaning and what to do about them.
      note: sentence on rows or runs that are left out; "" if there are none.
      runs: the runs of each cell; empty for a table whose cells do not open.
    """

    id: str
    title: str
    caption: str
    row_titles: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    marks: tuple[Mark, ...] = ()
    note: str = ""
    runs: tuple[RunsOfCell, ...] = ()


@dataclasses.dataclass(frozen=True)
class PlainTable:
    """A table of text whose first column labels the rows; numbers of grey rows do not count."""

    id: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    caption: str = ""
    note: str = ""
    grey: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
      id: id of the element.
      title, caption: heading, and the words below.
      drawing: the drawing.
      file: name of its file, if the drawing is too large for the page.
      open: False for a drawing that is higher than a screen, which is folded.
    """

    id: str
    title: str
    caption: str
    drawing: Markup
    file: str = ""
    open: bool = True


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A verdict on one statement.

    Attributes:
      id: id of the element.
      title: the claim and the verdict.
      statement, because: as in ``stats.decisions.Verdict``.
      notes: sentences on margins and marks.
      comparisons: its comparisons; None without any.
      drawings: interval and margins of each comparison.
      open: False for exploratory verdicts, which are folded.
    """

    id: str
    title: str
    statement: str
    because: str
    notes: tuple[str, ...]
    comparisons: PlainTable | None
    drawings: tuple[Markup, ...]
    open: bool


@dataclasses.dataclass(frozen=True)
class Section:
    """Text and tables under a heading; the remarks follow the tables."""

    id: str
    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[PlainTable, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Link:
    """A link to a file beside the page."""

    href: str
    text: str
    about: str = ""


@dataclasses.dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
      title: name of the study.
      question: its question; "" if it is not known.
      answer: one sentence from the numbers.
      basis: sentences on the numbers behind the answer, and their limits.
      warnings: sentences that a reader must see before the numbers.
      tables: the main table and those like it.
      side_tables: further tables.
      figures: the figures.
      sections: the page of a published table.
      verdicts: the verdicts of a claim.
      verdicts_caption: how the verdicts were decided.
      failures: the failed runs; None if there are none.
      settings, versions: configuration and environment.
      command: command that makes the results again; "" if it is not known.
      command_note: sentence on the command.
      downloads: files beside the page.
    """

    title: str
    question: str
    answer: str
    basis: tuple[str, ...]
    warnings: tuple[str, ...]
    tables: tuple[MainTable, ...]
    side_tables: tuple[PlainTable, ...]
    figures: tuple[Figure, ...]
    sections: tuple[Section, ...]
    verdicts: tuple[Verdict, ...]
    verdicts_caption: str
    failures: PlainTable | None
    settings: PlainTable | None
    versions: PlainTable | None
    command: str
    command_note: str
    downloads: tuple[Link, ...]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A report in the index."""

    link: Link
    question: str
    answer: str
    runs: Value
    failed: Value


@dataclasses.dataclass(frozen=True)
class Index:
    """An index of reports in the folders below it, and tables over all of them."""

    title: str
    entries: tuple[Entry, ...]
    tables: tuple[PlainTable, ...]
    downloads: tuple[Link, ...]


def values(row: Sequence[str]) -> tuple[Value, ...]:
    """Texts of a row, each with the number that it is or begins with, if any."""
    return tuple(Value(short(text, LONGEST_TEXT), sort_number(text)) for text in row)


def sort_number(text: str) -> str:
    """The number that a text begins with, for sorting; "" if it begins with something else.

    >>> sort_number("0.970 ± 0.010"), sort_number("1,234"), sort_number("−∞"), sort_number("lstm 2")
    ('0.970', '1234', '-Infinity', '')
    """
    word = (text.split() or [""])[0].rstrip("%,;").replace(",", "").replace("−", "-")
    word = word.lstrip("[")
    if word in ("∞", "-∞"):
        return word.replace("∞", "Infinity")
    try:
        float(word)
    except ValueError:
        return ""
    return word
