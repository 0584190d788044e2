"""Claim 11: RNNs classify MNIST.

Networks read an image row by row in 28 steps and classify it after the last. The baselines,
multinomial logistic regression and the nearest neighbour, see all pixels at once and learn from the
same images. A gain is the share of a baseline's wrong answers that a network saves. Without MNIST,
``mnist_small.flags`` runs networks and baselines on the bundled 8 x 8 digits.

Learning rates are the best of .002, .004 and .008 on the validation images at seed 1000, which is
not a reported seed.
"""

from collections.abc import Mapping

import numpy as np

from experiments.claims.evidence import Evidence, accuracies, gains
from experiments.experiment import Experiment
from experiments.studies.panels import with_baselines
from seqjax.baselines import classical
from seqjax.published.figures import Source
from seqjax.records.record import Record
from seqjax.reporting.plots.claims import ClaimPanel
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.sweeps.measurement import Measurement, Point, task_of
from seqjax.sweeps.study import Arm, Published, Study
from seqjax.tasks import MNIST
from seqjax.tasks.datasets.digits import DigitsPixels, DigitsRows
from seqjax.tasks.datasets.mnist import FashionRows

TASK = "mnist_rows"
TASK_NAMES = tuple(task.name for task in (*MNIST, FashionRows, DigitsRows, DigitsPixels))
LECUN = Source("LeCun 1998", "LeCun, Bottou, Bengio and Haffner 1998", confidence="M")
IMAGES = tuple(task.name for task in MNIST)
"""Tasks on the images of MNIST, whatever the order of their pixels."""
BASELINES = ("logistic regression", "nearest neighbour")
PENALTIES = (0.1, 1.0)
"""Inverse strengths of the regularisation; the better one on validation images is used."""
CHUNK = 500
"""Number of test images whose distances to all training images are in memory together."""

Parts = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Images (n, D) in float64 and classes (n,), by part: train, validation, test."""

DATA = "f6ac864073b965b7"
STUDY = Study(
    name="mnist",
    question="Do recurrent networks classify digits that they read row by row?",
    base={
        "task.name": TASK,
        "model.hidden": 128,
        "init.recurrent": "orthogonal",
        "optim.name": "adam",
        "optim.learning_rate": 0.008,
        "optim.schedule": "cosine",
        "clip.kind": "norm",
        "clip.threshold": 1.0,
        "train.steps": 2000,
        "train.batch_size": 128,
        "train.eval_every": 500,
    },
    arms=(
        Arm("elman", {"model.cell": "elman", "optim.learning_rate": 0.004}),
        Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0}),
        Arm("gru", {"model.cell": "gru"}),
    ),
    seeds=10,
    columns="",
    published=(
        Published(
            "linear classifier of the pixels, test error",
            "12.0 %",
            LECUN,
            IMAGES,
        ),
        Published(
            "nearest neighbours, Euclidean, test error",
            "5.0 %",
            LECUN,
            IMAGES,
        ),
        Published(
            "pixel by pixel, 784 steps, 100 units, test accuracy",
            "tanh .350, IRNN .970",
            Source("Le 2015", "Le, Jaitly and Hinton 2015, in Cooijmans et al. 2017"),
            ("mnist_pixels",),
        ),
        Published(
            "pixel by pixel, LSTM of 100 units, test accuracy",
            ".989",
            Source("Cooijmans 2017", "Cooijmans et al. 2017"),
            ("mnist_pixels",),
        ),
        Published(
            "pixel by pixel, LSTM and JANET of 128 units, test accuracy",
            ".985, .990",
            Source("JANET 2018", "van der Westhuizen and Lasenby 2018, abstract"),
            ("mnist_pixels",),
        ),
    ),
)


def measure(point: Point) -> dict[str, np.ndarray]:
    """Error of a baseline: the share of test images that it classifies wrongly."""
    parts = {
        part: (images.reshape(len(images), -1).astype(np.float64), classes)
        for part, (images, classes) in task_of(point).read().items()
    }
    classify = {"logistic regression": by_regression, "nearest neighbour": by_neighbour}
    images, classes = parts["test"]
    return {"error": np.mean(classify[point["baseline"]](parts, images) != classes)}


def by_regression(parts: Parts, images: np.ndarray) -> np.ndarray:
    """Return (m,) classes of images (m, D) by logistic regression on pixels in [0, 1]."""
    (x, y), (held_out, classes) = parts["train"], parts["validation"]
    scale = x.max()

    def predicted(model: tuple[np.ndarray, np.ndarray], images: np.ndarray) -> np.ndarray:
        return np.argmax(images / scale @ model[0] + model[1], axis=1)

    models = [classical.logistic_regression(x / scale, y, penalty) for penalty in PENALTIES]
    best = max(models, key=lambda model: np.mean(predicted(model, held_out) == classes))
    return predicted(best, images)


def by_neighbour(parts: Parts, images: np.ndarray) -> np.ndarray:
    """(m,) classes of images t (m, D): the class of the nearest training image x.

        ‖x - t‖² - ‖t‖² = ‖x‖² - 2 x·t

    The distances are exact in float64, because grey levels are integers or sixteenths. Ties go to
    the first image.
    """
    x, y = parts["train"]
    squares, chunks = np.sum(x**2, axis=1), range(0, len(images), CHUNK)
    nearest = [np.argmin(squares - 2 * images[k : k + CHUNK] @ x.T, axis=1) for k in chunks]
    return y[np.concatenate(nearest)]


MEASUREMENT = Measurement(
    name="mnist",
    question="How often are classifiers wrong that see all pixels at once?",
    points=tuple({"task.name": TASK, "baseline": name} for name in BASELINES),
    measure=measure,
)


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 11 from the gains of every arm over every baseline."""
    runs, baselines = _compared(evidence)
    return CLAIMS["11"](
        {
            arm: {
                name: gains(records, 1 - accuracies(records), error)
                for name, error in baselines.items()
            }
            for arm, records in runs.items()
        }
    )


def curves(evidence: Evidence) -> ClaimPanel:
    """Wrong answers of every arm and baseline, in percent."""
    runs, baselines = _compared(evidence)
    wrong = {arm: 100 * (1 - accuracies(records)) for arm, records in runs.items()}
    others = {name: 100 * error for name, error in baselines.items()}
    return with_baselines(wrong, others, "test images", "wrong answers, % of images")


def _compared(evidence: Evidence) -> tuple[dict[str, list[Record]], dict[str, float]]:
    """The runs of each arm, and the error of each baseline."""
    measured = evidence.measured_by("baseline")
    return (
        {arm: runs for (_, arm), runs in evidence.runs_by().items()},
        {name: float(measured[name,]["error"]) for name in BASELINES},
    )


EXPERIMENT = Experiment(STUDY, MEASUREMENT, decide, curves, DATA, TASK_NAMES)
