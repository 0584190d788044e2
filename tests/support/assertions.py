"""Assertions that many tests share."""

import jax
import numpy as np

OPTIMISED = {"xla_backend_optimization_level": 3}
"""``compiler_options`` of ``jax.jit`` where the last bit of a program matters: those of users."""


def assert_close(a, b, tolerance: float) -> None:
    """‖a − b‖∞ <= tolerance · ‖b‖∞ for every array of two trees of one structure."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for (path, x), y in zip(jax.tree.leaves_with_path(a), jax.tree.leaves(b), strict=True):
        where = jax.tree_util.keystr(path) or "the array"
        assert np.shape(x) == np.shape(y), f"{where}: shapes {np.shape(x)} and {np.shape(y)}"
        x, y = (np.asarray(v).astype(np.float64) for v in (x, y))
        error, size = (np.max(np.abs(v), initial=0) for v in (x - y, y))
        assert error <= tolerance * size, f"{where}: {error:.3g} > {tolerance:g} * {size:.3g}"


def assert_same_bytes(a, b) -> None:
    """Every array of two trees of one structure has the same bytes: also the sign of 0, and NaN."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for (path, x), y in zip(jax.tree.leaves_with_path(a), jax.tree.leaves(b), strict=True):
        same = np.asarray(x).tobytes() == np.asarray(y).tobytes()
        assert same, jax.tree_util.keystr(path) or "the array"
