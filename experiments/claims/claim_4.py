"""Claim 4: exploding gradients are handled by clipping, here by norm and by value.

An Elman network on temporal order and on digits read pixel by pixel. Thresholds are the 10, 50 and
90 % quantiles, over the steps of an unclipped run (seed 1000, rate .01), of what each kind bounds:
the joint norm, and the largest entry. So a norm and a value of one quantile clip equally many of
these steps, which is how the two kinds are matched.

Each arm's rate is tuned. A kind enters at the threshold with the best mean validation metric on the
tuning seeds, the lowest of equally good ones. How often runs fail is counted at every rate on the
seeds that are reported, and at all thresholds, as the chosen one is not known beforehand.

``python -m experiments.claims.levels`` measures the thresholds again.
"""

import dataclasses

import numpy as np

from experiments.claims.evidence import (
    PLAIN,
    by_arm,
    is_full,
    on_tasks,
    outcomes,
    tuning_records,
)
from experiments.experiment import Subject
from seqjax.reporting.plots.claims import Curves
from seqjax.stats import rules
from seqjax.stats.decisions import CLAIMS, EvidenceError
from seqjax.stats.decisions.base import lookup
from seqjax.sweeps.study import Arm, Axis, Study

RATE = "optim.learning_rate"
KINDS = ("norm", "value")
QUANTILES = ("q10", "q50", "q90")
THRESHOLDS = {
    False: {
        "temporal_order": {"norm": (0.054, 0.34, 1.7), "value": (0.0066, 0.047, 0.25)},
        "digits_pixels": {"norm": (0.95, 2.0, 4.7), "value": (0.11, 0.26, 0.65)},
    },
    True: {
        "temporal_order": {"norm": (0.72, 0.9, 1.2), "value": (0.094, 0.12, 0.18)},
        "digits_pixels": {"norm": (2.0, 2.9, 5.4), "value": (0.097, 0.16, 0.38)},
    },
}
"""By size (full?), task and kind, at ``QUANTILES``."""


def subject(full: bool) -> Subject:
    arms = []
    for task, thresholds in THRESHOLDS[full].items():
        own = {"task.name": task}
        if task == "temporal_order":
            own["task.length"] = 80 if full else 20
        arms += on_tasks({task: own}, _arms(thresholds, full))
    study = Study(
        name="claim_4_full" if full else "claim_4",
        question="Does clipping keep training from failing, and does it cost anything?",
        base={
            **PLAIN.base(full),
            "model.cell": "elman",
            "train.steps": 2000 if full else 400,
            "train.eval_every": 1000 if full else 200,
        },
        arms=tuple(arms),
        axes=(Axis(RATE, PLAIN.rates(full)),),
        **PLAIN.study(full),
    )
    return Subject(study, decide=decide, curves=curves)


def _arms(thresholds, full: bool) -> list[Arm]:
    """Each kind at each threshold, tuned, and then again at each rate."""
    tuned = [Arm("none", {"clip.kind": "none"})]
    for kind in KINDS:
        for quantile, threshold in zip(QUANTILES, thresholds[kind], strict=True):
            settings = {"clip.kind": kind, "clip.threshold": threshold}
            tuned.append(Arm(f"{kind}_{quantile}", settings))
    fixed = [
        Arm(_at(arm.name, rate), {**arm.settings, RATE: rate})
        for arm in tuned
        for rate in PLAIN.rates(full)
    ]
    return tuned + fixed


def _at(arm: str, rate: float) -> str:
    return f"{arm} at {rate:g}"


def decide(recorded, points):
    del points
    given, chosen = outcomes(recorded), _chosen(recorded)
    scores = {(task, kind): lookup(given, task, arm) for (task, kind), arm in chosen.items()}
    runs = by_arm(recorded)
    entered = [
        f"{arm} on {task} ({_clipped(runs[task, arm])})"
        for (task, kind), arm in chosen.items()
        if kind in KINDS
    ]
    more = f"; chosen on the tuning seeds: {', '.join(entered)}"
    return [
        dataclasses.replace(verdict, because=verdict.because + more)
        for verdict in CLAIMS["4"](scores, _failures(recorded, chosen))
    ]


def _clipped(runs) -> str:
    """The fraction of clipped steps, and what it means where it is small or large."""
    fraction = float(np.mean([record["clipped_fraction"] for record in runs]))
    marks = ", no evidence about clipping" * (fraction < rules.RARELY)
    marks += ", normalised SGD" * (fraction > rules.ALWAYS)
    return f"clipped {fraction:.2f}{marks}"


def _chosen(recorded) -> dict[tuple[str, str], str]:
    """By (task, kind) the arm with which a kind enters, from the tuning seeds alone."""
    tried, chosen = tuning_records(recorded), {}
    for task in THRESHOLDS[is_full(recorded)]:
        chosen[task, "none"] = "none"
        for kind in KINDS:
            at = {}
            for arm in (f"{kind}_{quantile}" for quantile in QUANTILES):
                for record in lookup(tried, task, arm):
                    at.setdefault((arm, record["point"][RATE]), []).append(record)
            chosen[task, kind], _ = rules.selected(dict(sorted(at.items())))
    return chosen


def _failures(recorded, chosen) -> dict[tuple[str, str], np.ndarray]:
    """By (task, kind) which runs failed, (rates, n)."""
    given, rates = outcomes(recorded), PLAIN.rates(is_full(recorded))
    failed = {}
    for (task, kind), arm in chosen.items():
        rows = [lookup(given, task, _at(arm, rate)).failed for rate in rates]
        if len({len(row) for row in rows}) > 1:
            raise EvidenceError(f"{arm} on {task}: some of its rates lack seeds")
        failed[task, kind] = np.array(rows)
    return failed


def curves(recorded, points):
    del points
    failed, rates = _failures(recorded, _chosen(recorded)), PLAIN.rates(is_full(recorded))
    shares = {f"{task}, {kind}": rows_RN.mean(axis=1) for (task, kind), rows_RN in failed.items()}
    at = tuple(f"{rate:.2g}" for rate in rates)
    return Curves(shares, "how often runs fail", "learning rate", "share of runs", categories=at)
