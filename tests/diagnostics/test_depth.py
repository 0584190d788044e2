"""Gradients through depth and monotone pieces, against plain loops and closed forms."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.assertions import assert_close

from seqjax.diagnostics import depth
from seqjax.types import named_key

KEY = jax.random.key(3)
count_pieces = jax.jit(depth.count_pieces)
SCALES = np.float32([0.7, 1.4])


@pytest.mark.parametrize(
    ("family", "shared"),
    [("gaussian_linear", False), ("gaussian_tanh", True), ("orthogonal_tanh", False)],
)
def test_gradients_through_depth_are_those_of_a_plain_loop(family, shared):
    """Jacobians multiplied by NumPy in float64, from the documented draws."""
    kind, activation = depth.FAMILIES[family]
    depths = (1, 4, 9)

    @jax.jit
    def run(scales):
        one = partial(depth.depth_gradient, KEY, family, shared, depths=depths)
        drawn = depth.draw_matrices(KEY, kind, shared, max(depths))
        ends = [depth._direction(named_key(KEY, k)) for k in ("top", "bottom")]
        return jax.vmap(lambda scale: one(scale=scale))(scales), drawn, *ends

    results, u, w, h_0 = (np.float64(array) for array in run(SCALES))
    for scale, found in zip(SCALES, results, strict=True):
        for k, value in zip(depths, found, strict=True):
            h, product = 8 * h_0, np.eye(64)
            for matrix in scale * u[:k]:
                h = np.tanh(h @ matrix) if activation == "tanh" else h @ matrix
                slope = 1 - h**2 if activation == "tanh" else np.ones(64)
                product = product @ matrix * slope  # ∂h_k/∂h_0, inputs along the rows
            assert abs(value - np.log10(np.linalg.norm(product @ w))) < 1e-4


def test_orthogonal_linear_depth_is_a_power_of_the_scale_at_any_size():
    run = jax.jit(
        jax.vmap(lambda g: depth.depth_gradient(KEY, "orthogonal_linear", True, g, (10, 50)))
    )
    expected = np.array([[-30, -150], [0, 0], [13.0103, 65.0515]])
    assert np.max(np.abs(run(jnp.array([1e-3, 1.0, 20.0])) - expected)) < 1e-3


def test_independent_matrices_begin_with_the_shared_one():
    draws = jax.jit(lambda: [depth.draw_matrices(KEY, "gaussian", k, 3) for k in (False, True)])
    u, shared = np.asarray(draws())
    assert_close(shared, np.stack([u[0]] * 3), 1e-6)
    assert np.all(u[1] != u[0]) and abs(np.std(u) * 8 - 1) < 0.03


def test_depth_refuses_unknown_names():
    with pytest.raises(ValueError, match=r"family: .*'tanh'.*gaussian_linear"):
        depth.depth_gradient(KEY, "tanh", True, 1.0, (1,))
    with pytest.raises(ValueError, match=r"kind.*'g'.*gaussian"):
        depth.draw_matrices(KEY, "g", True, 1)


def test_a_tent_map_composed_k_times_has_2_to_the_k_pieces():
    values = np.linspace(-1, 1, 4001, dtype=np.float32)
    for k in range(1, 6):
        values = 1 - 2 * np.abs(values)
        assert count_pieces(values) == 2**k


def test_rounding_and_constant_stretches_do_not_count():
    level = np.float32([1, 1 + 1e-6, 1 - 1e-6, 1, 2, 2, 2, 3, 3 - 3e-6, 3])
    assert count_pieces(np.float32([0, 1, 1, 1, 1, 1, 1, 1, 1, 0])) == 2
    assert count_pieces(level) == 1 and count_pieces(np.ones(10, np.float32)) == 1


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "independent"])
def test_monotone_pieces_are_those_of_a_plain_loop(shared):
    u = 3 * depth.draw_matrices(KEY, "gaussian", shared, 4, 8)
    a, b, w = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    grid = np.linspace(-2, 2, 401, dtype=np.float32)
    found = jax.jit(depth.monotone_pieces)(u, a, b, w, grid)
    h, counts = a + np.float64(grid)[:, None] * b, []
    for k in range(4):
        h = np.tanh(h @ np.float64(u[k]))
        values, turns, rising = h @ w, 0, None
        for old, new in itertools.pairwise(values):
            turns += rising is not None and rising != (new > old)
            rising = new > old
        counts.append(1 + turns)
    assert found.tolist() == counts and max(counts) > 2


def test_one_unit_never_turns():
    found = depth.monotone_pieces(
        jnp.full((6, 1, 1), -2.0), *(jnp.ones(1) for _ in range(3)), jnp.linspace(-9.0, 9.0, 999)
    )
    assert found.tolist() == [1] * 6
