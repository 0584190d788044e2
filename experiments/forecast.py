"""How warm will the sea be next month, and in a year?"""

from experiments.claims.evidence import PROTOCOL
from seqjax.study import Arm, Axis, Study

STUDY = Study(
    name="forecast",
    question="How warm will the sea be next month, and in a year?",
    base={
        **PROTOCOL.base(full=False),
        "task.name": "forecast",
        "optim.learning_rate": 0.01,
        "train.steps": 400,
        "train.eval_every": 50,
    },
    arms=(
        Arm("elman", {"model.cell": "elman"}, matched="lstm"),
        Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0}),
        Arm("gru", {"model.cell": "gru"}, matched="lstm"),
    ),
    axes=(Axis("task.horizon", (1, 12), label="months ahead"),),
    seeds=10,
)
