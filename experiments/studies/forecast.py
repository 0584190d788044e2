"""How warm will a sea be next month, and in a year? Recurrent networks beside usual forecasts.

Two forecasts need nothing but the past values, persistence and seasonal naive, and decide the
claim; a year ahead they are one. Forecasts that are fitted to the training months, as the networks
are, stand beside it.
"""

import functools
import itertools

import numpy as np

from experiments.claims.evidence import (
    PROTOCOL,
    SAVED,
    accuracies,
    by_arm,
    by_point,
    complete,
    gains,
)
from seqjax.baselines import classical
from seqjax.data.elnino import SEASON, elnino
from seqjax.reporting.plots.claims import Curves
from seqjax.stats.decisions import CLAIMS
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
        # Near 16 the width at which all match within 1 %.
        Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0, "model.hidden": 19}),
        Arm("gru", {"model.cell": "gru"}, matched="lstm"),
    ),
    axes=(
        Axis("task.horizon", tuple(HORIZONS), label="months ahead"),
        # One year ahead overfits where next month does not, so that is what is tuned.
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
    """Mean absolute (°C) and mean squared errors (°C²) on the months of the test."""
    series_N, task = elnino(), Forecast(horizon=horizon)
    steps_S, known = task.steps("test"), months("train")
    predicted_S = {
        "persistence": classical.persistence,
        "seasonal naive": functools.partial(classical.seasonal_naive, season=SEASON),
        "seasonal mean": lambda *_: classical.seasonal_mean(series_N, steps_S, known, SEASON),
        "exponential smoothing": smoothed,
        "autoregression": lambda *_: classical.autoregression(
            series_N, task.steps("train"), steps_S, horizon, task.length
        ),
    }[forecast](series_N, steps_S, horizon)
    error_S = predicted_S - series_N[steps_S]
    return {"mae": np.mean(np.abs(error_S)), "mse": np.mean(np.square(error_S))}


def smoothed(series_N: np.ndarray, steps_S: np.ndarray, horizon: int) -> np.ndarray:
    """(S,) by exponential smoothing of a level and an additive season, fitted to training months.

    Source: P. R. Winters, "Forecasting sales by exponentially weighted moving averages", 1960; the
    fit is that of statsmodels.
    """
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # takes seconds

    model = functools.partial(ExponentialSmoothing, seasonal="add", seasonal_periods=SEASON)
    fitted = model(series_N[months("train")]).fit().params
    start = {
        "initial_level": fitted["initial_level"],
        "initial_seasonal": fitted["initial_seasons"],
    }
    rates = {name: fitted[name] for name in ("smoothing_level", "smoothing_seasonal")}
    known = model(series_N, initialization_method="known", **start)
    states = known.fit(optimized=False, **rates)
    place_S = steps_S - SEASON * -(-horizon // SEASON)
    return states.level[steps_S - horizon] + states.season[place_S]


def _by_horizon(recorded) -> dict[tuple[str, int], list]:
    """The runs that count, by arm and horizon.

    Raises:
      EvidenceError: the LSTM has none at one of ``HORIZONS``.
    """
    found = {}
    for horizon in HORIZONS:
        own = [r for r in recorded if r["settings"]["task.horizon"] == horizon]
        found |= {(arm, horizon): runs for (_, arm), runs in by_arm(own).items()}
    complete(found, ("lstm",), HORIZONS)
    return found


def _compared(recorded, points, forecasts) -> dict[str, np.ndarray]:
    """Gains of the LSTM over these forecasts; over persistence a year ahead only once."""
    errors, runs = by_point(points, "forecast", "horizon"), _by_horizon(recorded)
    return {
        f"{said} over {name}": gains(
            runs["lstm", horizon], accuracies(runs["lstm", horizon]), errors[name, horizon]["mae"]
        )
        for (horizon, said), name in itertools.product(HORIZONS.items(), forecasts)
        if (name, horizon) != ("persistence", SEASON)
    }


def decide(recorded, points):
    claim, (fitted, *_) = (
        CLAIMS["13"]("13f", _compared(recorded, points, forecasts)) for forecasts in (USUAL, FITTED)
    )
    return [*claim, fitted.as_exploratory("forecasts fitted to the training months")]


def curves(recorded, points):
    lines, runs = {}, _by_horizon(recorded)
    for arm in dict.fromkeys(arm for arm, _ in runs):
        lines[arm] = np.stack([accuracies(runs[arm, h]) for h in HORIZONS], axis=1)
    measured = by_point(points, "forecast", "horizon")
    for name in (*USUAL, *FITTED):
        lines[name] = np.array([[measured[name, h]["mae"] for h in HORIZONS]])
    title, between = "mean absolute error on the test months", tuple(HORIZONS.values())
    return Curves(lines, title, "", "°C", categories=between, compared=SAVED)
