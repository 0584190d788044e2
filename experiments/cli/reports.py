"""Reports of a workdir and of a folder of workdirs: verdicts, tables, figures."""

import pathlib
import sys

from experiments.cli import results, tables, verdicts
from experiments.cli.results import Results
from experiments.cli.workdir import Workdir, WorkdirError


def report(found: Results) -> str:
    """Writes every file that follows from results, and returns verdicts and tables as Markdown."""
    parts = []
    if found.experiment.decide is not None:
        parts.append(verdicts.report(found))
    reported = any(record.purpose == "evaluation" for record in found.records)
    if found.experiment.study is not None and reported:
        parts.append(tables.report(found))
    return "\n".join(filter(None, parts))


def show(workdir: Workdir) -> None:
    """Prints the report of a workdir; nothing where nothing is recorded yet."""
    if found := results.read(workdir):
        print(report(found))
        print(f"tables, figures and records are in {workdir.path}", file=sys.stderr)


def report_folder(path: pathlib.Path) -> str:
    """Writes the reports of a workdir, or of a folder of claims, and returns the text to print.

    Raises:
      WorkdirError: the folder does not exist or has no records.
    """
    if not path.is_dir():
        raise WorkdirError(f"--workdir: {path} is not a folder")
    if collection := results.read_collection(path):
        for found in collection:
            report(found)
        return verdicts.collect(path, collection)
    if found := results.read(Workdir(path)):
        return report(found)
    raise WorkdirError(f"--workdir: {path} has no records")
