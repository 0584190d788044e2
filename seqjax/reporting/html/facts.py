"""Facts of a page besides numbers: failed runs, configuration, versions, files, the command."""

import itertools
import pathlib
import shlex
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqjax.records.record import Record
from seqjax.reporting.failures import REASONS, count_failures, in_words
from seqjax.reporting.formats import label
from seqjax.reporting.html.tables import plain_table
from seqjax.reporting.html.view import Link, PlainTable, short
from seqjax.stats.selection import sort_key
from seqjax.training.config import complete
from seqjax.types import ConfigError, printable

MOST_FAILURES = 200
"""Most failed runs that a page lists."""
MOST_VALUES = 12
"""Most values of a setting that a page lists."""
FILES = {
    "table.md": "the tables as Markdown",
    "table.csv": "every cell with all its numbers",
    "table.tex": "the tables for LaTeX",
    "reproduction.md": "ours beside the published numbers, as Markdown",
    "reproduction.csv": "the same, a line for each number",
    "reproduction.tex": "the same for LaTeX",
    "reproduction.json": "the same for programs",
    "reproductions.md": "the table of all published tables, as Markdown",
    "verdicts.md": "the verdicts with all comparisons",
    "verdicts.json": "the same for programs",
    "measurements.json": "quantities measured without training",
}
"""Files of a workdir and their content, in the order of the page."""


def failures(records: Sequence[Record]) -> PlainTable | None:
    """The failed runs with reason and step; None if no run failed."""
    failed = [record for record in records if record.failed is not None]
    if not failed:
        return None
    rows = [["run", "reason", "step", "gradient norm there", "purpose"]]
    for record in failed[:MOST_FAILURES]:
        norm = record.gradient_norm.at_failure
        rows.append(
            [
                printable(record.id),
                in_words(record.failed.reason),
                f"{record.failed.step:,}",
                "–" if norm is None else f"{norm:.3g}",
                "reported" if record.purpose == "evaluation" else "tuning",
            ]
        )
    reasons = [
        f"{in_words(reason)}, {number:,}: {REASONS.get(reason, 'no meaning is known')}"
        for reason, number in count_failures(failed).items()
    ]
    caption = f"{len(failed):,} of {len(records):,} runs failed. {_capital('; '.join(reasons))}."
    if len(failed) > MOST_FAILURES:
        caption += f" The first {MOST_FAILURES:,} are listed; records.jsonl has all of them."
    return plain_table("Runs that failed", rows, caption)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def settings(records: Sequence[Record]) -> PlainTable | None:
    """Every setting with its values over all runs; None without records."""
    distinct = {id(record.settings): record.settings for record in records}.values()
    found: dict[str, set] = {path: set() for path in itertools.chain(*distinct)}
    for one in map(_with_defaults, distinct):
        for path in one.keys() & found.keys():
            found[path].add(one[path])
    if not found:
        return None
    swept = {path for record in records for path in record.point}
    rows = [["setting", "values", "role"]]
    for path in sorted(found):
        listed = [_text(value) for value in sorted(found[path], key=sort_key)]
        text = ", ".join(listed[:MOST_VALUES]) + ", …" * (len(listed) > MOST_VALUES)
        role = "swept" if path in swept else "differs between arms" if len(listed) > 1 else ""
        rows.append([path, text, role])
    return plain_table("Settings", rows)


def _with_defaults(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings with the fields that a record leaves out at their default."""
    try:
        return complete(settings)
    except ConfigError:  # the task or cell is not registered here
        return settings


def _text(value: Any) -> str:
    return f'"{printable(value)}"' if value == "" else printable(label(value))


def versions(environments: Iterable[dict[str, Any]], more: dict[str, str]) -> PlainTable | None:
    """Versions and machines of all environments, and further pairs; None if there are none."""
    found: dict[str, set[str]] = {}
    for environment in environments:
        for name, value in environment.items():
            found.setdefault(name, set()).add(str(value) or "–")
    pairs = {name: " or ".join(sorted(values)) for name, values in found.items()} | more
    if not pairs:
        return None
    rows = [["name", "value"], *([name, printable(value)] for name, value in pairs.items())]
    return plain_table("Versions", rows)


def downloads(folder: pathlib.Path, figures: Iterable[str]) -> tuple[Link, ...]:
    """Links to the records, tables, verdicts and figures that a folder has."""
    records = sorted(path.name for path in folder.glob("records*.jsonl"))
    about = {name: "a line for each run" for name in records} | FILES
    drawn = {f"{name}.{kind}": "" for name in figures for kind in ("png", "svg")}
    present = [name for name in (*about, *drawn) if (folder / name).is_file()]
    return tuple(link(name, about.get(name, "")) for name in present)


def link(name: str, about: str = "") -> Link:
    """A relative link to a file."""
    return Link(urllib.parse.quote(name), short(name), about)


def command(flagfile: str, known: bool) -> str:
    """The command of a flagfile, without places of the machine that it ran on; "" if unknown.

    Args:
      flagfile: content of flags.txt, a flag a line.
      known: whether ``experiments.run`` knows the study.
    """
    places = ("--workdir=", "--data_dir=", "--nodeterministic", "--noallow_mixed")
    flags = [line for line in flagfile.splitlines() if line and not line.startswith(places)]
    if not any(line.startswith("--study=") for line in flags):
        return ""
    if not known and not any(line.startswith("--import=") for line in flags):
        return ""
    words = map(shlex.quote, map(printable, flags))
    return " ".join(["python -m experiments.run", *words])
