"""Reports of a workdir and of a folder of workdirs: verdicts, tables, figures."""

import pathlib
import sys

from experiments.cli import results, tables, verdicts
from experiments.cli.results import Results
from experiments.cli.workdir import Workdir, WorkdirError
from seqjax.reporting.failures import warning
from seqjax.reporting.tables.records import NoReportedRunsError


def report(recorded: Results) -> str:
    """Write all reports of one experiment, and return verdicts and tables as Markdown."""
    parts = []
    if recorded.experiment.decide is not None:
        parts.append(verdicts.report(recorded))
    if recorded.experiment.study is not None and recorded.records:
        try:
            parts.append(tables.report(recorded))
        except NoReportedRunsError:
            print(
                f"{recorded.experiment.name}: no table yet: tuning is not finished", file=sys.stderr
            )
    return "\n".join(filter(None, parts))


def show(workdir: Workdir) -> list[str]:
    """Print the report of a workdir, if it has any results, and return its warnings."""
    recorded = results.read(workdir)
    if recorded is None:
        return []
    print(report(recorded))
    print(f"tables, figures and records are in {workdir.path}", file=sys.stderr)
    return warnings(recorded)


def warnings(recorded: Results) -> list[str]:
    """A line if most runs of an experiment failed or none is better than chance."""
    text = warning(recorded.records) if recorded.records else ""
    return [f"{recorded.experiment.name}: {text}"] if text else []


def report_folder(path: pathlib.Path) -> tuple[str, list[str]]:
    """Write the reports of a workdir, or of a folder of claims.

    Returns:
      The text to print, and warnings.

    Raises:
      WorkdirError: the folder does not exist or has no records.
    """
    if not path.is_dir():
        raise WorkdirError(f"--workdir: {path} is not a folder")
    if collection := results.read_collection(path):
        for recorded in collection:
            report(recorded)
        found = [line for recorded in collection for line in warnings(recorded)]
        return verdicts.collect(path, collection), found
    if recorded := results.read(Workdir(path)):
        return report(recorded), warnings(recorded)
    raise WorkdirError(f"--workdir: {path} has no records")
