"""Digits read pixel by pixel: forget bias and clipping of an LSTM, beside an IRNN and a GRU.

The study itself reads the 64 pixels of the digits that are part of seqjax. At full size it reads
the 784 pixels of MNIST, on which published accuracies of one LSTM lie between 24 and 99 %, so its
question is how much initial bias and clipping explain. ``permuted_mnist`` asks the same for pixels
in a fixed random order, whose neighbours say little of each other.
"""

from math import inf

from experiments.experiment import Experiment
from seqjax.published.figures import Source
from seqjax.sweeps.study import Arm, Axis, Published, Study
from seqjax.tasks.datasets.digits import DigitsPixels, DigitsPixelsPermuted
from seqjax.tasks.datasets.mnist import MnistPixels, MnistPixelsPermuted

CLIPS = (1.0, inf)
BASE = {
    "model.hidden": 32,
    "init.recurrent": "orthogonal",
    "optim.name": "adam",
    "clip.kind": "norm",
    "train.steps": 800,
    "train.batch_size": 32,
    "train.eval_every": 100,
    "train.select": "best",
}
ARMS = (
    Arm("irnn", {"model.cell": "elman_relu", "init.recurrent": "identity"}),
    Arm("gru", {"model.cell": "gru"}),
    Arm("lstm, b_f = 0", {"model.cell": "lstm", "init.bias.f": 0.0}),
    Arm("lstm, b_f = 1", {"model.cell": "lstm", "init.bias.f": 1.0}),
    Arm(
        "lstm, chrono",
        {"model.cell": "lstm", "init.bias_scheme": "chrono", "init.t_max": 64.0},
    ),
)
AXES = (Axis("clip.threshold", CLIPS), Axis("optim.learning_rate", (0.001, 0.003, 0.01)))


COOIJMANS = Source("Cooijmans 2017", "Cooijmans et al. 2017. Recurrent batch normalization.")
BAI = Source("Bai 2018", "Bai, Kolter and Koltun 2018", "table 1")
PUBLISHED = tuple(
    Published(
        f"{what}, test accuracy in order / permuted",
        figure,
        source,
        (MnistPixels.name, MnistPixelsPermuted.name),
    )
    for what, figure, source in (
        ("tanh, 100 units, of Le et al. 2015", ".350 / .350", COOIJMANS),
        ("IRNN, 100 units, of Le et al. 2015", ".970 / .820", COOIJMANS),
        ("LSTM, 100 units", ".989 / .902", COOIJMANS),
        ("LSTM; GRU; tanh", ".872 / .857; .962 / .873; .215 / .253", BAI),
    )
)

STUDY = Study(
    name="sequential_mnist",
    question="Do forget bias and clipping decide whether an LSTM reads digits pixel by pixel?",
    base={"task.name": DigitsPixels.name, **BASE},
    arms=ARMS,
    axes=AXES,
    tune="optim.learning_rate",
    columns="clip.threshold",
    published=PUBLISHED,
)

EXPERIMENT = Experiment(STUDY, tasks=(DigitsPixels.name, MnistPixels.name))
PERMUTED = (DigitsPixelsPermuted.name, MnistPixelsPermuted.name)
"""Tasks of ``permuted_mnist``."""
