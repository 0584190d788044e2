"""Claim 1: a state carries earlier inputs forward; feed-forward outputs depend on the current one.

Task: recall of the symbol one step back, with a softmax and with a logistic readout. Control: a
feed-forward network with a window of two steps, which contains the input that recurrent networks
carry in their state.
"""

import numpy as np

from experiments.claims.evidence import Evidence, accuracies, observed
from experiments.claims.protocol import PROTOCOL, on_tasks
from experiments.experiment import Experiment
from seqjax.records.record import Record
from seqjax.reporting.plots.claims import ClaimPanel, Margin, Place, Quantity
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.stats.decisions.base import MARGINS
from seqjax.stats.decisions.theory import FEED_FORWARD
from seqjax.sweeps.study import Arm, Axis, Study

READOUTS = ("softmax", "logistic")
ARMS = (
    Arm("feedforward", {"model.cell": "feedforward"}),
    Arm("feedforward_equal", {"model.cell": "feedforward"}, matched="elman_tanh"),
    Arm("feedforward_window", {"model.cell": "feedforward", "model.window": 2}),
    Arm("elman_logistic", {"model.cell": "elman_sigmoid"}),
    Arm("elman_tanh", {"model.cell": "elman"}),
)

WORDS = {
    "feedforward": "feed-forward",
    "feedforward_equal": "feed-forward, as many parameters",
    "feedforward_window": "feed-forward, last two steps",
    "elman_logistic": "Elman, logistic",
    "elman_tanh": "Elman, tanh",
}
"""Arms in words."""


def experiment(full: bool) -> Experiment:
    """Return claim 1 at CPU size, or at full size."""
    study = Study(
        name="claim_1_full" if full else "claim_1",
        question="Does a state carry the last input forward, and does a network without one?",
        base={
            **PROTOCOL.base(full),
            "task.name": "lag_recall",
            "task.length": 40 if full else 10,
            "task.lag": 1,
            "train.steps": 1000 if full else 200,
            "train.eval_every": 500 if full else 100,
            "train.observe": "inputs",
        },
        arms=on_tasks({readout: {"model.readout": readout} for readout in READOUTS}, ARMS),
        axes=(Axis("optim.learning_rate", PROTOCOL.rates(full)),),
        **PROTOCOL.study(full),
    )
    return Experiment(study, decide=decide, curves=curves)


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 1 from test accuracies and from Jacobians of the feed-forward networks."""
    runs = evidence.runs_by()
    by_readout = {key: accuracies(records) for key, records in runs.items()}
    jacobians = {
        name: max(
            _largest_jacobian(record)
            for (_, arm), records in runs.items()
            if arm == name
            for record in records
        )
        for name in FEED_FORWARD
    }
    return CLAIMS["1"](by_readout, jacobians, evidence.records[0].chance.metric)


def _largest_jacobian(record: Record) -> float:
    """max ‖∂ŷ_t/∂x_s‖ over s ≠ t, after training."""
    distance, later = (observed(record, f"inputs.{name}")[-1] for name in ("distance", "later"))
    return float(max(*distance[1:], later))


def _accuracy(chance: float) -> Quantity:
    """Test accuracy, with the limits of the rule around chance."""
    least, most = chance - MARGINS.at_chance, chance + MARGINS.above_chance
    return Quantity(
        "test accuracy",
        (
            Margin(least, most, f"chance ({chance:g}) and {MARGINS.above_chance:g} above it"),
            Margin(0.9, 0.9, "limit that Elman networks must pass"),
        ),
    )


def _place(name: str) -> Place:
    """A row for each network in the panel of its readout."""
    arm, _, readout = name.partition(", ")
    return Place(WORDS[arm], f"{readout} readout")


def curves(evidence: Evidence) -> ClaimPanel:
    """‖∂ŷ_t/∂x_s‖ over t - s, with the softmax readout."""
    reach = {
        arm: np.array([observed(record, "inputs.distance")[-1] for record in records])
        for (readout, arm), records in evidence.runs_by().items()
        if readout == READOUTS[0]
    }
    title = "what an output depends on, after training (softmax readout)"
    return ClaimPanel(
        reach,
        title,
        "steps from input to output, t − s",
        "‖∂ŷ(t)/∂x(s)‖",
        first=0,
        compared=_accuracy(evidence.records[0].chance.metric),
        place=_place,
        words=WORDS.__getitem__,
        legend="network",
    )
