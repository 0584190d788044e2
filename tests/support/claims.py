"""Simulated evidence of claims: records of every planned run, and verdicts on them."""

from collections.abc import Callable, Iterable

from experiments.experiment import Experiment
from seqjax.records.record import Record
from seqjax.stats.decisions import Verdict
from seqjax.sweeps.plan import plan_runs
from seqjax.sweeps.study import Run


def completed(
    experiment: Experiment, leave: Callable[[Run], Record], seeds=range(10)
) -> list[Record]:
    """A record by ``leave`` for every run of the study, tuning first, until none is due."""
    found = {}
    while new := [
        run for run in plan_runs(experiment.study, seeds, found.values()) if run.id not in found
    ]:
        found |= {run.id: leave(run) for run in new}
    return list(found.values())


def decided(experiment: Experiment, records: Iterable[Record] = (), points=()) -> list[Verdict]:
    """All verdicts on these records and points."""
    return experiment.decide(experiment.evidence(list(records), list(points)))


def registered(experiment: Experiment, records=(), points=()) -> dict[str, Verdict]:
    """The verdicts that are not exploratory, by claim."""
    found = decided(experiment, records, points)
    return {verdict.claim: verdict for verdict in found if not verdict.exploratory}


def curves(experiment: Experiment, records=(), points=()):
    """Panel of the figure beside the comparisons."""
    return experiment.curves(experiment.evidence(list(records), list(points)))


def without(records, title, seed=None, purpose="evaluation") -> list[Record]:
    """The records but those of an arm, or of one of its seeds."""
    gone = [
        one
        for one in records
        if (one.arm, one.purpose) == (title, purpose) and seed in (None, one.seed)
    ]
    assert gone
    return [one for one in records if one not in gone]
