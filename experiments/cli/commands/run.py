"""``python -m experiments.run``: list the studies, or plan one and run it."""

import sys

from experiments import COLLECTIONS
from experiments.cli import flags

flags.define_run_flags()
FLAGS = flags.FLAGS


def main(argv: list[str]) -> None:
    """List names, or plan or run the selected studies. Slow imports follow the flag checks."""
    del argv
    flags.set_data_dir()
    flags.check_log()
    from experiments.cli import environment, imports

    environment.prepare(FLAGS.deterministic)
    try:
        imports.import_modules()
    except imports.ModuleError as error:
        flags.fail(error)
    if FLAGS.list is not None:
        from experiments.cli import listing

        print(*listing.lines(FLAGS.list), sep="\n")
        return
    flags.study_names()
    from experiments.cli.workdir import WorkdirError
    from seqjax.data.folder import DataError
    from seqjax.records.jsonl import RecordError
    from seqjax.records.locks import LockedError
    from seqjax.training.checkpoint import CheckpointError
    from seqjax.training.overrides import ConfigError

    mistakes = (ConfigError, DataError, WorkdirError, RecordError, CheckpointError)
    try:
        with flags.data_warnings_on_one_line():
            flags.overrides()  # fields are checked before the slow imports of _run
            flags.axes()
            _run()
    except LockedError as error:
        flags.fail(f"--workdir: {error}")
    except mistakes as error:
        flags.fail(error)
    except BrokenPipeError:
        raise
    except OSError as error:
        path = flags.workdir() if error.filename is None else error.filename
        flags.fail(f"cannot continue: {path}: {error.strerror or error}")


def _run() -> None:
    """Plan or run the studies that --study names; for a collection, print all verdicts together."""
    from experiments.cli import execution, reports
    from experiments.experiment import find
    from seqjax.records.environment import describe_environment

    description = describe_environment()
    pending = total = 0
    warnings = []
    several = FLAGS.study in COLLECTIONS
    for name in flags.study_names():
        experiment = flags.experiment_from_flags(name)
        defined, path = find(name).study, flags.workdir_of(name)
        options = execution.RunOptions(
            seeds=flags.seeds(experiment.study.seeds if experiment.study else 1),
            shard=flags.shard(),
            checkpoint_every=FLAGS.checkpoint_every,
            allow_mixed=FLAGS.allow_mixed,
            environment=description,
            flags=flags.to_flagfile(),
            note=execution.dropped_note(defined, experiment.study),
            tensorboard=FLAGS.log == "tensorboard",
        )
        if FLAGS.dry_run:
            heading = [f"{name}:"] if several else []
            lines = execution.describe(experiment, options, path, defined)
            print(*heading, *lines, sep="\n")
            continue
        outcome = execution.execute(experiment, options, path, reports.show)
        pending += outcome.left_to_others
        total += outcome.planned
        warnings += outcome.warnings
    if several and not FLAGS.dry_run:
        print(reports.collect(flags.workdir()))
    if pending:
        print(f"{pending} of {total} runs are left to other shards", file=sys.stderr)
    for line in warnings:
        print(line, file=sys.stderr)
