"""Train a study and report its tables, figures and verdicts.

    python -m experiments.run --flagfile=experiments/flags/quickstart.flags

Exit codes: 0 done; 2 a mistake in the command, reported in one line; 75 stopped by a signal, with
all finished work saved: run the same command again.
"""

from experiments.cli import program


def cli() -> None:
    """Entry point of ``python -m experiments.run`` and of the console script ``seqjax-run``."""
    program.launch("run", __doc__)


if __name__ == "__main__":
    cli()
