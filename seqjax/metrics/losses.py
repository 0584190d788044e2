"""Losses, metrics and chance levels. A readout's link defines the loss:

softmax    -log softmax(logits)_y
logistic   Σ_v binary cross entropy of σ(logit_v) against [v = y]; on values, (σ(logit) - y)²
linear     Σ_v (logit_v - [v = y])²; on values, (logit - y)²
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax

from seqjax.types import Array


def class_loss(link: str, logits: Array, y: Array) -> Array:
    """The loss at each position: ``logits`` (..., V) against classes ``y`` (...)."""
    if link == "softmax":
        return optax.softmax_cross_entropy_with_integer_labels(logits, y)
    target = jax.nn.one_hot(y, logits.shape[-1], dtype=logits.dtype)
    if link == "logistic":
        return binary_loss(logits, target)
    return jnp.sum(jnp.square(logits - target), axis=-1)


def binary_loss(logits: Array, y: Array) -> Array:
    """Σ_v of the binary cross entropies of σ(logit_v) against y_v, 0 or 1; both (..., V)."""
    return jnp.sum(optax.sigmoid_binary_cross_entropy(logits, y), axis=-1)


def value_loss(link: str, logits: Array, y: Array) -> Array:
    """The squared error at each position: ``logits`` (..., 1) against values ``y`` (...)."""
    return jnp.square(value(link, logits) - y)


def value(link: str, logits: Array) -> Array:
    """The predicted value: the logit, or its σ for "logistic"."""
    return jax.nn.sigmoid(logits[..., 0]) if link == "logistic" else logits[..., 0]


def correct(logits: Array, y: Array) -> Array:
    """1 where the largest logit is that of the class ``y``, else 0; logits (..., V), y (...)."""
    return (jnp.argmax(logits, axis=-1).astype(y.dtype) == y).astype(logits.dtype)


def chance_class_loss(link: str, classes: int) -> float:
    """The loss of the best constant prediction over equally likely classes.

    >>> round(chance_class_loss("softmax", 10), 4)
    2.3026
    """
    p = 1 / classes
    if link == "softmax":
        return math.log(classes)
    if link == "logistic":
        return -(math.log(p) + (classes - 1) * math.log1p(-p))
    return 1 - p


def constant_class_loss(link: str, shares_V: np.ndarray) -> float:
    """The loss of predicting these class frequencies, which is the best constant prediction.

    >>> constant_class_loss("softmax", np.array([0.5, 0.5, 0.0])) == math.log(2)
    True
    """
    p, rest = np.asarray(shares_V, np.float64), 1 - np.asarray(shares_V, np.float64)
    if link == "linear":
        return float(np.sum(p * rest))
    entropy = -np.sum(p * np.log(np.where(p > 0, p, 1)))
    if link == "logistic":
        entropy -= np.sum(rest * np.log(np.where(rest > 0, rest, 1)))
    return float(entropy)


def constant_value_loss(y_N: np.ndarray, weight_N: np.ndarray) -> float:
    """The mean squared error of the best constant prediction: the variance of the values.

    >>> constant_value_loss(np.array([1.0, 3.0, 9.0]), np.array([1.0, 1.0, 0.0]))
    1.0
    """
    y, weight = np.asarray(y_N, np.float64), np.asarray(weight_N, np.float64)
    return float(np.average((y - np.average(y, weights=weight)) ** 2, weights=weight))


def constant_absolute_error(y_N: np.ndarray, weight_N: np.ndarray) -> float:
    """The mean absolute error of the best constant prediction, the median.

    >>> constant_absolute_error(np.array([1.0, 2.0, 9.0]), np.ones(3))
    2.6666666666666665
    """
    order = np.argsort(y_N)
    y, weight = np.asarray(y_N, np.float64)[order], np.asarray(weight_N, np.float64)[order]
    below = np.cumsum(weight)
    median = y[np.searchsorted(below, below[-1] / 2)]
    return float(np.average(np.abs(y - median), weights=weight))


def masked_mean(values: Array, weights: Array) -> Array:
    """Σ w v / Σ w, or 0 if all weights are 0.

    >>> import jax.numpy as jnp
    >>> float(masked_mean(jnp.array([1.0, 5.0]), jnp.array([1.0, 0.0])))
    1.0
    """
    total = jnp.sum(weights)
    return jnp.sum(jnp.where(weights > 0, values, 0) * weights) / jnp.where(total > 0, total, 1)


def masked_sum(values: Array, weights: Array) -> Array:
    """Σ w v over time, averaged over the sequences that have a weight above 0; or 0 without any.

    >>> import jax.numpy as jnp
    >>> values, weights = jnp.array([[1.0, 5.0], [2.0, 7.0]]), jnp.array([[1.0, 1.0], [1.0, 0.0]])
    >>> float(masked_sum(values, weights))
    4.0

    Args:
      values: (B,) or (T, B).
      weights: like ``values``.
    """
    counted_B = jnp.any(weights.reshape(-1, weights.shape[-1]) > 0, axis=0)
    sequences = jnp.maximum(jnp.sum(counted_B.astype(weights.dtype)), 1)
    return jnp.sum(jnp.where(weights > 0, values, 0) * weights) / sequences
