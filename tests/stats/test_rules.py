"""Scores and failures on made-up numbers."""

from types import SimpleNamespace

import numpy as np
import pytest

from seqjax.stats import rules


@pytest.mark.core
@pytest.mark.parametrize(
    ("value", "expected"),
    [(2.0, 0.0), (2.5, 0.0), (1e30, 0.0), (0.5, 1.0), (1.25, 0.5), (0.2, 1.2)],
)
def test_score(value, expected):
    assert rules.loss_score(value, chance=2.0, best=0.5) == pytest.approx(expected, abs=0)


@pytest.mark.parametrize(
    ("accuracy", "expected"), [(0.25, 0.0), (0.1, 0.0), (1.0, 1.0), (0.625, 0.5)]
)
def test_accuracy_score(accuracy, expected):
    assert rules.accuracy_score(accuracy, chance=0.25) == expected


def losses(*tail, steps=40, before=0.1):
    """A loss of ``before`` at every step but the last few."""
    return np.array([before] * (steps - len(tail)) + list(tail), np.float32)


FINE = {"chance_loss": 1.0, "scores": [0.2, 0.9]}


@pytest.mark.core
@pytest.mark.parametrize(
    ("reason", "change"),
    [
        (None, {}),
        # the last tenth of 40 steps is 4: 1.1 times chance is the limit for its mean
        (None, {"losses": losses(9.0, 1.0, 1.0, 1.0, 1.0)}),
        (None, {"losses": losses(0.0, 0.0, 2.0, 2.0)}),
        ("above_chance", {"losses": losses(0.0, 0.0, 2.25, 2.25)}),
        ("above_chance", {"losses": losses(1.11, 1.11, 1.11, 1.11)}),
        ("above_chance", {"losses": losses(0.3, 0.3, 0.3, 0.3), "chance_loss": 0.25}),
        ("above_chance", {"losses": losses(3.0, steps=6)}),  # a tenth is at least one step
        (None, {"losses": losses(3.0, 1.0, steps=6)}),
        # the final score under half of the best
        ("collapsed", {"scores": [0.2, 0.9, 0.44]}),
        (None, {"scores": [0.2, 0.9, 0.46]}),
        (None, {"scores": [0.0, 0.0]}),
        # unless it had learnt nothing that it could lose
        (None, {"scores": [0.0, 0.09, 0.0]}),
        ("collapsed", {"scores": [0.0, 0.1, 0.04]}),
        ("above_chance", {"losses": losses(9.0, before=9.0), "scores": [0.9, 0.0]}),
        ("nonfinite", {"nonfinite_step": 17}),
        ("nonfinite", {"nonfinite_step": 0, "losses": losses(np.nan, before=np.nan)}),
    ],
)
def test_failure(reason, change):
    given = {"nonfinite_step": None, "losses": losses(), **FINE, **change}
    failed = rules.failure(**given)
    if reason is None:
        assert failed is None
    else:
        step = given["nonfinite_step"] if reason == "nonfinite" else len(given["losses"])
        assert failed == {"reason": reason, "step": step}


def run(metric, failed=None, higher_is_better=True, chance=0.25):
    return SimpleNamespace(
        metric="m",
        higher_is_better=higher_is_better,
        chance=SimpleNamespace(metric=chance),
        failed=failed,
        validation={"m": None if failed == "nonfinite" else metric},
        test={"m": metric + 1},
    )


def test_failed_runs_count_as_chance():
    assert (
        rules.metric_or_chance(run(0.5), "validation"),
        rules.metric_or_chance(run(0.5), "test"),
    ) == (0.5, 1.5)
    for reason in ("nonfinite", "above_chance", "collapsed"):
        assert rules.metric_or_chance(run(0.5, reason), "test") == 0.25


@pytest.mark.core
@pytest.mark.parametrize(
    ("tried", "best"),
    [
        ({0.1: [run(0.5), run(0.7)], 0.3: [run(0.9), run(0.4)], 1.0: [run(0.55)]}, 0.3),
        ({0.1: [run(0.5, higher_is_better=False)], 0.3: [run(0.2, higher_is_better=False)]}, 0.3),
        # a failed run is at chance, here .25
        ({0.1: [run(0.5), run(0.5)], 0.3: [run(0.9, "collapsed"), run(0.7)]}, 0.1),
        ({0.1: [run(0.3), run(0.3)], 0.3: [run(0.9, "collapsed"), run(0.7)]}, 0.3),
        # of equals the one with fewer failures, then the first
        ({0.1: [run(0, "nonfinite")], 0.3: [run(0.25)]}, 0.3),
        ({0.1: [run(0.5)], 0.3: [run(0.5)]}, 0.1),
        # below chance is as good as chance
        ({0.1: [run(0.1)], 0.3: [run(0.2)]}, 0.1),
        ({0.1: [run(0, "nonfinite")], 0.3: [run(0.1)]}, 0.3),
        (
            {
                0.1: [run(0, "nonfinite", higher_is_better=False)],
                0.3: [run(0.9, higher_is_better=False)],
            },
            0.3,
        ),
    ],
)
def test_the_best_mean_on_validation_is_selected(tried, best):
    assert rules.select_best(tried) == best


def test_the_version_has_a_line_of_the_changelog():
    assert max(rules.CHANGES) == rules.VERSION
    assert sorted(rules.CHANGES) == list(range(1, rules.VERSION + 1)) and all(
        rules.CHANGES.values()
    )


def test_hashes_of_old_records_name_a_version():
    assert {rules.version_of(old) for old in rules.HASHES} == {1}
    assert rules.version_of("an unknown hash") == "an unknown hash"
