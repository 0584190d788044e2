"""Tables as text: Markdown, LaTeX and CSV, each of which may mean nothing but what it shows."""

import csv
import io
import math
import re
from collections.abc import Sequence

from seqjax.data.files import printable
from seqjax.reporting.aggregate import MARKS, Entry
from seqjax.reporting.tables import Table, label

DIGITS = 10
"""Significant digits of numbers in CSV and JSON files, so that rounding does not change a file."""


def figure(mean: float, half: float = math.nan) -> str:
    """A mean, with its interval if there is one, to three places, or five if it is small.

    >>> figure(0.97, 0.0104), figure(0.001234)
    ('0.970 ± 0.010', '0.00123')
    """
    places = 3 if abs(mean) >= 0.05 else 5
    spread = "" if math.isnan(half) else f" ± {half:.{places}f}"
    return f"{mean:.{places}f}{spread}"


def text(entry: Entry | None) -> str:
    """An entry in a few characters: mean ± half (runs/failed) @chosen, with its marks."""
    if entry is None:
        return ""
    chosen = "" if entry.chosen is None else f" @{label(entry.chosen)}"
    marks = "".join(MARKS[mark][0] for mark in entry.marks)
    return f"{figure(entry.mean, entry.half)} ({entry.n}/{entry.failed}){chosen}{marks}"


def _matrix(table: Table) -> list[list[str]]:
    across = [
        f"{table.column_title} {label(column)}".strip() if table.column_title else "result"
        for column in table.columns
    ]
    head = [*table.row_titles, *across]
    body = [
        [*map(label, row), *(text(table.grid.get((row, column))) for column in table.columns)]
        for row in table.rows
    ]
    return [head, *body]


MARKUP = re.compile(r"[\\`*\[\]|$~#]|(?<!\w)_|_(?!\w)")  # GFM takes no _ inside a word for markup


def plain(value: str) -> str:
    """``value`` for Markdown."""
    value = MARKUP.sub(r"\\\g<0>", printable(value))
    return value.replace("&", "&amp;").replace("<", "&lt;")


def markdown(rows: list[list[str]]) -> str:
    """An aligned Markdown table; the first row is its head."""
    rows = [[plain(cell) for cell in row] for row in rows]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]

    def line(row):
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        return "| " + " | ".join(padded) + " |"

    rule = line(["-" * width for width in widths])
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


def to_markdown(table: Table) -> str:
    """Title, table and caption."""
    title, caption = plain(table.title), plain(table.caption)
    return f"**{title}**\n\n{markdown(_matrix(table))}\n\n{caption}\n"


LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "|": r"\textbar{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "∞": r"$\infty$",
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "°": r"$^\circ$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # which \\ before it would take for an argument
    "]": "{]}",
    "*": "{*}",
}


def to_latex(table: Table) -> str:
    """A ``table`` environment with booktabs rules."""

    def escape(value: str) -> str:
        return "".join(LATEX.get(sign, sign) for sign in printable(value))

    head, *body = ([escape(cell) for cell in row] for row in _matrix(table))
    lines = [
        r"\begin{table}",
        rf"\caption{{{escape(table.title)}. {escape(table.caption)}}}",
        rf"\begin{{tabular}}{{{'l' * len(head)}}}",
        r"\toprule",
        " & ".join(head) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in body),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def to_csv(tables: Sequence[Table]) -> str:
    """One line for each cell of the tables, with all its numbers to ten significant digits."""
    entries = [(table, entry) for table in tables for entry in table.entries()]
    paths = list(dict.fromkeys(path for _, entry in entries for path in entry.point))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")

    def value(cell):
        if isinstance(cell, float):
            return f"{cell:.{DIGITS}g}"
        return printable(cell) if isinstance(cell, str) else cell

    def write(row):
        writer.writerow(map(value, row))

    write(
        (
            *("table", "arm", *paths, "tuned", "chosen", "metric", "mean", "low", "high", "runs"),
            *("failed", "validation", "clipped_fraction", "marks", "interquartile_mean"),
            *("solved", "solved_low", "solved_high", "steps_to_criterion"),
        )
    )
    for table, entry in entries:
        chosen = label(entry.chosen) if isinstance(entry.chosen, tuple) else entry.chosen
        tuned = ("", "") if chosen is None else (table.tuned, chosen)
        point = (entry.point.get(path, "") for path in paths)
        mean, half = entry.mean, entry.half
        write(
            (
                *(table.title, entry.arm, *point, *tuned, table.metric),
                *(mean, mean - half, mean + half, entry.n, entry.failed, entry.validation),
                *(entry.clipped, " ".join(entry.marks), entry.interquartile_mean),
                *(*entry.solved, entry.steps_to_criterion),
            )
        )
    return out.getvalue()
