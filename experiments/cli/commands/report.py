"""Rebuilds what a workdir shows from what it records: python -m experiments.report."""

import dataclasses
import functools
import sys
from typing import Any

from experiments.cli import flags, verdicts
from experiments.cli.workdir import Workdir, WorkdirError
from experiments.experiment import NAMES, subject
from seqjax.records.jsonl import RecordError
from seqjax.reporting import formats, plots
from seqjax.reporting.tables import (
    Table,
    by_metric,
    make_table,
    measured,
    published_rows,
    shown_rows,
    sizes,
)
from seqjax.sweeps.study import Study
from seqjax.training.config import ConfigError
from seqjax.types import unknown

MOST_CELLS = 10**6


def tables_of(study: Study, recorded: list[dict[str, Any]], tune: str | None) -> list[Table]:
    """The main table, and what the study shows beside it where its own axis was tuned."""
    titles = {axis.path: axis.title for axis in study.axes}
    columns, question = study.columns, study.question
    if study.metrics is not None:
        recorded, columns = by_metric(recorded, study.metrics), study.metrics.title
        question += f" {study.metrics.note}"
    make = functools.partial(
        make_table, recorded, question=question, arms=[arm.title for arm in study.arms]
    )
    made = [make(title=study.name, tune=tune, titles=titles, columns=columns)]
    if tune is None or tune != study.tune or study.tuning_seeds:
        return made
    if study.fixed in {record["point"].get(tune) for record in recorded} - {None}:
        options = {"titles": titles, "columns": columns, "fixed": study.fixed}
        made.append(make(title=f"{study.name} at {tune} = {study.fixed:g}", tune=tune, **options))
    if study.spread:
        untitled = {path: title for path, title in titles.items() if path != tune}
        title = f"{study.name} at every {tune}"
        made.append(make(title=title, tune=None, titles=untitled, columns=tune))
    return made


def report(workdir: Workdir) -> str:
    """Writes what a workdir's records and measurements show, and returns it as Markdown."""
    name = workdir.holds()
    if name is None:
        raise WorkdirError(f"--workdir: {workdir.path} has no records")
    if name not in NAMES:
        raise WorkdirError(
            f"--workdir: {workdir.path} has records of {unknown('study', name, NAMES)}"
        )
    found, parts = subject(name), []
    recorded, made = workdir.records(), workdir.measurements()
    if found.decide is not None:
        parts += [verdicts.written(workdir, found, recorded, made)]
    counting = any(record["purpose"] == "evaluation" for record in recorded)
    if found.study is not None and counting:
        parts += [_tables(workdir, found.study, recorded)]
    return "\n".join(part for part in parts if part)


def _tables(workdir: Workdir, study: Study, recorded: list[dict[str, Any]]) -> str:
    """Writes the tables and figures of a study's records, and returns the tables as Markdown."""
    tune = recorded[0]["tune"] if workdir.config is None else workdir.config["tune"]
    if study.metrics is not None and not measured(recorded, study.metrics):
        study = dataclasses.replace(study, metrics=None)  # the command took another task
    made = tables_of(study, recorded, tune)
    for table in made:
        size = len(table.rows) * len(table.columns)
        if size > MOST_CELLS:
            raise WorkdirError(
                f"--workdir: {workdir.path}: a table of {size:,} cells; at most {MOST_CELLS:,}"
            )
    parts = [*map(formats.to_markdown, made)]
    if len(shown := shown_rows(recorded)) > 1:
        parts.append(formats.markdown(shown) + "\n")
    parts.append(formats.markdown(sizes(recorded, [arm.title for arm in study.arms])) + "\n")
    if study.published:
        parts.append(formats.markdown(published_rows(study.published)) + "\n")
    markdown = "\n".join(parts)
    workdir.write("table.md", markdown)
    workdir.write("table.csv", formats.to_csv(made))
    workdir.write("table.tex", "\n".join(map(formats.to_latex, made)))
    counted = "training_loss" if made[0].metric == "score" else f"validation_{made[0].metric}"
    _draw(workdir, study, made, counted)
    return markdown


def show(workdir: Workdir) -> None:
    """Prints the report of a workdir, if there is something to report yet."""
    if workdir.holds() is not None:
        print(report(workdir))
        print(f"tables, figures and records are in {workdir.path}", file=sys.stderr)


def _draw(workdir: Workdir, study: Study, made: list[Table], quantity: str) -> None:
    """The figures, where they can be seen."""
    main = made[0]
    maps = [("heat_map", main, "metric")]
    if study.metrics is None:  # else all columns are of the same steps
        maps.append(("clipped", main, "clipped"))
    maps += [("heat_map_untuned", table, "metric") for table in made[1:2]]
    for name, table, shown in maps:
        if len(table.rows) * len(table.columns) > plots.MOST_CELLS:
            print(f"{name}: over {plots.MOST_CELLS:,} cells are not drawn", file=sys.stderr)
        else:
            plots.save(plots.heat_map(table, shown), workdir.path, name)
    if max(len(main.rows), len(main.columns)) > plots.MOST_PANELS:
        print(f"learning_curves: over {plots.MOST_PANELS} are not drawn", file=sys.stderr)
    else:
        plots.save(plots.curves(main, quantity), workdir.path, "learning_curves")
    for name, drawn in plots.observed_figures(main):
        if drawn is None:
            print(f"{name}: so many lines and panels are not drawn", file=sys.stderr)
        else:
            plots.save(drawn, workdir.path, name)


def main(argv: list[str]) -> None:
    del argv
    if not flags.FLAGS.workdir:
        flags.fail("--workdir: not given; expected a folder with records")
    path = flags.workdir()
    try:
        if not path.is_dir():
            raise WorkdirError(f"--workdir: {path} is not a folder")
        several = verdicts.workdirs(path)
        for workdir in several:
            report(workdir)
        print(verdicts.collected(path, several) if several else report(Workdir(path)))
    except (WorkdirError, RecordError, ConfigError) as error:
        flags.fail(error)
    except OSError as error:
        flags.fail(f"cannot use {error.filename or path}: {error.strerror}")
