"""One LSTM on MNIST under seven published protocols: accuracies of 24 to 99 % of the same cell.

An LSTM of 100 units reads MNIST with optimiser, rate, batch, clipping, forget bias, recurrent
initialisation and regularisation of seven papers. Width, data and number of epochs are the same in
all rows, so the differences between rows are those of the protocols alone. What a paper does not
print has the same value in all rows: orthogonal recurrent matrices, b_f = 1, batches of 64.

At CPU size an image is 28 steps of one row, and training has two epochs; at full size it is 784
steps of one pixel, in order or permuted, as in the papers. The seven rows are the papers':

    Le 2015         SGD .01, batch 16, clip 1, b_f = 1
    RIN 2018        RMSProp 1e-6, batch 128, no clipping, b_f = 0
    Cooijmans 2017  RMSProp 1e-3 with momentum .9, clip 1, U = I
    Bai 2018        clip 1, b_f = 1; optimiser and rate are not printed: Adam 1e-3
    Tallec 2018     RMSProp 1e-3 with decay .9, no clipping, b_f = 1
    Gu 2020         Adam 1e-3, batch 50, clip 1
    JANET 2018      Adam 1e-3, batch 200, clip 5, weight decay 1e-5, dropout .1
"""

from typing import Any

from experiments.experiment import Experiment
from seqjax.published.figures import Source, figures
from seqjax.published.table import AS_PUBLISHED, Deviation, Effect, Measure, PublishedTable
from seqjax.sweeps.study import Arm, Study

LE = Source(
    "Le 2015",
    "Le, Jaitly and Hinton 2015. A simple way to initialize recurrent networks of rectified "
    "linear units.",
    "summaries, which give an error of about 34 %",
    "arXiv 1504.00941",
    confidence="S",
    note="Rate .01, clip 1 and b_f = 1 of the LSTM are from memory.",
)
RIN = Source(
    "RIN 2018",
    "Hu, Huber, Anumula and Liu 2018. Overcoming the vanishing gradient problem in plain "
    "recurrent networks.",
    "rerun of the LSTM",
)
COOIJMANS = Source(
    "Cooijmans 2017", "Cooijmans et al. 2017. Recurrent batch normalization.", "pixel by pixel"
)
BAI = Source(
    "Bai 2018",
    "Bai, Kolter and Koltun 2018. An empirical evaluation of generic convolutional and recurrent "
    "networks for sequence modeling.",
    "tables 1 and 3",
    "arXiv 1803.01271",
)
TALLEC = Source(
    "Tallec 2018",
    "Tallec and Ollivier 2018. Can recurrent neural networks warp time?",
    "section 4",
    "OpenReview submission",
    note="Only validation accuracies are printed, of 512 units on permuted pixels: .954, and .963 "
    "with chrono initialisation.",
)
GU = Source(
    "Gu 2020",
    "Gu, Gulcehre, Paine, Hoffman and Pascanu 2020. Improving the gating mechanism of recurrent "
    "neural networks.",
    "quoted by Gu, Goel and Ré 2022 (S4)",
    note="The settings are those of a reimplementation, r0mainK/ur-lstm.",
)
JANET = Source(
    "JANET 2018",
    "van der Westhuizen and Lasenby 2018. The unreasonable effectiveness of the forget gate.",
    "abstract",
    "arXiv 1804.04849",
)

ACCURACY = "accuracy"
IN_ORDER, PERMUTED = "in order", "permuted"
PUBLISHED = {
    "Le 2015": (LE, ("0.66", "")),
    "RIN 2018": (RIN, ("0.2410", "0.2849")),
    "Cooijmans 2017": (COOIJMANS, ("0.989", "0.902")),
    "Bai 2018": (BAI, ("0.872", "0.857")),
    "Tallec 2018": (TALLEC, ("", "0.954")),
    "Gu 2020": (GU, ("0.989", "0.9511")),
    "JANET 2018": (JANET, ("0.985", "0.910")),
}
"""Source and accuracies in order and permuted, by row; "" where none is printed."""

