"""Which kind of clipping helps, at which threshold, once the learning rate is tuned?

Kinds differ in the unit of their threshold, so each is swept over its own. Thresholds of different
kinds are comparable only through the fraction of clipped steps, which the CSV table lists.
"""

from math import inf

from seqjax.study import Arm, Axis, Study

THRESHOLDS = {
    "value": (0.001, 0.01, 0.1, inf),
    "norm": (0.03, 0.3, 3.0, inf),
    "block": (0.03, 0.3, 3.0, inf),
    "adaptive": (0.003, 0.03, 0.3, inf),
    "percentile": (10.0, 50.0, 90.0, inf),
    "step": (0.0001, 0.001, 0.01, inf),
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
