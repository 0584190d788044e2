"""Rebuild the tables, figures and verdicts of a workdir from its records.

    python -m experiments.report --workdir=runs/quickstart

Exit codes: 0 done; 2 a mistake in the command or in a record, reported in one line.
"""

from experiments.cli import program


def cli() -> None:
    """Entry point of ``python -m experiments.report`` and of ``seqjax-report``."""
    program.launch("report", __doc__)


if __name__ == "__main__":
    cli()