RMSPROP = {"optim.name": "rmsprop", "optim.learning_rate": 1e-3, "optim.decay": 0.9}
ADAM = {"optim.name": "adam", "optim.learning_rate": 1e-3}
SETTINGS: dict[str, dict[str, Any]] = {
    "Le 2015": {
        "optim.name": "sgd",
        "optim.learning_rate": 0.01,
        "train.batch_size": 16,
        "clip.threshold": 1.0,
    },
    "RIN 2018": {
        **RMSPROP,
        "optim.learning_rate": 1e-6,
        "train.batch_size": 128,
        "init.bias.f": 0.0,
    },
    "Cooijmans 2017": {
        **RMSPROP,
        "optim.name": "rmsprop_momentum",
        "optim.momentum": 0.9,
        "init.recurrent": "identity",
        "clip.threshold": 1.0,
    },
    "Bai 2018": {**ADAM, "clip.threshold": 1.0},
    "Tallec 2018": RMSPROP,
    "Gu 2020": {**ADAM, "train.batch_size": 50, "clip.threshold": 1.0},
    "JANET 2018": {
        **ADAM,
        "optim.name": "adamw",
        "optim.weight_decay": 1e-5,
        "reg.kinds": "output_dropout",
        "reg.output_dropout": 0.1,
        "train.batch_size": 200,
        "clip.threshold": 5.0,
    },
}
"""Settings of each row; rows without a threshold have no clipping."""
IMAGES = 55_000
VALIDATIONS = 8

EFFECTS = tuple(
    Effect(better, worse, None, why, task=IN_ORDER)
    for better, worse, why in (
        ("Cooijmans 2017", "RIN 2018", "99 % or 24 %: the largest published difference"),
        ("Le 2015", "RIN 2018", "two protocols of low accuracy"),
        ("Cooijmans 2017", "Le 2015", "adaptive rates beat SGD"),
        ("Cooijmans 2017", "Bai 2018", "99 % or 87 % at one clip and about one width"),
        ("Gu 2020", "Bai 2018", "the same"),
        ("JANET 2018", "Bai 2018", "the same"),
    )
)


ONE = "one model for all rows"
TABLE = PublishedTable(
    name="mnist_protocols",
    title="Seven papers on an LSTM and MNIST",
    measures=(Measure(ACCURACY, "test accuracy", higher_is_better=True),),
    figures=tuple(
        figure
        for row, (source, texts) in PUBLISHED.items()
        for figure in figures(
            source, {row: texts}, ({"task": IN_ORDER}, {"task": PERMUTED}), metric=ACCURACY
        )
    ),
    effects=EFFECTS,
    deviations=(
        Deviation(
            "task.name",
            "mnist_pixels",
            "differs",
            "minutes on two cores",
            task=IN_ORDER,
            label="task",
        ),
        Deviation(
            "train.steps",
            "100 to 500 epochs",
            "reduced",
            "2 epochs in all rows; 100 at full size",
            label="updates",
        ),
        Deviation("model.hidden", "100 to 1,024", "differs", ONE, label="units"),
        Deviation("layers of JANET", "2", "differs", ONE, ours="1"),
        Deviation("readout of Gu", "256 ReLU", "differs", ONE, ours="linear"),
        Deviation("weight decay of JANET", "L2", "differs", "AdamW's is decoupled", ours="AdamW's"),
        Deviation(
            "forget bias of Cooijmans, Gu and JANET", "–", "unknown", "not printed", ours="1"
        ),
        Deviation("batch of Cooijmans, Bai and Tallec", "–", "unknown", "not printed", ours="64"),
        Deviation("optimiser of Bai", "–", "unknown", "not printed", ours="Adam .001"),
        Deviation("U of Le", "–", "unknown", "not printed for the LSTM", ours="orthogonal"),
    ),
    convention="the step of the best validation accuracy is reported; Tallec prints validation "
    "accuracies",
)


def experiment(full: bool) -> Experiment:
    """Return the table at CPU size, or at full size."""
    epochs = 100 if full else 2
    orders = {IN_ORDER: "mnist_pixels", PERMUTED: "mnist_pixels_permuted"}
    tasks = orders if full else {IN_ORDER: "mnist_rows"}
    study = Study(
        name="mnist_protocols_full" if full else "mnist_protocols",
        question="How much of the published accuracy of an LSTM on MNIST is its protocol?",
        base={
            "model.cell": "lstm",
            "model.hidden": 100,
            "init.recurrent": "orthogonal",
            "init.bias.f": 1.0,
            "clip.kind": "norm",
            "train.batch_size": 64,
            "train.select": "best",
        },
        arms=tuple(
            Arm(
                row,
                {"task.name": name, **settings, **_steps(settings, epochs)},
                task=task,
                tags={"protocol": AS_PUBLISHED, "row": row},
            )
            for task, name in tasks.items()
            for row, settings in SETTINGS.items()
        ),
        seeds=5 if full else 3,
    )
    return Experiment(study, table=TABLE)


def _steps(settings: dict[str, Any], epochs: int) -> dict[str, int]:
    """Updates of a number of epochs, and eight validations in equal distances."""
    every = epochs * (IMAGES // settings.get("train.batch_size", 64)) // VALIDATIONS
    return {"train.steps": every * VALIDATIONS, "train.eval_every": every}
