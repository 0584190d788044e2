"""Reports of a workdir and of a folder of workdirs: verdicts, tables, figures."""

import pathlib
import sys

from experiments.cli import results, tables, verdicts
from experiments.cli.results import Results
from experiments.cli.workdir import Workdir, WorkdirError


def report(recorded: Results) -> str:
    """Write all reports of one experiment, and return verdicts and tables as Markdown."""
    parts = []
    if recorded.experiment.decide is not None:
        parts.append(verdicts.report(recorded))
    reported = any(record.purpose == "evaluation" for record in recorded.records)
    if recorded.experiment.study is not None and reported:
        parts.append(tables.report(recorded))
    return "\n".join(filter(None, parts))


def show(workdir: Workdir) -> None:
    """Print the report of a workdir, if it has any results."""
    if recorded := results.read(workdir):
        print(report(recorded))
        print(f"tables, figures and records are in {workdir.path}", file=sys.stderr)


def report_folder(path: pathlib.Path) -> str:
    """Write the reports of a workdir, or of a folder of claims, and return the text to print.

    Raises:
      WorkdirError: the folder does not exist or has no records.
    """
    if not path.is_dir():
        raise WorkdirError(f"--workdir: {path} is not a folder")
    if collection := results.read_collection(path):
        for recorded in collection:
            report(recorded)
        return verdicts.collect(path, collection)
    if recorded := results.read(Workdir(path)):
        return report(recorded)
    raise WorkdirError(f"--workdir: {path} has no records")
