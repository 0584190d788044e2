"""Write classical Chinese poems with a trained model of the study ``poems``.

    python -m experiments.poem --checkpoint="runs/poems/models/lstm seed=0" --first_line=牀前明月光
    python -m experiments.poem --checkpoint="runs/poems/models/lstm seed=0" --acrostic=春夏秋冬

Only the model's folder is needed. Every poem has the requested form, because characters that the
form does not allow at a position are never sampled. A * marks a sampled line that occurs in a
training poem. Poem n of a seed does not depend on --num.
Exit codes: 0 done; 2 a mistake in the command, reported in one line; 75 stopped by a signal.
"""

from experiments.cli import program


def cli() -> None:
    """Entry point of ``python -m experiments.poem``."""
    program.launch("poem", __doc__)


if __name__ == "__main__":
    cli()
