"""Kinds of clipping × thresholds, with a tuned learning rate.

Thresholds of different kinds have different units. Each kind is swept over the 10, 50 and 90 %
quantiles of the quantity that it bounds, over the steps of an unclipped run (seed 1000, rate .01):
the largest entry ("value"), the joint norm ("norm"), the largest norm of an array ("block"), the
largest ratio of a unit ("adaptive"), the signal over pairs of step and example ("step"). At that
rate thresholds at the same position in ``THRESHOLDS`` clip about equally often.
"""

from math import inf

from experiments.experiment import Experiment
from seqjax.sweeps.study import Arm, Axis, Study

THRESHOLDS = {
    "value": (0.003, 0.026, 0.22, inf),
    "norm": (0.025, 0.18, 1.6, inf),
    "block": (0.02, 0.16, 1.4, inf),
    "adaptive": (0.0044, 0.043, 0.38, inf),
    "percentile": (10.0, 50.0, 90.0, inf),
    "step": (0.00006, 0.00044, 0.0086, inf),
}

STUDY = Study(
    name="clip_threshold",
    question="Which kind of clipping helps, at which threshold, once the learning rate is tuned?",
    base={
        "task.name": "temporal_order",
        "task.length": 20,
        "model.cell": "elman",
        "model.hidden": 32,
        "optim.name": "momentum",
        "train.steps": 500,
        "train.batch_size": 32,
        "train.eval_every": 100,
    },
    arms=tuple(Arm(kind, {"clip.kind": kind}) for kind in THRESHOLDS),
    axes=(
        *(
            Axis("clip.threshold", values, arms=(kind,), label="threshold")
            for kind, values in THRESHOLDS.items()
        ),
        Axis("optim.learning_rate", (0.01, 0.03, 0.1, 0.3)),
    ),
    tune="optim.learning_rate",
    columns="",
    spread=True,
)

EXPERIMENT = Experiment(STUDY)
