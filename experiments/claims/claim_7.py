"""Claim 7: the LSTM solves long-term dependency, vanishing or exploding, because of its gates.

Recall and adding over 50 steps, arms of equal parameters. Recall asks at the last step for the
first symbol, as the tutorial has t9 read t1. The GRU, JANET and the LSTM without gates learn it at
this size, and the LSTM does not, also not in 2,400 steps. Shorter lags, asked for at each of 50
steps, it solves at 5 but not at 10 or 25. They are no long-term dependency, and to choose the lag
by what the LSTM solves would be to choose the verdict.

How often runs fail is counted without clipping (a threshold of ∞) at each rate, tuned or not.
"""

import numpy as np

from experiments.claims.evidence import (
    PROTOCOL,
    by_arm,
    complete,
    is_full,
    on_tasks,
    outcomes,
)
from experiments.experiment import Subject
from seqjax.reporting.plots.claims import Curves
from seqjax.stats.decisions import CLAIMS
from seqjax.sweeps.study import Arm, Axis, Study

RATE = "optim.learning_rate"
TASKS = ("recall", "adding")
ARMS = (
    Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0}),
    Arm("elman", {"model.cell": "elman"}, matched="lstm"),
    Arm("irnn", {"model.cell": "elman_relu", "init.recurrent": "identity"}, matched="lstm"),
    Arm("lstm_ungated", {"model.cell": "lstm_ungated"}, matched="lstm"),
    Arm("janet", {"model.cell": "janet"}, matched="lstm"),
    Arm("gru", {"model.cell": "gru"}, matched="lstm"),
)
FAILING = ARMS[:2]
"""Those whose failures are counted."""


def subject(full: bool) -> Subject:
    length = 200 if full else 50
    recall = {"task.name": "lag_recall", "task.length": length, "task.lag": length - 1}
    adding = {"task.name": "adding", "task.length": length}
    for own, steps in ((recall, 400), (adding, 300)):
        steps *= 10 if full else 1
        own |= {"train.steps": steps, "train.eval_every": steps // 2}
    # Widths for which every arm has a match within 1 %.
    tasks = {
        "recall": {**recall, "model.hidden": 128 if full else 30},
        "adding": {**adding, "model.hidden": 128 if full else 45},
    }
    unclipped = [
        Arm(
            _at(arm.name, rate), {**arm.settings, "clip.threshold": np.inf, RATE: rate}, arm.matched
        )
        for arm in FAILING
        for rate in PROTOCOL.rates(full)
    ]
    study = Study(
        name="claim_7_full" if full else "claim_7",
        question="Does an LSTM remember what others forget, and are its gates the reason?",
        base=PROTOCOL.base(full),
        arms=on_tasks(tasks, [*ARMS, *unclipped]),
        axes=(Axis(RATE, PROTOCOL.rates(full)),),
        **PROTOCOL.study(full),
    )
    return Subject(study, decide=decide, curves=curves)


def _at(arm: str, rate: float) -> str:
    return f"{arm} unclipped at {rate:g}"


def _unclipped(evidence, full: bool) -> dict:
    """By (task, arm) what there is at each rate."""
    rates = PROTOCOL.rates(full)
    complete(evidence, TASKS, [_at(arm.name, rate) for arm in FAILING for rate in rates])
    return {
        (task, arm.name): [evidence[task, _at(arm.name, rate)] for rate in rates]
        for task in TASKS
        for arm in FAILING
    }


def decide(recorded, points):
    del points
    given = outcomes(recorded)
    scores = complete(given, TASKS, [arm.name for arm in ARMS])
    failures = {
        place: np.stack([outcome.failed for outcome in at_rates])
        for place, at_rates in _unclipped(given, is_full(recorded)).items()
    }
    return CLAIMS["7"](scores, failures)


def curves(recorded, points):
    del points
    largest = {
        f"{arm} on {task}": np.array(
            [[record["gradient_norm"]["q100"] for record in runs] for runs in at_rates], np.float64
        ).T
        for (task, arm), at_rates in _unclipped(by_arm(recorded), is_full(recorded)).items()
    }
    title = "largest gradient of a run without clipping"
    rates = tuple(f"{rate:.2g}" for rate in PROTOCOL.rates(is_full(recorded)))
    return Curves(largest, title, "learning rate", "‖∂L/∂θ‖", log=True, categories=rates)
