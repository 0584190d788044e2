"""Reports of a workdir and of a folder of workdirs: verdicts, tables, figures, pages."""

import pathlib
import sys
from collections.abc import Sequence

from experiments.cli import pages, reproductions, results, tables, verdicts
from experiments.cli.results import Results
from experiments.cli.workdir import Workdir, WorkdirError
from seqjax.reporting.failures import warning
from seqjax.reporting.tables.records import NoReportedRunsError
from seqjax.types import printable


def report(recorded: Results) -> str:
    """Write all reports of one experiment, and return them as Markdown."""
    parts, made = [], None
    if recorded.experiment.decide is not None:
        parts.append(verdicts.report(recorded))
    if recorded.experiment.table is not None and recorded.records:
        parts.append(reproductions.report(recorded))
    if recorded.experiment.study is not None and recorded.records:
        try:
            made = tables.report(recorded)
            parts.append(made.text)
        except NoReportedRunsError:
            print(
                f"{recorded.experiment.name}: no table yet: tuning is not finished", file=sys.stderr
            )
    pages.write(recorded, made)
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
    """Lines on an experiment that is unknown, or whose runs mostly failed or are at chance."""
    text = warning(recorded.records) if recorded.records else ""
    notes = [] if recorded.known else [_unknown_study(recorded)]
    return [*notes, f"{recorded.experiment.name}: {text}"] if text else notes


def report_folder(path: pathlib.Path) -> tuple[str, list[str]]:
    """Write the reports of a workdir, or of a folder of workdirs with an index.

    Returns:
      The text to print, and warnings.

    Raises:
      WorkdirError: the folder does not exist or has no records.
    """
    if not path.is_dir():
        raise WorkdirError(f"--workdir: {path} is not a folder")
    decided = results.read_collection(path)
    if not decided and (recorded := results.read(Workdir(path))):
        return report(recorded), warnings(recorded)
    others = results.read_others(path, decided)
    if not (decided or others):
        raise WorkdirError(f"--workdir: {path} has no records")
    texts = [report(recorded) for recorded in (*decided, *others)]
    found = [line for recorded in (*decided, *others) for line in warnings(recorded)]
    parts = [_collect(path, decided, others), *texts[len(decided) :]]
    return "\n".join(filter(None, parts)), found


def collect(path: pathlib.Path) -> str:
    """Write verdicts and index of all experiments in a folder, and return them as Markdown."""
    decided = results.read_collection(path)
    return _collect(path, decided, results.read_others(path, decided))


def _collect(path: pathlib.Path, decided: Sequence[Results], others: Sequence[Results]) -> str:
    every = [*decided, *others]
    parts = verdicts.collect(path, decided), reproductions.collect(path, every)
    pages.write_index(path, every)
    return "\n".join(filter(None, parts))


def _unknown_study(recorded: Results) -> str:
    """Note that no module here defines the study, with the flag that imports it if known.

    The module is not imported unasked: a workdir may come from a stranger.
    """
    flagfile = recorded.workdir.path / "flags.txt"
    lines = flagfile.read_text("utf-8", "replace").splitlines() if flagfile.exists() else []
    flag = " ".join(line for line in lines if line.startswith("--import=")) or "--import=MODULE"
    name = recorded.experiment.name
    return printable(f"{name} is not registered here; {flag} adds its question and titles")
