"""Claim 1: a state carries earlier inputs forward; a feed-forward output has the current one alone.

Recall of the symbol one step back, under a softmax and a logistic readout. The feed-forward network
that reads a window of two steps is the control: it is given what the state would carry.
"""

import numpy as np

from experiments.claims.evidence import PROTOCOL, accuracies, by_arm, observed, on_tasks
from experiments.experiment import Subject
from seqjax.reporting.plots.claims import Curves
from seqjax.stats.decisions import CLAIMS
from seqjax.sweeps.study import Arm, Axis, Study

READOUTS = ("softmax", "logistic")
ARMS = (
    Arm("feedforward", {"model.cell": "feedforward"}),
    Arm("feedforward_equal", {"model.cell": "feedforward"}, matched="elman_tanh"),
    Arm("feedforward_window", {"model.cell": "feedforward", "model.window": 2}),
    Arm("elman_logistic", {"model.cell": "elman_sigmoid"}),
    Arm("elman_tanh", {"model.cell": "elman"}),
)


def subject(full: bool) -> Subject:
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
    return Subject(study, decide=decide, curves=curves)


def decide(recorded, points):
    del points
    runs = by_arm(recorded)
    by_readout = {place: accuracies(own) for place, own in runs.items()}
    jacobians = {
        arm: max(_beside(record) for (_, a), own in runs.items() if a == arm for record in own)
        for arm in ("feedforward", "feedforward_equal")
    }
    return CLAIMS["1"](by_readout, jacobians, recorded[0]["chance"]["metric"])


def _beside(record) -> float:
    """The largest ‖∂ŷ_t/∂x_s‖ with s ≠ t after training."""
    distance, later = (observed(record, f"inputs.{name}")[-1] for name in ("distance", "later"))
    return float(max(*distance[1:], later))


def curves(recorded, points):
    del points
    reach = {
        arm: np.array([observed(record, "inputs.distance")[-1] for record in own])
        for (readout, arm), own in by_arm(recorded).items()
        if readout == READOUTS[0]
    }
    title = "what an output depends on, after training"
    return Curves(reach, title, "steps from input to output", "‖∂ŷ_t/∂x_s‖", first=0)
