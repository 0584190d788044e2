"""Gradients and monotone pieces of deep maps, with independent matrices or one shared matrix.

    h_k = φ(h_{k-1} U_k)    k = 1 … K,   φ tanh or the identity,   U_k independent, or all equal

A deep feed-forward network has independent matrices, a recurrent network without input a shared
one.
"""

import jax
import jax.numpy as jnp

from seqjax.cells.base import ACTIVATIONS
from seqjax.types import Array, Number, named_key, unknown

UNITS = 64
FAMILIES = {
    f"{kind}_{activation}": (kind, activation)
    for kind in ("gaussian", "orthogonal")
    for activation in ("linear", "tanh")
}
ROUNDING = 16
"""Differences of up to this many units in the last place count as 0."""


def draw_matrices(key: Array, kind: str, shared: bool, depth: int, units: int = UNITS) -> Array:
    """Random matrices U_1 … U_K at scale 1, (K, n, n).

    The first independent matrix is the shared one, and a larger depth only adds matrices, so that
    comparisons at one key are paired.

    Args:
      key: random key of the draw.
      kind: "gaussian", N(0, 1/n), or "orthogonal".
      shared: one matrix at all depths.
      depth: K.
      units: n.

    Raises:
      ValueError: an unknown kind.
    """
    draw = {
        "gaussian": jax.nn.initializers.normal(units**-0.5),
        "orthogonal": jax.nn.initializers.orthogonal(),
    }
    if kind not in draw:
        raise unknown("kind of matrix", kind, draw)
    layers = jnp.arange(1 if shared else depth)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(named_key(key, "matrix", kind), layers)
    u_Knn = jax.vmap(lambda key: draw[kind](key, (units, units), jnp.float32))(keys)
    return jnp.broadcast_to(u_Knn, (depth, units, units))


def depth_gradient(
    key: Array, family: str, shared: bool, scale: Number, depths: tuple[int, ...]
) -> Array:
    """log10 ‖∂L_k/∂h_0‖ for every depth k in ``depths``, where L_k = w · h_k.

    The network has 64 units and matrices scale · U_k. w is a random direction of norm 1, the same
    for all depths. h_0 is a random direction of norm √64, so its entries have mean square 1. Norms
    are accumulated as logarithms, so none overflows; a norm is -inf if tanh saturates to a
    derivative of 0. Glorot and Bengio 2010; Saxe et al. 2014; for products of random matrices
    Furstenberg and Kesten 1960.

    Args:
      key: random key of the draw; may be mapped over.
      family: "gaussian_linear", "gaussian_tanh", "orthogonal_linear" or "orthogonal_tanh".
      shared: one matrix at all depths.
      scale: factor on all matrices, whose draw does not depend on it; may be traced or mapped over.
      depths: static.

    Returns:
      (len(depths),).

    Cost: one pass up to the largest depth, and one pass down that carries a vector for each depth.
    """
    if family not in FAMILIES:
        raise ValueError(f"family: {unknown('family', family, FAMILIES)}")
    kind, activation = FAMILIES[family]
    u_Knn, scale = draw_matrices(key, kind, shared, max(depths)), jnp.asarray(scale, jnp.float32)
    w_n, h_n = (_direction(named_key(key, name)) for name in ("top", "bottom"))

    def up(h_n, u_nn):
        # Scaled vectors, not matrices: under vmap over scales the matrices stay one array.
        h_n = ACTIVATIONS[activation](_times(scale * h_n, u_nn))
        return h_n, 1 - jnp.square(h_n) if activation == "tanh" else jnp.ones_like(h_n)

    slopes_Kn = jax.lax.scan(up, h_n * UNITS**0.5, u_Knn)[1]
    depths_G = jnp.array(depths)

    def down(carry, inputs):
        """One layer for all depths above it: unit vectors, and the logarithms of their norms."""
        d_Gn, log_G = carry
        k, slope_n, u_nn = inputs
        d_Gn = jnp.where((depths_G == k)[:, None], w_n[None, :], d_Gn)
        d_Gn = _times(scale * d_Gn * slope_n[None, :], u_nn.T)
        norm_G = jnp.linalg.norm(d_Gn, axis=1)
        log_G = log_G + jnp.where(k <= depths_G, jnp.log10(norm_G), 0)
        return (d_Gn / jnp.where(norm_G > 0, norm_G, 1)[:, None], log_G), None

    zeros = jnp.zeros((len(depths), UNITS), jnp.float32), jnp.zeros(len(depths), jnp.float32)
    layers_K = jnp.arange(1, max(depths) + 1)
    return jax.lax.scan(down, zeros, (layers_K, slopes_Kn, u_Knn), reverse=True)[0][1]


def _direction(key: Array) -> Array:
    draw_n = jax.random.normal(key, (UNITS,), jnp.float32)
    return draw_n / jnp.linalg.norm(draw_n)


def _times(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")


def monotone_pieces(u_Knn: Array, a_n: Array, b_n: Array, w_n: Array, grid_S: Array) -> Array:
    """The number of monotone pieces of s ↦ w · h_k along the line h_0 = a + s b, at every depth.

    h_k = tanh(h_{k-1} U_k). A piece ends where the slope on the grid changes sign; a constant is
    one piece. This measures how non-linear a function composed with itself becomes (Montúfar et al.
    2014 count linear regions). Folds finer than the grid are missed, so compare with a grid twice
    as fine; differences within rounding do not count.

    Args:
      u_Knn: matrices, scale included; ``draw_matrices`` draws them shared or independent.
      a_n, b_n: the line.
      w_n: the direction onto which h_k is projected.
      grid_S: increasing numbers s.

    Returns:
      Counts (K,), for the depths 1 … K.

    Cost: one pass with the grid as its batch.
    """

    def up(h_Sn, u_nn):
        h_Sn = jnp.tanh(_times(h_Sn, u_nn))
        return h_Sn, count_pieces(_times(h_Sn, w_n))

    line_Sn = a_n[None, :] + grid_S[:, None] * b_n[None, :]
    return jax.lax.scan(up, line_Sn, u_Knn)[1]


def count_pieces(values_S: Array) -> Array:
    """The number of monotone pieces of a sequence.

    >>> import jax.numpy as jnp
    >>> int(count_pieces(jnp.array([0.0, 1.0, 1.0, 3.0, 2.0, 2.0, 5.0])))
    3
    """
    steps = jnp.diff(values_S)
    least = ROUNDING * jnp.finfo(values_S.dtype).eps * jnp.max(jnp.abs(values_S))
    turn = jnp.where(jnp.abs(steps) > least, jnp.sign(steps), 0)
    # Constant stretches take the sign before them, so that only sign changes remain.
    last = jax.lax.cummax(jnp.where(turn != 0, jnp.arange(len(turn)), 0))
    turn = turn[last]
    return 1 + jnp.sum(turn[1:] * turn[:-1] < 0)
