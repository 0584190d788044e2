"""Rows of text as Markdown, LaTeX and CSV. All markup in the text is escaped."""

import csv
import io
import math
import re
from collections.abc import Container, Iterable, Sequence
from typing import Any

from seqjax.types import printable

DIGITS = 10
"""Significant digits of numbers in CSV and JSON files, so that rounding does not change a file."""


def mean_and_interval(mean: float, half_width: float = math.nan) -> str:
    """A mean with its interval if there is one, with about three digits that carry information.

    >>> mean_and_interval(0.97, 0.0104), mean_and_interval(0.001234), mean_and_interval(5660.2, 2.3)
    ('0.970 ± 0.010', '0.00123', '5660 ± 2')
    >>> mean_and_interval(1.234e-7, 2e-9), mean_and_interval(1.234e9)
    ('1.23e-07 ± 2.00e-09', '1.23e+09')
    """
    size = abs(mean)
    places = 5 if size < 0.05 else 3 if size < 100 else 1 if size < 1000 else 0
    style = ".2e" if 0 < size < 1e-3 or size >= 1e7 else f".{places}f"
    interval = "" if math.isnan(half_width) else f" ± {half_width:{style}}"
    return f"{mean:{style}}{interval}"


def label(value: Any) -> str:
    """Value of an axis as tables print it; values that were drawn together are joined."""
    if isinstance(value, tuple):
        return ", ".join(map(label, value))
    if value == "":
        return "–"
    if isinstance(value, float):
        return "∞" if value == math.inf else f"{value:g}"
    return str(value)


METRICS = {
    "mae": "mean absolute error",
    "mse": "mean squared error",
    "bits": "bits per character",
    "nll": "negative log-likelihood, nats",
    "score": "score (0 chance, 1 best)",
}
"""Metrics in words, with units; the unit of an error is that of the targets."""


def metric_in_words(name: str) -> str:
    """Name of a metric for the axis of a figure.

    >>> metric_in_words("mae"), metric_in_words("frame_nll"), metric_in_words("balanced_accuracy")
    ('mean absolute error', 'frame negative log-likelihood, nats', 'balanced accuracy')
    """
    *first, last = name.split("_")
    if last in METRICS:
        return " ".join([*first, METRICS[last]])
    return name.replace("_", " ")


MARKUP = re.compile(r"[\\`*\[\]|$~#]|(?<!\w)_|_(?!\w)")  # in GFM _ inside a word is not markup


def escape_markdown(text: str) -> str:
    """Return ``text`` on one line, with markup escaped."""
    text = MARKUP.sub(r"\\\g<0>", printable(text))
    return text.replace("&", "&amp;").replace("<", "&lt;")


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """An aligned Markdown table; the first row is its head."""
    rows = [[escape_markdown(text) for text in row] for row in rows]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]

    def line(row: Sequence[str]) -> str:
        padded = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        return "| " + " | ".join(padded) + " |"

    rule = line(["-" * width for width in widths])
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


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
    "−": "$-$",
    "τ": r"$\tau$",
    "×": r"$\times$",
    "≈": r"$\approx$",
    "·": r"$\cdot$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # after \\ a bare [ would start an argument
    "]": "{]}",
    "*": "{*}",
}


def escape_latex(text: str) -> str:
    """Return ``text`` on one line, with LaTeX's special characters escaped."""
    return "".join(LATEX.get(sign, sign) for sign in printable(text))


def latex(
    title: str, caption: str, rows: Sequence[Sequence[str]], grey: Container[int] = ()
) -> str:
    """A ``table`` environment with booktabs rules; the first row is the head of the table.

    Args:
      title, caption: the caption of the table.
      rows: texts of the rows.
      grey: indices of rows without the head that are printed grey, with the package xcolor.
    """
    head, *body = ([escape_latex(text) for text in row] for row in rows)
    body = [
        [rf"\textcolor{{gray}}{{{text}}}" for text in row] if k in grey else row
        for k, row in enumerate(body)
    ]
    lines = [
        r"\begin{table}",
        rf"\caption{{{escape_latex(title)}. {escape_latex(caption)}}}",
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


def rounded(value: Any) -> Any:
    """Lists and dictionaries with their numbers rounded to ten significant digits, for JSON."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


FORMULA = ("=", "+", "-", "@")
"""Signs with which formulas begin in spreadsheets."""


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV, with numbers to ten significant digits.

    Text that a spreadsheet would take for a formula gets an apostrophe, as OWASP recommends.
    """

    def field(value: Any) -> Any:
        if isinstance(value, float):
            return f"{value:.{DIGITS}g}"
        if not isinstance(value, str):
            return value
        text = printable(value)
        return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text

    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([field(value) for value in row] for row in rows)
    return out.getvalue()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
