"""Write classical Chinese poems with a trained model of the study ``poems``.

    python -m experiments.poem --checkpoint="runs/poems/models/lstm seed=0" --first_line=牀前明月光
    python -m experiments.poem --checkpoint="runs/poems/models/lstm seed=0" --acrostic=春夏秋冬

Nothing but the model's folder is needed. Every poem keeps its form: at each position only the
characters that the form allows there are sampled. A * marks a sampled line that occurs in a poem of
the training set. Poem n of a seed does not depend on --num.
Exit codes: 0 done; 2 a mistake in the command, reported in one line; 75 stopped by a signal.
"""

from experiments.cli import program


def cli() -> None:
    """Entry point of ``python -m experiments.poem``."""
    program.launch("poem", __doc__)


if __name__ == "__main__":
    cli()
