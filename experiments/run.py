"""Runs a study to its finished table.

    python -m experiments.run --flagfile=experiments/flags/quickstart.flags

Exit codes: 0 done; 2 a mistake in the command, told in one line; 75 stopped by a signal with
everything recorded kept, run the same command again.
"""

import signal
import sys

from absl import app, logging

from experiments import STUDIES, flags

STOPPED = 75


flags.define_run_flags()
FLAGS = flags.FLAGS


def stop(number: int, frame: object) -> None:
    """The handler of every signal that asks the program to end."""
    del frame
    print(f"stopped by {signal.Signals(number).name}; run the same command again", file=sys.stderr)
    raise SystemExit(STOPPED)


def main(argv: list[str]) -> None:
    del argv
    logging.set_verbosity(logging.WARNING)  # or every back end that is not there is announced
    if FLAGS.list:
        for name in STUDIES:
            print(f"{name}: {flags.study_module(name).STUDY.question}")
        return
    from experiments import environment

    environment.prepare(FLAGS.deterministic)
    from experiments.workdir import WorkdirError
    from seqjax.config import ConfigError
    from seqjax.records import RecordError

    try:
        _run()
    except (ConfigError, WorkdirError, RecordError) as error:
        flags.fail(error)


def _run() -> None:
    from experiments import environment
    from experiments.report import report
    from experiments.workdir import Workdir, identity
    from seqjax import sweep
    from seqjax.study import plan

    study, shard = flags.study(), flags.shard()
    seeds = flags.seeds(study.seeds)
    runs = plan(study, seeds)
    here = environment.describe()
    workdir = Workdir(flags.workdir())
    same = identity(study, runs)
    workdir.check(same, seeds, here, FLAGS.allow_mixed)
    groups = sweep.grouped(runs)
    if FLAGS.dry_run:
        for line in sweep.described(groups, here["platform"]):
            print(line)
        return
    config = {
        "same": same,
        "seeds": list(seeds),
        "tune": study.tune,
        "environment": here,
        "runs_per_device": [
            sweep.runs_per_device(group[0].config, here["platform"]) for group in groups
        ],
    }
    workdir.open(config, flags.as_text(), here)
    _train(workdir, groups, shard, study.tune, here)
    print(report(workdir))
    print(f"tables, figures and records are in {workdir.path}", file=sys.stderr)
    left = len(runs) - len(workdir.records())
    if left:
        print(f"{left} of {len(runs)} runs are left to other shards", file=sys.stderr)


def _train(workdir, groups, shard, tune, here) -> None:
    """Trains what is not recorded yet of this shard's part, and records each run as it ends."""
    import jax

    from experiments.progress import progress
    from seqjax import records, sweep

    index, count = shard
    mine = {run.id for run in [run for group in groups for run in group][index::count]}
    mine -= {record["id"] for record in workdir.records()}
    todo = [[run for run in group if run.id in mine] for group in groups]
    total = sum(run.config.train.steps for group in todo for run in group)
    with progress(total) as shown:
        for number, group in enumerate(todo):
            if not group:
                continue
            shown.say(f"group {number + 1} of {len(todo)}: {len(group)} runs; compiling first")
            per_device = workdir.config["runs_per_device"][number]
            done = sweep.execute(group, per_device, jax.local_devices(), shown.advance)
            for record, trace in done:
                curve = workdir.write_curve(record["id"], trace)
                record |= {"tune": tune, "environment": here, "curve_file": curve}
                records.append(workdir.records_file(shard), record)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, stop)  # before main, whose imports take seconds
    app.run(main, flags_parser=flags.parser)
