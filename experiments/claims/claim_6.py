"""Claim 6: step t9 must still read t1 to choose singular or plural, and an LSTM can.

Generated agreement, where nothing but the subject tells the verb's number. Trained with 0 to 10
words between subject and verb; tested at 7, where some noun between has the other number, and
further than any sentence trained on, at 15 and 30. All cells have the LSTM's parameters.
"""

import numpy as np

from experiments.claims.evidence import PROTOCOL, accuracies, by_arm
from experiments.experiment import Subject
from seqjax.reporting.plots.claims import Curves
from seqjax.stats.decisions import CLAIMS
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.tasks.synthetic.agreement import ATTRACTORS, NUMBERS

METRICS = {7: "accuracy_7_opposite", 15: "accuracy_15", 30: "accuracy_30"}


def subject(full: bool) -> Subject:
    irnn = {"model.cell": "elman_relu", "init.recurrent": "identity"}
    study = Study(
        name="claim_6_full" if full else "claim_6",
        question="Does the ninth word still know the number of the first?",
        base={
            **PROTOCOL.base(full),
            "task.name": "agreement",
            "train.steps": 1600 if full else 400,
            "train.eval_every": 800 if full else 200,
        },
        arms=(
            Arm("elman", {"model.cell": "elman"}, matched="lstm"),
            Arm("irnn", irnn, matched="lstm"),
            Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0, "model.hidden": _width(full)}),
            Arm("gru", {"model.cell": "gru"}, matched="lstm"),
        ),
        axes=(Axis("optim.learning_rate", PROTOCOL.rates(full)),),
        **PROTOCOL.study(full),
    )
    return Subject(study, decide=decide, curves=curves)


def _width(full: bool) -> int:
    """The width nearest to the usual one at which all others match within 1 %."""
    return 128 if full else 31


def last_noun_accuracy(distance: int, opposite: bool = False) -> float:
    """How often the number of the last noun is the subject's, with so many words between.

        a = 1/2 + (1 - p)^k / 2,     (a - (1 - q)^k) / (1 - (1 - q)^k)  with an opposite noun

    for p = 1/4, the share of nouns between, and q = p/2, that of nouns of the other number.

    >>> round(last_noun_accuracy(7, opposite=True), 3), round(last_noun_accuracy(15), 3)
    (0.287, 0.507)
    """
    right = 1 / NUMBERS + (1 - 1 / NUMBERS) * (1 - ATTRACTORS) ** distance
    none = (1 - ATTRACTORS / NUMBERS) ** distance
    return (right - none) / (1 - none) if opposite else right


def _measured(recorded) -> dict[tuple[str, int], np.ndarray]:
    """(n,) accuracies by (arm, distance), and beside them what needs no network."""
    given = {
        (arm, distance): accuracies(runs, metric)
        for (_, arm), runs in by_arm(recorded).items()
        for distance, metric in METRICS.items()
    }
    n = max((len(values) for values in given.values()), default=0)
    for distance in METRICS:
        last = last_noun_accuracy(distance, opposite=distance == min(METRICS))
        given["last noun", distance] = np.full(n, last)
        given["majority", distance] = np.full(n, 1 / NUMBERS)
    return given


def decide(recorded, points):
    del points
    return CLAIMS["6"](_measured(recorded))


def curves(recorded, points):
    del points
    given = _measured(recorded)
    arms = dict.fromkeys(arm for arm, _ in given)
    lines = {arm: np.stack([given[arm, k] for k in METRICS], axis=1) for arm in arms}
    title = "accuracy by distance, 10 being the longest trained on"
    between = ("7, an opposite noun", "15", "30")
    return Curves(lines, title, "words between", "accuracy", categories=between)
