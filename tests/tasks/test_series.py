"""Speech and forecasting: tasks on their real data, baselines, and decisions of the claims."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.batches import evaluation_batches, mean_metrics
from support.claims import curves, decided
from support.committed import RESULTS
from support.made_up import measured, record

from experiments.studies import forecast as forecasting
from experiments.studies import speech
from seqjax.data.elnino import elnino
from seqjax.records import jsonl
from seqjax.records.workdir import Measurements
from seqjax.stats.decisions import EvidenceError
from seqjax.tasks.datasets.forecast import Forecast
from seqjax.tasks.datasets.japanese_vowels import JapaneseVowels, utterances


def evaluated(task, part, logits_of):
    """Return loss and metrics of a whole set."""
    return mean_metrics(task, evaluation_batches(task, part), logits_of)


@pytest.mark.parametrize(("length", "horizon"), [(24, 1), (24, 12), (5, 3)])
def test_parts_of_the_series_follow_each_other_in_time(length, horizon):
    task = Forecast(length, horizon)
    train, validation, test = (task.steps(part) for part in ("train", "validation", "test"))
    assert train[0] == length + horizon - 1 and len(train) == task.examples
    years = [1950 + steps[[0, -1]] // 12 for steps in (train, validation, test)]
    assert [list(y) for y in years[1:]] == [[1986, 1995], [1996, 2010]] and years[0][1] == 1985
    assert len(train) + len(validation) + len(test) == 732 - length - horizon + 1
    assert len(validation) == 120 and len(test) == 180


def test_windows_and_targets_are_the_series_standardised_by_training_months():
    task, series = Forecast(24, 12), elnino()
    mean, deviation = np.mean(series[:432]), np.std(series[:432])
    parts = task.read()
    for part, (x, y) in parts.items():
        steps = task.steps(part)
        assert x.shape == (len(steps), 24, 1) and x.dtype == y.dtype == np.float32
        for row, value, step in list(zip(x, y, steps, strict=True))[:: len(steps) - 1]:
            window = (series[step - 35 : step - 11] - mean) / deviation
            np.testing.assert_allclose(row[:, 0], window, rtol=1e-6, atol=1e-6)
            assert value == pytest.approx((series[step] - mean) / deviation, rel=1e-6)
    assert all(a is b for a, b in zip(parts, ("train", "validation", "test"), strict=True))


def test_a_network_that_repeats_the_last_value_has_the_error_of_persistence():
    for horizon in forecasting.HORIZONS:
        found = evaluated(Forecast(horizon=horizon), 1, lambda batch: batch.x[-1])
        expected = forecasting.measure("persistence", horizon)
        assert found["mae"] == pytest.approx(expected["mae"], rel=1e-5)
        assert found["mse"] == pytest.approx(expected["mse"], rel=1e-5)
        assert found["loss"] == pytest.approx(found["mse"] / Forecast()._scale()[1] ** 2, rel=1e-5)


@pytest.mark.parametrize("horizon", [1, 12])
def test_exponential_smoothing_equals_statsmodels(horizon):
    """The committed errors were measured with statsmodels 0.15.0."""
    points = jsonl.load_file(RESULTS / "forecast" / "measurements.json", Measurements).points
    wanted = {"forecast": "exponential smoothing", "horizon": horizon}
    (measured,) = (point.measured for point in points if point.point == wanted)
    for name, value in forecasting.measure(**wanted).items():
        assert float(value) == pytest.approx(float(measured[name]), rel=1e-5)


def test_chance_is_the_best_constant_on_the_training_targets():
    task = Forecast(24, 1)
    targets = elnino()[24:432]
    errors = [np.mean(np.abs(targets - c)) for c in np.unique(targets)]
    assert task.chance_metric() == pytest.approx(min(errors))
    y = task.read()["train"][1].astype(np.float64)
    assert task.chance_loss("linear") == pytest.approx(np.mean((y - y.mean()) ** 2), rel=1e-5)
    assert task.best_loss("linear") == 0


def test_utterances_are_split_by_speaker_and_standardised_by_the_training_part():
    task = JapaneseVowels()
    parts = task.read()
    assert {part: len(y) for part, (_, y, _) in parts.items()} == {
        "train": 225, "validation": 45, "test": 370,
    }  # fmt: skip
    assert task.examples == 225
    assert np.bincount(parts["train"][1]).tolist() == [25] * 9
    assert np.bincount(parts["validation"][1]).tolist() == [5] * 9
    assert np.bincount(parts["test"][1]).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    x, _, lengths = parts["train"]
    valid = np.arange(29) < lengths[:, None]
    assert x.shape == (225, 29, 12) and x.dtype == np.float32 and np.all(x[~valid] == 0)
    np.testing.assert_allclose(x[valid].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(x[valid].std(axis=0), 1, rtol=1e-4)
    every = [y.tobytes() for y in utterances("train", "validation", standardised=False)[0]]
    assert len(set(every)) == 270


def test_constant_and_perfect_answers_to_the_speakers():
    task = JapaneseVowels()
    constant = evaluated(task, 1, lambda b: jnp.tile(jax.nn.one_hot(2, 9), (len(b.y), 1)))
    assert constant["accuracy"] == pytest.approx(88 / 370)
    assert evaluated(task, 0, lambda b: jax.nn.one_hot(b.y, 9))["accuracy"] == 1
    same = evaluated(task, 0, lambda b: jnp.zeros((len(b.y), 9)))
    assert same["loss"] == pytest.approx(task.chance_loss("softmax"), rel=1e-5)


# The studies


def test_the_nearest_neighbour_has_the_published_error():
    """The published .949 under warping: 351 of 370."""
    error = speech.neighbour_error("warped together", standardised=False, known=270)
    assert error == pytest.approx(19 / 370)


def spoken(wrong):
    """Return runs of three arms with these errors."""
    return [
        record(arm=arm, seed=k, test=1 - error, settings={"task.name": "japanese_vowels"},
               study="speech")
        for arm in ("elman", "lstm", "gru")
        for k, error in enumerate(wrong)
    ]  # fmt: skip


def neighbours(raw, standardised):
    return [
        measured(point, error=standardised if point["standardised"] else raw)
        for point in speech.MEASUREMENT.points
    ]


@pytest.mark.parametrize(
    ("wrong", "verdicts"),
    [(0.02, ("supported", "supported")), (0.05, ("supported", "contradicted")),
     (0.3, ("contradicted", "contradicted"))],
)  # fmt: skip
def test_speech_is_decided_by_nearest_neighbours(wrong, verdicts):
    errors = wrong + np.linspace(-0.005, 0.005, 10)
    points = neighbours(0.1, 0.03)
    found = decided(speech.EXPERIMENT, spoken(errors), points)
    assert (found[0].verdict, found[-1].verdict) == verdicts
    assert [verdict.exploratory for verdict in found] == [False, True, True]
    assert found[0].claim == "13s" and len(found[0].comparisons) == len(speech.DISTANCES)
    lines = curves(speech.EXPERIMENT, spoken(errors), points).lines
    assert lines["lstm"][:, 1].mean() == pytest.approx(100 * wrong)
    assert lines["warped apart"].tolist() == [[10, 3]]


def forecast(errors):
    return [
        record({"task.horizon": horizon}, arm=arm, seed=k, test=errors[horizon] + 0.001 * k,
               settings={"task.name": "forecast", "model.readout": "linear"}, study="forecast")
        for horizon, arm, k in itertools.product((1, 12), ("elman", "lstm", "gru"), range(10))
    ]  # fmt: skip


def test_a_forecast_is_decided_by_persistence_and_the_season_before():
    points = [
        measured(point, mae=1.0 if point["forecast"] in forecasting.USUAL else 0.5, mse=1.0)
        for point in forecasting.MEASUREMENT.points
    ]
    for errors, verdicts in [
        ({1: 0.4, 12: 0.4}, ["supported", "supported"]),
        ({1: 0.4, 12: 0.8}, ["supported", "contradicted"]),
        ({1: 0.4, 12: 1.2}, ["contradicted", "contradicted"]),
    ]:
        found = decided(forecasting.EXPERIMENT, forecast(errors), points)
        assert [found[0].verdict, found[-1].verdict] == verdicts
    assert [comparison.name for comparison in found[0].comparisons] == [
        "next month over persistence", "next month over seasonal naive",
        "in a year over seasonal naive",
    ]  # fmt: skip
    lines = curves(forecasting.EXPERIMENT, forecast(errors), points).lines
    assert lines["lstm"].shape == (10, 2) and lines["persistence"].tolist() == [[1, 1]]
    next_month = [one for one in forecast(errors) if one.point["task.horizon"] == 1]
    with pytest.raises(EvidenceError, match="elman"):
        decided(forecasting.EXPERIMENT, next_month, points)
