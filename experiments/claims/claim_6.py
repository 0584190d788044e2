"""Claim 6: step t9 must still read t1 to choose singular or plural, and an LSTM can.

In generated sentences only the subject determines the verb's number. Training sentences have 0 to
10 words between subject and verb. Test sentences have 7, with a noun of the opposite number among
them, and 15 and 30, more than any training sentence. All cells have as many parameters as the LSTM.
"""

import numpy as np

from experiments.claims.evidence import Evidence, accuracies
from experiments.claims.protocol import PROTOCOL
from experiments.claims.words import in_words
from experiments.experiment import Experiment
from seqjax.reporting.plots.claims import ClaimPanel, Margin, Place, Quantity
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.tasks.synthetic.agreement import ATTRACTORS, NUMBERS

METRICS = {7: "accuracy_7_opposite", 15: "accuracy_15", 30: "accuracy_30"}

KEY = (
    "IRNN: ReLU network whose recurrent matrix starts as the identity. Last noun, majority: rules "
    "that answer with the number of the last noun, or always the same."
)
"""Names in the figure."""
BETWEEN = {7: "7 words, an opposite noun", 15: "15 words", 30: "30 words"}
"""Distances in words."""
ACCURACY = Quantity(
    "test accuracy",
    (
        Margin(0.95, 1.0, "can (0.95 or more)"),
        Margin(0.75, 0.75, "limit below which the Elman network cannot"),
    ),
)


def experiment(full: bool) -> Experiment:
    """Return claim 6 at CPU size, or at full size."""
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
    return Experiment(study, decide=decide, curves=curves)


def _width(full: bool) -> int:
    """Width, near that of ``PROTOCOL``, at which all other cells match within 1 %."""
    return 128 if full else 31


def last_noun_accuracy(distance: int, opposite: bool = False) -> float:
    """Probability that the last of ``distance`` words between has the subject's number, if a noun.

        a = 1/2 + (1 - p)^k / 2,     (a - (1 - q)^k) / (1 - (1 - q)^k)  with an opposite noun

    with p = 1/4, the share of nouns among these words, and q = p/2, the share of nouns of the
    other number.

    >>> round(last_noun_accuracy(7, opposite=True), 3), round(last_noun_accuracy(15), 3)
    (0.287, 0.507)
    """
    right = 1 / NUMBERS + (1 - 1 / NUMBERS) * (1 - ATTRACTORS) ** distance
    none = (1 - ATTRACTORS / NUMBERS) ** distance
    return (right - none) / (1 - none) if opposite else right


def _measured(evidence: Evidence) -> dict[tuple[str, int], np.ndarray]:
    """(n,) accuracies by (arm, distance), of the networks and of two rules without a network."""
    measured = {
        (arm, distance): accuracies(runs, metric)
        for (_, arm), runs in evidence.runs_by().items()
        for distance, metric in METRICS.items()
    }
    n = max((len(values) for values in measured.values()), default=0)
    for distance in METRICS:
        last = last_noun_accuracy(distance, opposite=distance == min(METRICS))
        measured["last noun", distance] = np.full(n, last)
        measured["majority", distance] = np.full(n, 1 / NUMBERS)
    return measured


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdicts 6a and 6b from accuracies by distance."""
    return CLAIMS["6"](_measured(evidence))


def _place(name: str) -> Place:
    """A row for each network and rule in the panel of its distance."""
    arm, _, distance = name.rpartition(" at ")
    return Place(in_words(arm), BETWEEN[int(distance)])


def curves(evidence: Evidence) -> ClaimPanel:
    """Accuracy of each arm by distance."""
    measured = _measured(evidence)
    arms = dict.fromkeys(arm for arm, _ in measured)
    lines = {arm: np.stack([measured[arm, k] for k in METRICS], axis=1) for arm in arms}
    title = "accuracy by distance, 10 being the longest trained on"
    return ClaimPanel(
        lines,
        title,
        "words between subject and verb",
        "test accuracy",
        categories=tuple(BETWEEN.values()),
        compared=ACCURACY,
        key=KEY,
        place=_place,
        words=in_words,
        legend="network or rule",
    )
