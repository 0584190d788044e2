"""Runs a study to its finished table.

    python -m experiments.run --flagfile=experiments/flags/quickstart.flags

Exit codes: 0 done; 2 a mistake in the command, told in one line; 75 stopped by a signal with
everything recorded kept, run the same command again.
"""

from experiments import signals

if __name__ == "__main__":
    signals.install()  # before what follows, which takes its time

import logging
import sys

from absl import app

from experiments import STUDIES, flags

flags.define_run_flags()
FLAGS = flags.FLAGS


def main(argv: list[str]) -> None:
    """Lists the studies, or plans one and runs it; imports what is heavy once it is needed."""
    del argv
    if FLAGS.list:
        for name in STUDIES:
            print(f"{name}: {flags.study_module(name).STUDY.question}")
        return
    flags.use_data_dir()
    signals.run(_work)


def _work() -> None:
    """Runs the study; the mistakes of people become one line."""
    from experiments import environment

    environment.prepare(FLAGS.deterministic)
    from experiments.lock import LockedError
    from experiments.workdir import WorkdirError
    from seqjax.checkpoint import CheckpointError
    from seqjax.config import ConfigError
    from seqjax.data.folder import DataError
    from seqjax.records import RecordError

    mistakes = (ConfigError, DataError, WorkdirError, RecordError, LockedError, CheckpointError)
    try:
        _run()
    except mistakes as error:
        flags.fail(error)
    except OSError as error:
        where = flags.workdir() if error.filename is None else error.filename
        flags.fail(f"cannot go on: {where}: {error.strerror or error}")


def _run() -> None:
    from experiments import environment, lock, runner
    from experiments.report import report
    from experiments.workdir import Workdir, identity
    from seqjax import sweep, tuning

    study, shard = flags.study(), flags.shard()
    seeds = flags.seeds(study.seeds)
    runs = tuning.due(study, seeds, [])
    groups = sweep.grouped(runs)
    here = environment.describe()
    path, same = flags.workdir(), identity(study, runs)
    workdir = Workdir(path)
    workdir.check(same, seeds, here, FLAGS.allow_mixed)
    workdir.records()  # all of them can be read
    if FLAGS.dry_run:
        print(*sweep.described(groups, here["platform"]), sep="\n")
        if study.tuning_seeds:
            cells = len({tuning.cell_of(study, run) for run in runs})
            print(f"then {cells * len(seeds)} runs: {cells} cells at their best {study.tune}")
        return
    per_device = [sweep.runs_per_device(group[0].config, here["platform"]) for group in groups]
    begun = {"environment": here, "runs_per_device": per_device}
    tune = ",".join(study.tuned) or None
    now = {"same": same, "seeds": list(seeds), "tune": tune}
    common = {"tune": tune, "environment": here}
    workdir.make()
    with lock.hold(path, shard):
        workdir = Workdir(path)
        workdir.check(same, seeds, here, FLAGS.allow_mixed)  # again: now nobody else can begin it
        workdir.open(now, begun, flags.as_text())
        workdir.recovered(shard, lambda text: print(text, file=sys.stderr))
        while True:
            recorded = workdir.records()
            runs = tuning.due(study, seeds, recorded)
            groups = sweep.grouped(runs)
            todo = runner.part(study, groups, shard, {record["id"] for record in recorded})
            if not any(todo):
                break
            runner.train(workdir, groups, todo, shard, common, FLAGS.checkpoint_every)
        there = len(recorded)
        if there:
            print(report(workdir))
    if there:
        print(f"tables, figures and records are in {path}", file=sys.stderr)
    if there < len(runs):
        print(f"{len(runs) - there} of {len(runs)} runs are left to other shards", file=sys.stderr)


if __name__ == "__main__":
    logging.disable()  # what libraries log as an error they raise as well, and that is told
    try:
        app.run(main, flags_parser=flags.parser)
    except SystemExit as end:
        signals.leave(end.code)
    except BrokenPipeError:  # who read the output has read enough
        signals.leave(0)
