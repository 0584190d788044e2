"""Initial bias of each gate of an LSTM, compared with a GRU.

Jozefowicz et al. 2015 report that a forget bias of 1 closes most of the gap; a popular tutorial
claims the same for the output gate. b_i, b_f and b_o are swept in turn, with all other biases at 0.
"""

from experiments.experiment import Experiment
from seqjax.published.figures import Source
from seqjax.sweeps.study import Arm, Axis, Published, Study

VALUES = (-1.0, 0.0, 1.0, 2.0, 4.0)
SOURCE = Source(
    "Jozefowicz 2015",
    "Jozefowicz et al. 2015, table 1, next-step accuracy on Arithmetic / XML",
    confidence="S",
)

STUDY = Study(
    name="gate_bias",
    question="Which gate's initial bias helps an LSTM, and does it reach a GRU?",
    base={
        "task.name": "adding",
        "task.length": 60,
        "model.hidden": 32,
        "clip.kind": "norm",
        "clip.threshold": 1.0,
        "optim.name": "adam",
        "train.steps": 400,
        "train.batch_size": 32,
        "train.eval_every": 100,
    },
    arms=(
        Arm("b_i", {"model.cell": "lstm"}),
        Arm("b_f", {"model.cell": "lstm"}),
        Arm("b_o", {"model.cell": "lstm"}),
        Arm("gru", {"model.cell": "gru"}),
    ),
    axes=(
        Axis("init.bias.i", VALUES, arms=("b_i",), label="bias"),
        Axis("init.bias.f", VALUES, arms=("b_f",), label="bias"),
        Axis("init.bias.o", VALUES, arms=("b_o",), label="bias"),
        Axis("optim.learning_rate", (0.003, 0.01, 0.03)),
    ),
    tune="optim.learning_rate",
    published=(
        Published("LSTM, all biases 0", ".892 / .425", SOURCE, ("arithmetic", "xml")),
        Published("LSTM, b_f = 1", ".902 / .444", SOURCE, ("arithmetic", "xml")),
        Published("GRU", ".896 / .460", SOURCE, ("arithmetic", "xml")),
    ),
)

EXPERIMENT = Experiment(STUDY)
