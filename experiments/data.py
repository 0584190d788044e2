"""List, download and verify the published data sets that studies can read.

    python -m experiments.data list
    python -m experiments.data get NAME [NAME ...]
    python -m experiments.data verify [NAME ...]

Data sets are stored in --data_dir, else in $SEQJAX_DATA_DIR, else in seqjax/data in the user's
cache folder. Only the data sets that you name are downloaded.
Exit codes: 0 done; 2 a mistake, a failed download or a file with a wrong checksum, reported in one
line; 75 stopped by a signal: run the same command again.
"""

from experiments.cli import program


def cli() -> None:
    """Entry point of ``python -m experiments.data``."""
    program.launch("data", __doc__)


if __name__ == "__main__":
    cli()
