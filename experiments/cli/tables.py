"""Tables and figures of a study, as files and as text."""

import dataclasses
import functools
import sys
from collections.abc import Mapping, Sequence

from experiments.cli.changes import Changes, changes
from experiments.cli.results import Results
from experiments.cli.workdir import Workdir
from seqjax.records.plan import Planned
from seqjax.records.record import Record
from seqjax.reporting import formats, plots
from seqjax.reporting.baselines import baseline_rows
from seqjax.reporting.completeness import infer_plan
from seqjax.reporting.plots.style import Figure
from seqjax.reporting.side_tables import (
    have_metrics,
    model_sizes,
    published_figures,
    task_metrics,
    with_metrics,
)
from seqjax.reporting.tables import Table, make, to_csv
from seqjax.sweeps.study import Study


@dataclasses.dataclass(frozen=True)
class TableReport:
    """The tables and figures of a study.

    Attributes:
      text: all tables as Markdown.
      tables: the main table and those like it.
      further: rows of further tables by title.
      metrics: whether the columns of the main table are several metrics.
      figures: names of the figures in the workdir.
    """

    text: str
    tables: Sequence[Table]
    further: Mapping[str, Sequence[Sequence[str]]]
    metrics: bool
    figures: Sequence[str] = ()


def report(results: Results) -> TableReport:
    """Write the tables and figures of a study."""
    made, workdir = without_files(results), results.workdir
    workdir.write("table.md", made.text)
    workdir.write("table.csv", to_csv(made.tables))
    workdir.write("table.tex", "\n".join(table.to_latex() for table in made.tables))
    figures = _draw(workdir, made.metrics, made.tables)
    return dataclasses.replace(made, figures=figures)


def without_files(results: Results) -> TableReport:
    """The tables of a study, without figures; nothing is written.

    Raises:
      NoReportedRunsError: no cell has reported runs yet.
    """
    study, records, workdir = results.experiment.study, results.records, results.workdir
    tune = records[0].tune if workdir.config is None else workdir.config.tune
    if study.metrics is not None and not have_metrics(records, study.metrics):
        study = dataclasses.replace(study, metrics=None)  # the command set another task
    changed = changes(study, records) if results.known else Changes({}, ())
    tables = tables_of(study, records, tune, changed, workdir.plan())
    further = {
        "Metrics of the task": task_metrics(records),
        "Baselines": baseline_rows(records),
        "Models": model_sizes(records, [arm.title for arm in study.arms]),
        "Published numbers": published_figures(study.published, records),
    }
    further = {title: rows for title, rows in further.items() if len(rows) > 1}
    parts = [table.to_markdown() for table in tables]
    markdown = "\n".join([*parts, *(formats.markdown(rows) + "\n" for rows in further.values())])
    return TableReport(markdown, tables, further, study.metrics is not None)


def tables_of(
    study: Study,
    records: Sequence[Record],
    tune: str | None,
    changed: Changes,
    planned: Sequence[Planned] | None = None,
) -> list[Table]:
    """The main table of a study, and its additional tables for the tuned axis.

    Args:
      study: the study as defined.
      records: its records; their settings and axes may differ from those of the study.
      tune: path of the axis that the command tuned, or None.
      changed: differences between the study and the records.
      planned: the planned runs; None to infer them from the records.

    Raises:
      NoReportedRunsError: no cell has reported runs yet.
    """
    titles = _titles(study, records, changed)
    name, columns, question = study.name, study.columns, study.question
    if changed.of_question:
        name, question = f"{study.name} (changed)", ""
    planned = infer_plan(records) if planned is None else planned
    if study.metrics is not None:
        records, columns = with_metrics(records, study.metrics), study.metrics.title
        question += f" {study.metrics.note}"
    make_table = functools.partial(
        make,
        records,
        question=question.strip(),
        changed=str(changed),
        arms=[arm.title for arm in study.arms],
        planned=planned,
    )
    tables = [make_table(title=name, tune=tune, titles=titles, columns=columns)]
    if tune is None or tune != study.tune or study.tuning_seeds:
        return tables
    if study.fixed in {record.point.get(tune) for record in records} - {None}:
        options = {"titles": titles, "columns": columns, "fixed": study.fixed}
        title = f"{name} at {tune} = {study.fixed:g}"
        tables.append(make_table(title=title, tune=tune, **options))
    if study.spread:
        untitled = {path: title for path, title in titles.items() if path != tune}
        title = f"{name} at every {tune}"
        tables.append(make_table(title=title, tune=None, titles=untitled, columns=tune))
    return tables


def _titles(study: Study, records: Sequence[Record], changed: Changes) -> dict[str, str]:
    """Titles of the axes by path.

    A study's title may speak of the kind of its field: "clip norm" is the threshold of clipping by
    norm. Where that kind is changed or swept, the path is the title.
    """
    varied = {*changed.settings, *(path for record in records for path in record.point)}
    return {
        axis.path: axis.title
        for axis in study.axes
        if f"{axis.path.partition('.')[0]}.kind" not in varied
    }


def _draw(workdir: Workdir, metrics: bool, tables: Sequence[Table]) -> list[str]:
    """Save all figures that are small enough to read, and name the rest on standard error.

    Returns:
      The names of the saved figures.
    """
    main, drawn = tables[0], []

    def save(figure: Figure, name: str) -> None:
        plots.save(figure, workdir.path, name)
        drawn.append(name)

    maps = [("heat_map", main, "metric")] if len(main.cells()) > 1 else []
    # Columns of several metrics share their clipped steps.
    if not metrics and any(cell.clipped_fraction for cell in main.cells()):
        maps.append(("clipped", main, "clipped"))
    maps += [("heat_map_untuned", table, "metric") for table in tables[1:2]]
    for name, table, quantity in maps:
        if len(table.rows) * len(table.columns) > plots.MOST_CELLS:
            print(f"{name}: not drawn: over {plots.MOST_CELLS:,} cells", file=sys.stderr)
        else:
            save(plots.heat_map(table, quantity), name)
    if max(len(main.rows), len(main.columns)) > plots.MOST_PANELS:
        print(f"learning_curves: not drawn: over {plots.MOST_PANELS} panels", file=sys.stderr)
    else:
        curve = "training_loss" if main.metric == "score" else f"validation_{main.metric}"
        save(plots.curves(main, curve), "learning_curves")
    for name, figure in plots.observed_figures(main):
        if figure is None:
            print(f"{name}: not drawn: too many lines or panels", file=sys.stderr)
        else:
            save(figure, name)
    return drawn
