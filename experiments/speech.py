"""Which of nine men says two vowels? Recurrent networks beside nearest neighbours."""

from experiments.claims.evidence import PROTOCOL
from seqjax.study import Arm, Study

STUDY = Study(
    name="speech",
    question="Which of nine men says two vowels?",
    base={
        **PROTOCOL.base(full=False),
        "task.name": "japanese_vowels",
        "optim.learning_rate": 0.01,
        "train.steps": 400,
        "train.eval_every": 50,
    },
    arms=(
        Arm("elman", {"model.cell": "elman"}, matched="lstm"),
        Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0, "model.hidden": 33}),
        Arm("gru", {"model.cell": "gru"}, matched="lstm"),
    ),
    seeds=10,
)
