"""Runs a study to its finished table.

    python -m experiments.run --flagfile=experiments/flags/quickstart.flags

Exit codes: 0 done; 2 a mistake in the command, told in one line; 75 stopped by a signal with
everything recorded kept, run the same command again.
"""

import os
import signal
import sys

from absl import app, logging

from experiments import STUDIES, flags

STOPPED = 75

flags.define_run_flags()
FLAGS = flags.FLAGS


def stop(number: int, frame: object) -> None:
    """The handler of every signal that asks the program to end.

    It ends at once, because an exception raised here can land in a finaliser, where Python drops
    it. Nothing is lost: a record is one write, and every other file is replaced whole.
    """
    del frame
    said = f"stopped by {signal.Signals(number).name}; run the same command again\n"
    cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # which the bar had hidden
    os.write(sys.stderr.fileno(), (cursor + said).encode())
    os._exit(STOPPED)


def main(argv: list[str]) -> None:
    """Lists the studies, or plans one and runs it; imports what is heavy once it is needed."""
    del argv
    logging.set_verbosity(logging.WARNING)  # or every back end that is not there is announced
    if FLAGS.list:
        for name in STUDIES:
            print(f"{name}: {flags.study_module(name).STUDY.question}")
        return
    flags.check_data_dir()
    from experiments import environment

    environment.prepare(FLAGS.deterministic)
    from experiments.workdir import WorkdirError
    from seqjax.config import ConfigError
    from seqjax.records import RecordError

    try:
        _run()
    except (ConfigError, WorkdirError, RecordError) as error:
        flags.fail(error)
    except OSError as error:
        if error.filename is None:
            raise
        flags.fail(f"cannot use {error.filename}: {error.strerror}")


def _run() -> None:
    from experiments import environment, runner
    from experiments.report import report
    from experiments.workdir import Workdir, identity
    from seqjax import sweep
    from seqjax.study import plan

    study, shard = flags.study(), flags.shard()
    seeds = flags.seeds(study.seeds)
    runs = plan(study, seeds)
    groups = sweep.grouped(runs)
    here = environment.describe()
    workdir, same = Workdir(flags.workdir()), identity(study, runs)
    workdir.check(same, seeds, here, FLAGS.allow_mixed)
    recorded = {record["id"] for record in workdir.records()}
    if FLAGS.dry_run:
        print(*sweep.described(groups, here["platform"]), sep="\n")
        return
    per_device = [sweep.runs_per_device(group[0].config, here["platform"]) for group in groups]
    begun = {"environment": here, "runs_per_device": per_device}
    now = {"same": same, "seeds": list(seeds), "tune": study.tune}
    workdir.open(now, begun, flags.as_text())
    todo = runner.part(groups, shard, recorded)
    runner.train(workdir, todo, shard, {"tune": study.tune, "environment": here})
    there = len(workdir.records())
    if there:
        print(report(workdir))
        print(f"tables, figures and records are in {workdir.path}", file=sys.stderr)
    if there < len(runs):
        print(f"{len(runs) - there} of {len(runs)} runs are left to other shards", file=sys.stderr)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, stop)  # before main, whose imports take seconds
    app.run(main, flags_parser=flags.parser)
