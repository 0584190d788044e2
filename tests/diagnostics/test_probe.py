"""Linear probes of known states, and against least squares."""

import jax
import jax.numpy as jnp
import numpy as np
from support.assertions import assert_close

from seqjax.diagnostics.probe import linear_probe


def test_a_probe_decodes_the_class_and_not_noise():
    """Three states: the class itself, a rotated and shifted class, and noise."""
    rng = np.random.default_rng(0)

    def states(labels):
        noise = rng.normal(size=(3, len(labels), 6))
        one_hot = np.eye(6)[labels]
        return jnp.float32([one_hot, 5 + 0.1 * (one_hot @ rotation) + 0.005 * noise[1], noise[2]])

    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    train, held = rng.integers(0, 4, 800), rng.integers(0, 4, 400)
    found = jax.jit(linear_probe, static_argnums=4)(
        states(train), jnp.array(train), states(held), jnp.array(held), 4
    )
    assert found.shape == (3,) and found[0] == 1 and found[1] > 0.99
    assert abs(found[2] - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 400)


def test_the_probe_is_ridge_regression(x64):
    rng = np.random.default_rng(1)
    y, y_held = rng.integers(0, 3, 40), rng.integers(0, 3, 30)
    h, h_held = rng.normal(size=(2, 40, 5)), rng.normal(size=(2, 30, 5))
    found = jax.jit(linear_probe, static_argnums=4)(h, y, h_held, y_held, 3)
    for t in range(2):
        mean, target = h[t].mean(axis=0), np.eye(3)[y]
        # The same least squares as rows of data: the ridge as 5 more examples.
        rows = np.concatenate([h[t] - mean, np.sqrt(40 * 1e-4) * np.eye(5)])
        w = np.linalg.lstsq(rows, np.concatenate([target - target.mean(0), np.zeros((5, 3))]))[0]
        guesses = np.argmax(target.mean(0) + (h_held[t] - mean) @ w, axis=1)
        assert_close(found[t], np.mean(guesses == y_held), 1e-12)
