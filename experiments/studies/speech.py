"""Claim 13s: recognition of nine speakers by two vowels, compared with nearest neighbours.

The nearest-neighbour classifiers use all 270 training utterances, as in the literature. The
networks learn from 225 of them; the remaining 45 select the learning rate. The verdict compares
with neighbours of the published values, for which the literature has numbers. Neighbours of
standardised values, the input of the networks, do better; they have an exploratory verdict.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from experiments.claims.evidence import Evidence, accuracies, gains
from experiments.claims.protocol import PROTOCOL
from experiments.claims.words import SAVED, in_words
from experiments.experiment import Experiment
from experiments.studies.panels import over_baseline
from seqjax.baselines import classical
from seqjax.data.japanese_vowels import LONGEST
from seqjax.published.figures import Source
from seqjax.reporting.plots.claims import ClaimPanel
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.sweeps.measurement import Measurement
from seqjax.sweeps.study import Arm, Axis, Published, Study
from seqjax.tasks.datasets.japanese_vowels import utterances

QUESTION = "Which of nine men says two vowels?"
UEA = Source("UEA 2018", "Bagnall et al. 2018, UEA archive, arXiv:1811.00075", confidence="M")
KUDO = Source(
    "Kudo 1999", "Kudo, Toyama and Shimbo 1999, Pattern Recognition Letters 20", confidence="M"
)

DATA = "d88b2606177896f2"
STUDY = Study(
    name="speech",
    question=QUESTION,
    base={
        **PROTOCOL.base(full=False),
        "task.name": "japanese_vowels",
        "optim.schedule": "cosine",
        "train.steps": 300,
        "train.eval_every": 100,
    },
    arms=(
        Arm("elman", {"model.cell": "elman"}, matched="lstm"),
        # The width near 32 at which all match within 1 %.
        Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0, "model.hidden": 33}),
        Arm("gru", {"model.cell": "gru"}, matched="lstm"),
    ),
    axes=(Axis("optim.learning_rate", (0.003, 0.01, 0.03)),),
    seeds=10,
    tune="optim.learning_rate",
    tuning_seeds=3,
    columns="",
    published=(
        Published("nearest neighbour, Euclidean", ".924", UEA, ("japanese_vowels",)),
        Published(
            "nearest neighbour, warped, coefficients together",
            ".949",
            UEA,
            ("japanese_vowels",),
        ),
        Published(
            "nearest neighbour, warped, each coefficient by itself",
            ".959",
            UEA,
            ("japanese_vowels",),
        ),
        Published(
            "regions that curves of one class pass through",
            ".941",
            KUDO,
            ("japanese_vowels",),
        ),
    ),
)

DISTANCES = {
    "euclidean, padded": lambda a, b: classical.euclidean(*_at_length(classical.padded, a, b)),
    "euclidean, resampled": lambda a, b: classical.euclidean(
        *_at_length(classical.resampled, a, b)
    ),
    "warped together": classical.warped,
    "warped apart": classical.warped_apart,
}
KNOWN = {270: ("train", "validation"), 225: ("train",)}
"""Parts with the labelled neighbours, by number of utterances."""
MEASUREMENT = Measurement(
    "speech",
    QUESTION,
    tuple(
        {"distance": distance, "standardised": standardised, "known": known}
        for known, standardised, distance in itertools.product(KNOWN, (False, True), DISTANCES)
    ),
    lambda point: {"error": np.array(neighbour_error(**point))},
)


def _at_length(change: Callable[[Any, int], np.ndarray], *parts: Any) -> Iterator[np.ndarray]:
    """Utterances of each part at one length, padded or resampled."""
    return (change(x, LONGEST) for x in parts)


def neighbour_error(distance: str, standardised: bool, known: int) -> float:
    """Share of the test utterances whose nearest neighbour is of another speaker."""
    x, speakers = utterances("test", standardised=standardised)
    y, neighbours = utterances(*KNOWN[known], standardised=standardised)
    predicted = classical.nearest_class(DISTANCES[distance](x, y), neighbours)
    return float(np.mean(predicted != speakers))


def _errors(evidence: Evidence, standardised: bool) -> dict[str, float]:
    """Error of neighbours among all training utterances, by distance."""
    measured = evidence.measured_by("distance", "standardised", "known")
    return {name: float(measured[name, standardised, 270]["error"]) for name in DISTANCES}


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 13s over neighbours of published values; exploratory over standardised ones."""
    runs = evidence.runs_of("lstm")
    published, (standardised, *_) = (
        CLAIMS["13"](
            "13s",
            {
                f"lstm over {name}": gains(runs, 1 - accuracies(runs), error)
                for name, error in _errors(evidence, values).items()
            },
        )
        for values in (False, True)
    )
    return [*published, standardised.as_exploratory("neighbours of standardised values")]


def curves(evidence: Evidence) -> ClaimPanel:
    """Wrong speakers of every arm and distance, in percent, by kind of values."""
    missing = np.full((1, 1), np.nan)  # networks read standardised values only
    lines = {
        arm: np.concatenate([missing.repeat(len(runs), axis=0), 1 - accuracies(runs)[:, None]], 1)
        for (_, arm), runs in evidence.runs_by().items()
    }
    by_values = [_errors(evidence, standardised) for standardised in (False, True)]
    lines |= {name: np.array([[errors[name] for errors in by_values]]) for name in DISTANCES}
    percent = {name: 100 * errors for name, errors in lines.items()}
    values = ("values as published", "standardised values")
    return ClaimPanel(
        percent,
        "test utterances",
        "",
        "wrong speakers, % of utterances",
        SAVED,
        categories=values,
        place=over_baseline,
        words=in_words,
        legend="network, distance of neighbours",
    )


EXPERIMENT = Experiment(STUDY, MEASUREMENT, decide, curves, DATA)
