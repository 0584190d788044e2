"""Claim 13f: forecasts of sea temperature next month and in a year, compared with standard ones.

The baselines of the verdict repeat past values: persistence and seasonal naive, which are the same
a year ahead. An exploratory verdict compares with forecasts that, like the networks, are fitted to
the training months.
"""

import functools
import itertools
from collections.abc import Sequence

import numpy as np

from experiments.claims.evidence import Evidence, accuracies, gains
from experiments.claims.protocol import PROTOCOL
from experiments.claims.words import SAVED, in_words
from experiments.experiment import Experiment
from seqjax.baselines import classical
from seqjax.data.elnino import SEASON, elnino
from seqjax.records.record import Record
from seqjax.reporting.plots.claims import ClaimPanel, Place
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.sweeps.measurement import Measurement
from seqjax.sweeps.study import Arm, Axis, Study
from seqjax.tasks.datasets.forecast import Forecast, months

HORIZONS = {1: "next month", SEASON: "in a year"}
QUESTION = "How warm will a sea be next month, and in a year?"

DATA = "e5b2264fee2e9799"
STUDY = Study(
    name="forecast",
    question=QUESTION,
    base={
        **PROTOCOL.base(full=False),
        "task.name": "forecast",
        "optim.name": "adamw",
        "optim.learning_rate": 0.01,
        "optim.schedule": "cosine",
        "train.steps": 400,
        "train.eval_every": 100,
    },
    arms=(
        Arm("elman", {"model.cell": "elman"}, matched="lstm"),
        # The width near 16 at which all match within 1 %.
        Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0, "model.hidden": 19}),
        Arm("gru", {"model.cell": "gru"}, matched="lstm"),
    ),
    axes=(
        Axis("task.horizon", tuple(HORIZONS), label="months ahead"),
        # Tuned, because forecasts a year ahead overfit and forecasts of the next month do not.
        Axis("optim.weight_decay", (0.01, 0.1, 1.0)),
    ),
    seeds=10,
    tune="optim.weight_decay",
    tuning_seeds=3,
    columns="months ahead",
)

USUAL = ("persistence", "seasonal naive")
FITTED = ("seasonal mean", "exponential smoothing", "autoregression")
MEASUREMENT = Measurement(
    "forecast",
    QUESTION,
    tuple(
        {"forecast": name, "horizon": horizon}
        for horizon, name in itertools.product(HORIZONS, (*USUAL, *FITTED))
    ),
    lambda point: measure(**point),
)


def measure(forecast: str, horizon: int) -> dict[str, np.ndarray]:
    """Mean absolute error (°C) and mean squared error (°C²) of a forecast on the test months."""
    series_N, task = elnino(), Forecast(horizon=horizon)
    steps_S, known = task.steps("test"), months("train")
    predicted_S = {
        "persistence": classical.persistence,
        "seasonal naive": functools.partial(classical.seasonal_naive, season=SEASON),
        "seasonal mean": lambda *_: classical.seasonal_mean(series_N, steps_S, known, SEASON),
        "exponential smoothing": functools.partial(
            classical.exponential_smoothing, known=known, season=SEASON
        ),
        "autoregression": lambda *_: classical.autoregression(
            series_N, task.steps("train"), steps_S, horizon, task.length
        ),
    }[forecast](series_N, steps_S, horizon)
    error_S = predicted_S - series_N[steps_S]
    return {"mae": np.mean(np.abs(error_S)), "mse": np.mean(np.square(error_S))}


def _by_horizon(evidence: Evidence) -> dict[tuple[str, int], list[Record]]:
    """Reported runs by (arm, horizon); raises as ``Evidence.runs_by``."""
    by_horizon = {}
    for horizon in HORIZONS:
        at_horizon = evidence.only(lambda run, h=horizon: run.settings["task.horizon"] == h)
        by_horizon |= {(arm, horizon): runs for (_, arm), runs in at_horizon.runs_by().items()}
    return by_horizon


def _compared(evidence: Evidence, forecasts: Sequence[str]) -> dict[str, np.ndarray]:
    """Gains of the LSTM over these forecasts; a year ahead persistence equals seasonal naive."""
    errors, runs = evidence.measured_by("forecast", "horizon"), _by_horizon(evidence)
    return {
        f"{when} over {name}": gains(
            runs["lstm", horizon], accuracies(runs["lstm", horizon]), errors[name, horizon]["mae"]
        )
        for (horizon, when), name in itertools.product(HORIZONS.items(), forecasts)
        if (name, horizon) != ("persistence", SEASON)
    }


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 13f over forecasts that repeat values; exploratory over fitted ones."""
    claim, (fitted, *_) = (
        CLAIMS["13"]("13f", _compared(evidence, forecasts)) for forecasts in (USUAL, FITTED)
    )
    return [*claim, fitted.as_exploratory("forecasts fitted to the training months")]


def curves(evidence: Evidence) -> ClaimPanel:
    """Mean absolute errors of every arm and forecast, by horizon."""
    lines, runs = {}, _by_horizon(evidence)
    for arm in dict.fromkeys(arm for arm, _ in runs):
        lines[arm] = np.stack([accuracies(runs[arm, h]) for h in HORIZONS], axis=1)
    measured = evidence.measured_by("forecast", "horizon")
    for name in (*USUAL, *FITTED):
        lines[name] = np.array([[measured[name, h]["mae"] for h in HORIZONS]])
    title, between = "forecasts of the test months", tuple(HORIZONS.values())
    return ClaimPanel(
        lines,
        title,
        "",
        "mean absolute error, °C",
        SAVED,
        categories=between,
        place=lambda name: Place(*name.split(" over ")[::-1]),
        words=in_words,
        legend="network or forecast",
    )


EXPERIMENT = Experiment(STUDY, MEASUREMENT, decide, curves, DATA)
