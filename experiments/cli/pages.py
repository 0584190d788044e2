"""The page of a workdir, ``report.html``, and the index of the pages in a folder."""

import contextlib
import pathlib
from collections.abc import Iterable, Sequence

from experiments.cli import reproductions, tables, verdicts
from experiments.cli.changes import changes
from experiments.cli.results import Results
from experiments.cli.tables import TableReport
from experiments.cli.workdir import Workdir
from seqjax.reporting import answers
from seqjax.reporting.answers import Answer
from seqjax.reporting.baselines import unbeaten
from seqjax.reporting.completeness import run_order
from seqjax.reporting.failures import warning
from seqjax.reporting.html import facts, figures, render, view
from seqjax.reporting.html import reproductions as published
from seqjax.reporting.html.tables import main_table, plain_table
from seqjax.reporting.html.verdicts import verdict
from seqjax.reporting.reproduction import Reproduction
from seqjax.reporting.tables.records import NoReportedRunsError
from seqjax.stats.decisions import EvidenceError, Verdict

REPORT, INDEX = "report.html", "index.html"
READING = {
    "heat_map": "Mean and interval of each cell, the selected value and the marks. Cells whose "
    "interval excludes the median cell are coloured.",
    "heat_map_untuned": "The same without tuning.",
    "clipped": "Share of training steps whose gradient was clipped.",
    "learning_curves": "Mean over the runs at the selected value that did not fail, with a band "
    "from the smallest to the largest; failed runs are thin lines.",
    "reproduction": "Published figures and ours; the tables below have the numbers.",
    "claim": "Comparisons with their intervals and the margins of the rule; the tables below have "
    "the numbers.",
}
"""Sentence below a figure, by its name."""
OBSERVED = (
    "Recorded during training; median over the runs that did not fail, with a band that spans them."
)
AGAIN = (
    "In another --workdir, this command makes the results again; they are equal bit for bit on one "
    "version of jaxlib, CPU model and number of threads."
)
UNKNOWN = (
    "The study is not defined in this package: its records come from seqjax.sweep, study.run or a "
    "module of one's own, and that program makes them again."
)


def write(results: Results, made: TableReport | None) -> None:
    """Write report.html.

    Args:
      results: records and measurements of the workdir.
      made: its tables and figures, or None if it has none yet.
    """
    results.workdir.write(REPORT, render.report(page(results, made)))


def page(results: Results, made: TableReport | None) -> view.Page:
    """The page of a workdir; see ``write``."""
    experiment, records = results.experiment, sorted(results.records, key=run_order)
    beside = reproductions.compared(results)
    decided, answer = _answer(results, made, beside)
    panel = experiment.curves(results.evidence) if decided and experiment.curves else None
    first = [*(["claim"] if decided else []), *(["reproduction"] if beside else [])]
    names = [*first, *(made.figures if made else ())]
    drawn = [name for name in names if (results.workdir.path / f"{name}.svg").is_file()]
    measured = results.measured
    environments = [record.environment for record in records]
    environments += [measured.environment] if measured else []
    rules = {str(one.rules) for one in (*records, *([measured.same] if measured else []))}
    command, note = _command(results)
    return view.Page(
        title=view.short(beside.table.title if beside else experiment.name),
        question=experiment.question,
        answer=answer.sentence,
        basis=answer.basis,
        warnings=tuple(_warnings(results, made)),
        tables=tuple(
            main_table(table, k + 1, experiment.question, None if k else records)
            for k, table in enumerate(made.tables if made else ())
        ),
        side_tables=tuple(
            plain_table(title, rows) for title, rows in (made.further if made else {}).items()
        ),
        figures=tuple(_figure(results.workdir.path, name, made) for name in drawn),
        sections=tuple(published.sections(beside)) if beside else (),
        verdicts=tuple(verdict(one, k + 1, panel) for k, one in enumerate(decided)),
        verdicts_caption=verdicts.caption(decided, [results]) if decided else "",
        failures=facts.failures(records),
        settings=facts.settings(records),
        versions=facts.versions(environments, {"decision rules": " or ".join(sorted(rules))}),
        command=command,
        command_note=note,
        downloads=facts.downloads(results.workdir.path, drawn),
    )


