"""Losses by hand, chance levels by numerical optimisation, and masked means."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from support.assertions import assert_close

from seqjax.metrics import losses

LINKS = ("softmax", "logistic", "linear")


@pytest.mark.core
@pytest.mark.parametrize(
    ("link", "expected"),
    [
        # The logits are log(1, 2, 5): softmax 1/8, 2/8, 5/8; σ 1/2, 2/3, 5/6.
        ("softmax", [np.log(8 / 2), np.log(8 / 5)]),
        ("logistic", [-np.log(1 / 2 * 2 / 3 * 1 / 6), -np.log(1 / 2 * 1 / 3 * 5 / 6)]),
        (
            "linear",
            [np.log(2 / np.e) ** 2 + np.log(5) ** 2, np.log(2) ** 2 + np.log(5 / np.e) ** 2],
        ),
    ],
)
def test_class_losses_by_hand(link, expected):
    logits = jnp.log(jnp.array([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]]))
    assert_close(losses.class_loss(link, logits, jnp.array([1, 2])), np.array(expected), 1e-6)


def test_value_losses_by_hand():
    logits, y = jnp.array([[0.0], [jnp.log(3.0)]]), jnp.array([0.25, 0.25])
    assert_close(losses.value_loss("logistic", logits, y), np.array([1 / 16, 1 / 4]), 1e-6)
    expected = np.array([1 / 16, (np.log(3) - 1 / 4) ** 2])
    assert_close(losses.value_loss("linear", logits, y), expected, 1e-6)


def test_correct_is_1_where_the_largest_logit_is_that_of_the_class():
    logits = jnp.array([[0.0, 3.0, 1.0], [0.0, -1.0, -2.0]])
    assert losses.correct(logits, jnp.array([1, 2])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("link", LINKS)
def test_chance_is_the_best_constant_prediction(link, classes, x64):
    y = jnp.arange(classes)

    @jax.jit
    @jax.value_and_grad
    def mean_loss(logits):
        return jnp.mean(losses.class_loss(link, jnp.tile(logits, (classes, 1)), y))

    start = np.random.default_rng(0).normal(size=classes)
    found = scipy.optimize.minimize(mean_loss, start, jac=True, tol=1e-10)
    assert found.fun == pytest.approx(losses.chance_class_loss(link, classes), rel=1e-8)


def test_a_masked_mean_ignores_values_of_weight_0():
    values = jnp.array([[1.0, 2.0], [4.0, jnp.nan]])
    weights = jnp.array([[1.0, 0.5], [1.0, 0.0]])
    mean, slope = jax.value_and_grad(losses.masked_mean)(values, weights)
    assert mean == pytest.approx(6 / 2.5)
    assert_close(slope, weights / 2.5, 1e-6)
    assert losses.masked_mean(values, jnp.zeros_like(weights)) == 0
