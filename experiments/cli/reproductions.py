"""Published tables beside ours: files of a workdir, deviations in a plan, and an index."""

import contextlib
import pathlib
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from experiments import FULL
from experiments.cli.changes import changes
from experiments.cli.results import Results
from experiments.cli.workdir import Workdir
from experiments.experiment import Experiment
from seqjax.published.deviations import Setup, state
from seqjax.published.join import OpenAxisError, places_of
from seqjax.published.table import PublishedTable
from seqjax.records.record import Record
from seqjax.reporting import formats, plots
from seqjax.reporting.completeness import completeness
from seqjax.reporting.reproduction import Reproduction, index, page, reproduce, values
from seqjax.sweeps.study import Run, Study
from seqjax.sweeps.widths import recurrent_parameters
from seqjax.training.config import as_settings, complete

NAME = "reproduction"
"""Name of the page and of its data files, without the ending."""
INDEX = "reproductions.md"
WIDTH = 100


def report(results: Results) -> str:
    """Write page, data and figure of a published table, and return the page as Markdown.

    Returns "", with a line on standard error, if the runs sweep a field that the table does not.
    """
    try:
        made = made_of(results)
    except OpenAxisError as error:
        print(f"{NAME}: not compared: {error}", file=sys.stderr)
        return ""
    workdir, markdown = results.workdir, page.to_markdown(made)
    workdir.write(f"{NAME}.md", markdown)
    workdir.write(f"{NAME}.csv", values.to_csv(made))
    workdir.write(f"{NAME}.tex", page.to_latex(made))
    workdir.write(f"{NAME}.json", values.to_json(made))
    figure = plots.dumbbells(made)
    if figure is None:
        print(f"{NAME}: not drawn: nothing was run, or too many rows", file=sys.stderr)
    else:
        plots.save(figure, workdir.path, NAME)
    return markdown


def compared(results: Results) -> Reproduction | None:
    """The published table beside the records; None without a table or if they do not compare."""
    if results.experiment.table is None or not results.records:
        return None
    with contextlib.suppress(OpenAxisError):
        return made_of(results)
    return None


def made_of(results: Results) -> Reproduction:
    """The published table of an experiment beside its records.

    Raises:
      OpenAxisError: the runs sweep a field that the table does not.
    """
    experiment, records = results.experiment, results.records
    study = experiment.study
    tune = records[0].tune if results.workdir.config is None else results.workdir.config.tune
    found = completeness(records, results.workdir.plan())
    changed = str(changes(study, records))
    return reproduce(
        experiment.table,
        records,
        study.arms,
        tune,
        notes=(
            "" if found.complete else str(found),
            f"Changed: {changed}." if changed else "",
            _undefined_values(study, records),
        ),
        remarks=experiment.remarks(records) if experiment.remarks else (),
        command=f"python -m experiments.run {_flag(study.name)}",
    )


def _undefined_values(study: Study, records: Iterable[Record]) -> str:
    """A sentence on values that axes of the study do not have and tuning does not try, or ""."""
    arms, found = {arm.title: arm for arm in study.arms}, {}
    for axis in study.axes:
        if axis.path == study.tune and not (axis.closed or axis.drawn):
            continue  # tuning goes beyond its values
        for record in records:
            value = record.point.get(axis.path)
            applies = record.arm in arms and axis.applies_to(arms[record.arm])
            if applies and value is not None and value not in axis.values:
                found.setdefault(axis.path, {})[value] = None
    values = (f"{path}={' or '.join(map(formats.label, of))}" for path, of in found.items())
    text = "; ".join(values)
    return f"Not values of the table's protocol: {text}." if text else ""


def _flag(name: str) -> str:
    """The flag that runs a study: its flagfile, or its name."""
    flagfile = pathlib.Path("experiments", "flags", f"{name}.flags")
    known = (pathlib.Path(__file__).parents[2] / flagfile).exists()
    return f"--flagfile={flagfile}" if known else f"--study={name}"


def deviations(experiment: Experiment, runs: Sequence[Run], seeds: Iterable[int]) -> Iterator[str]:
    """Lines on the deviations of the planned runs from the publication, by protocol.

    Args:
      experiment: an experiment with a table.
      runs: the runs that are planned so far.
      seeds: the reported seeds, whose runs may be planned only after tuning.
    """
    table, study = experiment.table, experiment.study
    setups = [setup_of(run) for run in runs]
    reported = {run.arm for run in runs if run.purpose == "evaluation"}
    tuning = [setup for setup in setups if setup.arm not in reported]
    first = min((setup.seed for setup in tuning), default=None)
    setups += [
        setup._replace(seed=seed, purpose="evaluation")
        for setup in tuning
        if setup.seed == first
        for seed in seeds
    ]
    if swept := open_axes(table, study, runs):
        yield f"no comparison with {table.title}: the runs sweep {', '.join(swept)}"
    for protocol in table.protocols:
        stated = state(table, protocol, setups, places_of(study.arms), study.tuned)
        if stated:
            yield f"deviations from {table.title}, {protocol}:"
        for kind, several in stated.items():
            for one in several:
                why = f": {one.why}" if one.why else ""
                task = f" ({one.deviation.task})" if one.deviation.task else ""
                text = f"{kind}: {one.deviation.title}{task}: published {one.published}, "
                yield from _wrapped(f"{text}ours {one.ours}{why}")


def open_axes(table: PublishedTable, study: Study, runs: Iterable[Run]) -> list[str]:
    """Paths that runs of one figure or effect sweep, so that it has several cells; see ``join``."""
    points: dict[tuple[str, str], dict[str, set]] = {}
    places = places_of(study.arms)
    for run in runs:
        if run.arm in places:
            values = points.setdefault((run.arm, places[run.arm].row), {})
            for path, value in run.point.items():
                values.setdefault(path, set()).add(value)
    compared_at = [(figure.arm, figure.point) for figure in table.figures]
    compared_at += [(row, one.point) for one in table.effects for row in (one.better, one.worse)]
    fixed: dict[str, set[str]] = {}
    for row, point in compared_at:
        fixed[row] = fixed.get(row, {*point}) & {*point}
    swept = {
        path
        for (_, row), values in points.items()
        for path, several in values.items()
        if row in fixed and len(several) > 1 and path not in {*fixed[row], *study.tuned}
    }
    return sorted(swept)


def setup_of(run: Run) -> Setup:
    """A planned run, as far as deviations read it."""
    config = run.config
    parameters = recurrent_parameters(config.model, config.task)
    return Setup(run.arm, complete(as_settings(config)), run.seed, run.purpose, parameters)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(f"  {text}", WIDTH, subsequent_indent="    ")


def collect(path: pathlib.Path, collection: Sequence[Results]) -> str:
    """Write the index of all published tables in a folder, and return it as Markdown."""
    rows = index_rows(collection)
    if len(rows) == 1:
        return ""
    text = f"{formats.markdown(rows)}\n"
    Workdir(path).write(INDEX, text)
    return text


def index_rows(collection: Iterable[Results]) -> list[list[str]]:
    """Rows of the index over the published tables; the first row is the head."""
    made = ((compared(one), one.experiment.name.endswith(FULL)) for one in collection)
    return index.rows((table, "full" if full else "CPU") for table, full in made if table)
