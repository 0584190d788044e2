"""Claim 7: the LSTM solves long-term dependency, vanishing or exploding, because of its gates.

The tasks are recall and adding over 50 steps, with arms of equal parameters. The target of recall
is the first symbol, read out at the last step, as t9 reads t1 in the tutorial. At this size the
GRU, JANET and the LSTM without gates learn it; the LSTM does not, even in 2,400 steps. With shorter
lags, scored at each of 50 steps, the LSTM solves a lag of 5 but not of 10 or 25. Such lags are not
long-term dependencies, and selecting the lag by the scores of the LSTM would select the verdict.

Failures are counted in unclipped runs (a threshold of ∞) at each rate of the grid.
"""

import numpy as np

from experiments.claims.evidence import Evidence
from experiments.claims.protocol import PROTOCOL, on_tasks
from experiments.claims.words import DIFFERENCE, FEWER_FAILURES, in_words, on_task
from experiments.experiment import Experiment
from seqjax.reporting.plots.claims import ClaimPanel, Place
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.sweeps.study import Arm, Axis, Study

RATE = "optim.learning_rate"
ARMS = (
    Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0}),
    Arm("elman", {"model.cell": "elman"}, matched="lstm"),
    Arm("irnn", {"model.cell": "elman_relu", "init.recurrent": "identity"}, matched="lstm"),
    Arm("lstm_ungated", {"model.cell": "lstm_ungated"}, matched="lstm"),
    Arm("janet", {"model.cell": "janet"}, matched="lstm"),
    Arm("gru", {"model.cell": "gru"}, matched="lstm"),
)
FAILING = ARMS[:2]
"""Arms whose failures are counted."""

KEY = (
    "IRNN: ReLU network whose recurrent matrix starts as the identity. JANET: LSTM with a forget "
    "gate alone."
)
"""Names in the figure."""
COMPARED = {"score": DIFFERENCE, "failures": FEWER_FAILURES}
"""Quantities of the figure."""


def experiment(full: bool) -> Experiment:
    """Return claim 7 at CPU size, or at full size."""
    length = 200 if full else 50
    recall = {"task.name": "lag_recall", "task.length": length, "task.lag": length - 1}
    adding = {"task.name": "adding", "task.length": length}
    for settings, steps in ((recall, 400), (adding, 300)):
        steps *= 10 if full else 1
        settings |= {"train.steps": steps, "train.eval_every": steps // 2}
    # At these widths every arm has a match within 1 %.
    tasks = {
        "recall": {**recall, "model.hidden": 128 if full else 30},
        "adding": {**adding, "model.hidden": 128 if full else 45},
    }
    unclipped = [
        Arm(
            f"{arm.name} unclipped at {rate:g}",
            {**arm.settings, "clip.threshold": np.inf, RATE: rate},
            matched=arm.matched,
            tags={"unclipped": arm.name, "rate": rate},
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
    return Experiment(study, decide=decide, curves=curves)


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdicts 7a and 7c from tuned scores, 7b from failures of unclipped runs."""
    failed: dict[tuple[str, str], list[np.ndarray]] = {}
    for (task, arm, _), scores in evidence.scores_by("unclipped", "rate").items():
        failed.setdefault((task, arm), []).append(scores.failed)
    failures = {pair: np.stack(rows) for pair, rows in failed.items()}
    return CLAIMS["7"](evidence.scores_by(), failures)


def _place(name: str) -> Place:
    """A row for each difference in the panel of its task."""
    if name.startswith("failures avoided"):
        return Place("LSTM against Elman", name.rpartition(" on ")[2], "failures")
    return on_task(name)._replace(quantity="score")


def curves(evidence: Evidence) -> ClaimPanel:
    """Largest gradient norm of each unclipped run, by learning rate."""
    largest: dict[str, list[list[float]]] = {}
    failed: dict[str, list[list[bool]]] = {}
    runs = evidence.runs_by("unclipped", "rate")
    for (task, arm, _), records in runs.items():
        norms = [record.gradient_norm.q100 for record in records]
        name = f"{arm} on {task}"
        largest.setdefault(name, []).append(norms)
        failed.setdefault(name, []).append([record.failed is not None for record in records])
    lines = {name: np.array(rows, np.float64).T for name, rows in largest.items()}
    title = "largest gradient of a run without clipping"
    rates = tuple(f"{rate:.2g}" for rate in dict.fromkeys(rate for *_, rate in runs))
    return ClaimPanel(
        lines,
        title,
        "learning rate",
        "largest ‖∂L/∂θ‖ of a run",
        log=True,
        categories=rates,
        compared=COMPARED,
        key=KEY,
        place=_place,
        words=in_words,
        legend="network and task",
        failed={name: np.array(rows).T for name, rows in failed.items()},
    )
