"""Initial bias of the forget gate × clipping by norm.

Each cell of the main table has the learning rate with the best validation metric. The second table
has the largest rate in every cell; many of its differences are effects of that rate.
"""

from math import inf

from experiments.experiment import Experiment
from seqjax.sweeps.study import Axis, Study

STUDY = Study(
    name="init_by_clip",
    question="Does the forget gate's initial bias matter, and does clipping make up for a bad one?",
    base={
        "task.name": "digits_rows",
        "model.cell": "lstm",
        "model.hidden": 32,
        "clip.kind": "norm",
        "optim.name": "momentum",
        "train.steps": 300,
        "train.batch_size": 64,
        "train.eval_every": 50,
    },
    axes=(
        Axis("init.bias.f", (-1.0, 0.0, 1.0, 2.0, 4.0), label="forget bias"),
        Axis("clip.threshold", (0.1, 1.0, inf), label="clip norm"),
        Axis("optim.learning_rate", (0.1, 0.3, 1.0)),
    ),
    tune="optim.learning_rate",
    fixed=1.0,
)

EXPERIMENT = Experiment(STUDY)
