"""Claim 11: RNNs classify MNIST.

Images are read row by row, 28 steps, and named at the last. A gain is the share that a network
saves of the wrong answers of a classifier without recurrence, trained on the same images, which
sees all pixels at once: multinomial logistic regression, and the nearest neighbour. Where MNIST is
not there, scikit-learn's digits are, for networks and baselines alike: ``mnist_small.flags``.

Rates are the best of .002, .004 and .008 on the validation images at seed 1000, not reported.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.claims.evidence import SAVED, accuracies, by_arm, by_point, gains
from seqjax.reporting.plots.claims import Curves
from seqjax.stats.decisions import CLAIMS
from seqjax.sweeps.measurement import Measurement, Point, task_of
from seqjax.sweeps.study import Arm, Published, Study
from seqjax.tasks import FASHION, MNIST
from seqjax.tasks.datasets.digits import DigitsPixels, DigitsRows

TASK = "mnist_rows"
TASK_NAMES = tuple(task.name for task in (*MNIST, *FASHION, DigitsRows, DigitsPixels))
BASELINES = ("logistic regression", "nearest neighbour")
PENALTIES = (0.1, 1.0)
"""scikit-learn's C, of which the better on validation images is taken."""
MOST_ITERATIONS = 2000
CHUNK = 500
"""Images whose distances to all others are in memory together."""

Record = Mapping[str, Any]
Parts = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Images (n, D), float64, and their classes (n,), of training, validation and test."""

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
            "LeCun, Bottou, Bengio and Haffner 1998",
            "M",
        ),
        Published(
            "nearest neighbours, Euclidean, test error",
            "5.0 %",
            "LeCun, Bottou, Bengio and Haffner 1998",
            "M",
        ),
        Published(
            "pixel by pixel, 784 steps, 100 units, test accuracy",
            "tanh .350, IRNN .970",
            "Le, Jaitly and Hinton 2015, in Cooijmans et al. 2017",
            "P",
        ),
        Published(
            "pixel by pixel, LSTM of 100 units, test accuracy",
            ".989",
            "Cooijmans et al. 2017",
            "P",
        ),
        Published(
            "pixel by pixel, LSTM and JANET of 128 units, test accuracy",
            ".985, .990",
            "van der Westhuizen and Lasenby 2018, abstract",
            "P",
        ),
    ),
)


def measure(point: Point) -> dict[str, np.ndarray]:
    """The share of test images that a baseline names wrongly."""
    parts = {
        part: (images.reshape(len(images), -1).astype(np.float64), classes)
        for part, (images, classes) in task_of(point).read().items()
    }
    classify = {"logistic regression": by_regression, "nearest neighbour": by_neighbour}
    images, classes = parts["test"]
    return {"error": np.mean(classify[point["baseline"]](parts, images) != classes)}


def by_regression(parts: Parts, images: np.ndarray) -> np.ndarray:
    """(m,) classes of images (m, D) by multinomial logistic regression on pixels in [0, 1].

    ‖w‖²/(2 C) is added to the sum of losses, C one of ``PENALTIES``.
    """
    from sklearn.linear_model import LogisticRegression

    (x, y), (held_out, wanted) = parts["train"], parts["validation"]
    models = [
        LogisticRegression(C=penalty, max_iter=MOST_ITERATIONS).fit(x / x.max(), y)
        for penalty in PENALTIES
    ]
    best = max(models, key=lambda model: model.score(held_out / x.max(), wanted))
    return best.predict(images / x.max())


def by_neighbour(parts: Parts, images: np.ndarray) -> np.ndarray:
    """(m,) classes of images t (m, D): each that of the nearest training image x.

        ‖x - t‖² - ‖t‖² = ‖x‖² - 2 x·t

    Exact, as grey levels are whole numbers, or sixteenths, of which float64 makes no error; of
    equally near ones the first counts.
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


def decide(recorded, points):
    runs, baselines = _evidence(recorded, points)
    return CLAIMS["11"](
        {
            arm: {name: gains(own, 1 - accuracies(own), error) for name, error in baselines.items()}
            for arm, own in runs.items()
        }
    )


def curves(recorded, points):
    runs, baselines = _evidence(recorded, points)
    wrong = [1 - accuracies(own) for own in runs.values()]
    wrong += [np.full_like(wrong[0], error) for error in baselines.values()]
    lines = {"median, least and largest": 100 * np.stack(wrong, axis=1)}
    names = (*runs, *baselines)
    return Curves(
        lines, "wrong answers", "", "% of the test images", categories=names, compared=SAVED
    )


def _evidence(recorded, points) -> tuple[dict[str, list[Record]], dict[str, float]]:
    """The records of each arm, and the error of each baseline."""
    measured = by_point(points, "baseline")
    return (
        {arm: runs for (_, arm), runs in by_arm(recorded).items()},
        {name: float(measured[name,]["error"]) for name in BASELINES},
    )
