"""Runs a study to its finished table.

    python -m experiments.run --flagfile=experiments/flags/quickstart.flags

Exit codes: 0 done; 2 a mistake in the command, told in one line; 75 stopped by a signal with
everything recorded kept, run the same command again.
"""

from experiments.cli import program

if __name__ == "__main__":
    program.begin()  # before what follows, which takes its time

import logging
import sys

from experiments import CLAIMS, COLLECTIONS, STUDIES
from experiments.cli import flags

flags.define_run_flags()
FLAGS = flags.FLAGS


def main(argv: list[str]) -> None:
    """Lists the studies, or plans one and runs it; imports what is heavy once it is needed."""
    del argv
    if FLAGS.list:
        from experiments.experiment import subject

        for name in (*STUDIES, *CLAIMS):
            print(f"{name}: {subject(name).question}")
        return
    flags.use_data_dir()
    from experiments.cli import environment

    environment.prepare(FLAGS.deterministic)
    from experiments.cli.locks import LockedError
    from experiments.cli.workdir import WorkdirError
    from seqjax.data.folder import DataError
    from seqjax.records.jsonl import RecordError
    from seqjax.training.checkpoint import CheckpointError
    from seqjax.training.config import ConfigError

    mistakes = (ConfigError, DataError, WorkdirError, RecordError, LockedError, CheckpointError)
    try:
        with flags.told_of_data():
            _run()
    except mistakes as error:
        flags.fail(error)
    except OSError as error:
        where = flags.workdir() if error.filename is None else error.filename
        flags.fail(f"cannot go on: {where}: {error.strerror or error}")


def _run() -> None:
    from experiments import report
    from experiments.cli import environment, execution, verdicts

    here, left, runs = environment.describe(), 0, 0
    several = FLAGS.study in COLLECTIONS
    for name in flags.chosen():
        asked, path = flags.asked(name), flags.workdir_of(name)
        order = execution.Order(
            flags.seeds(asked.study.seeds if asked.study else 1),
            flags.shard(),
            FLAGS.checkpoint_every,
            FLAGS.allow_mixed,
            here,
            flags.as_text(),
        )
        if FLAGS.dry_run:
            head = [f"{name}:"] if several else []
            print(*head, *execution.described(asked, order, path), sep="\n")
        else:
            own = execution.conduct(asked, order, path, report.show)
            left, runs = left + own[0], runs + own[1]
    if several and not FLAGS.dry_run:
        print(verdicts.collected(flags.workdir(), verdicts.workdirs(flags.workdir())))
    if left:
        print(f"{left} of {runs} runs are left to other shards", file=sys.stderr)


if __name__ == "__main__":
    logging.disable()  # what libraries log as an error they raise as well, and that is told
    program.run(main, flags.parser)
