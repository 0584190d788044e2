"""Scores and failures on made-up numbers."""

import hashlib
import pathlib

import numpy as np
import pytest

from seqjax import rules


@pytest.mark.core
@pytest.mark.parametrize(
    ("value", "expected"),
    [(2.0, 0.0), (2.5, 0.0), (1e30, 0.0), (0.5, 1.0), (1.25, 0.5), (0.2, 1.2)],
)
def test_score(value, expected):
    assert rules.score(value, chance=2.0, best=0.5) == pytest.approx(expected, abs=0)


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


def test_the_hash_is_of_the_file_that_states_the_rules():
    content = pathlib.Path(rules.__file__).read_bytes()
    assert hashlib.sha256(content).hexdigest()[:16] == rules.RULES_HASH