def _answer(
    results: Results, made: TableReport | None, beside: Reproduction | None
) -> tuple[Sequence[Verdict], Answer]:
    """Verdicts of a claim, if it can be decided, and the answer from them or from the tables."""
    if results.experiment.decide is not None:
        try:
            return results.verdicts, answers.verdicts_answer(results.verdicts)
        except EvidenceError as error:
            return (), Answer(f"There is no verdict yet: {error}.")
    if not results.records:
        points = len(results.measured.points) if results.measured else 0
        return (), Answer(f"Nothing is trained here; {points:,} points are measured.")
    if beside is not None:
        return (), published.answer(beside)
    if made is None:
        return (), Answer("There is no answer yet, because tuning is not finished.")
    return (), answers.answer(made.tables[0])


def _warnings(results: Results, made: TableReport | None) -> Iterable[str]:
    if results.records and (text := warning(results.records)):
        yield text
    if not made:
        return
    main = made.tables[0]
    if main.incomplete:
        yield f"Incomplete: {main.incomplete} are recorded."
    if text := unbeaten(main.cells()):
        yield text
    if main.changed:
        yield f"Changed from the study as defined: {main.changed}."


def _figure(folder: pathlib.Path, name: str, made: TableReport | None) -> view.Figure:
    svg = (folder / f"{name}.svg").read_text("utf-8")
    if name == "claim" or made is None:
        alt = "Comparisons of the claim with their intervals. The tables below have the numbers."
    elif name == "reproduction":
        alt = "Each published figure beside ours. The tables below have the numbers."
    else:
        table = made.tables[1] if name == "heat_map_untuned" else made.tables[0]
        alt = figures.alt_text(name, table)
    return figures.figure(name, svg, READING.get(name, OBSERVED), alt)


def _command(results: Results) -> tuple[str, str]:
    """The command that makes the results again, and a sentence on it."""
    flagfile = results.workdir.path / "flags.txt"
    text = flagfile.read_text("utf-8", "replace") if flagfile.is_file() else ""
    if command := facts.command(text, results.known):
        return command, AGAIN
    if not results.known:
        return "", UNKNOWN
    name = results.experiment.name
    study = results.experiment.study
    changed = str(changes(study, results.records)) if study and results.records else ""
    but = f"; the records differ from it: {changed}" if changed else ""
    note = f"flags.txt is missing, so this is the study as defined{but}."
    return f"python -m experiments.run --study={name}", note


def entry(results: Results) -> view.Entry:
    """The line of a workdir in an index of the folder above it."""
    records, name = results.records, results.workdir.path.name
    made = None
    if results.experiment.decide is None and records:
        with contextlib.suppress(NoReportedRunsError):
            made = tables.without_files(results)
    failed = sum(record.failed is not None for record in records)
    link = facts.link(f"{name}/{REPORT}")
    return view.Entry(
        link=view.Link(link.href, view.short(name)),
        question=results.experiment.question,
        answer=_answer(results, made, reproductions.compared(results))[1].sentence,
        runs=view.Value(f"{len(records):,}", str(len(records))),
        failed=view.Value(f"{failed:,}", str(failed)),
    )


def write_index(path: pathlib.Path, collection: Sequence[Results]) -> None:
    """Write index.html into a folder of workdirs.

    Args:
      path: the folder.
      collection: results of the workdirs, whose pages exist.
    """
    index = view.Index(
        title=view.short(path.resolve().name),
        entries=tuple(map(entry, collection)),
        tables=tuple(_tables(collection)),
        downloads=facts.downloads(path, ()),
    )
    Workdir(path).write(INDEX, render.index(index))


def _tables(collection: Iterable[Results]) -> Iterable[view.PlainTable]:
    """The table of all published tables with their verdicts, if there are any."""
    rows = reproductions.index_rows(collection)
    if len(rows) > 1:
        yield plain_table("Published tables", rows)
