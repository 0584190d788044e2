"""chrF: how much of a text is in another one, by the characters that stand beside each other.

With m_n the n-grams of symbols that two texts share, each as often as it is in both, and h_n and
r_n those of the hypothesis and of the reference,

    P = mean_n m_n / h_n,     R = mean_n m_n / r_n,     chrF = (1 + β²) P R / (β² P + R)

for β = 2 and n = 1 … 6, as far as both have n-grams of that length. Spaces are symbols like others.

Source: M. Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015; β = 2
and short texts as in the tool sacrebleu (M. Post, WMT 2018), where this is sentence-level chrF2
with whitespace.
"""

import jax
import jax.numpy as jnp

from seqjax.types import Array

ORDERS, BETA = 6, 2.0


def chrf(said_TB: Array, meant_TB: Array) -> Array:
    """The chrF of each hypothesis, (B,) in [0, 1].

    Args:
      said_TB: hypotheses in whole numbers; each ends before its first 0, or at T.
      meant_TB: references likewise, of any length.

    >>> import jax.numpy as jnp
    >>> round(float(chrf(jnp.array([[1], [2], [0]]), jnp.array([[1], [3], [2]]))[0]), 3)
    0.357
    """
    return jax.vmap(_chrf, in_axes=1)(said_TB, meant_TB)


def length_of(symbols_TB: Array) -> Array:
    """(B,) symbols before the first 0."""
    return jnp.sum(jnp.cumprod((symbols_TB != 0).astype(jnp.int32), axis=0), axis=0)


def _chrf(said_S: Array, meant_R: Array) -> Array:
    said, meant = length_of(said_S), length_of(meant_R)
    first_SS, first_SR = _equal(said_S, said_S), _equal(said_S, meant_R)
    same_SS, same_SR, shares = first_SS, first_SR, []
    for n in range(1, ORDERS + 1):
        # Of a gram that stands c times here and k there, each of the c brings min(c, k) / c.
        own_S, other_S = (jnp.sum(same, axis=1) for same in (same_SS, same_SR))
        shared = jnp.sum(jnp.minimum(own_S, other_S) / jnp.maximum(own_S, 1))
        counts = jnp.maximum(jnp.stack([said, meant]) - n + 1, 0).astype(jnp.float32)
        both = jnp.all(counts > 0).astype(jnp.float32)
        shares.append(jnp.append(both * shared / jnp.maximum(counts, 1), both))
        same_SS, same_SR = _longer(same_SS, first_SS, n), _longer(same_SR, first_SR, n)
    precision, recall, orders = jnp.sum(jnp.stack(shares), axis=0)
    total = BETA**2 * precision + recall
    score = (1 + BETA**2) * precision * recall / jnp.where(total > 0, total, 1)
    return score / jnp.maximum(orders, 1)


def _equal(a_S: Array, b_R: Array) -> Array:
    """1 where symbols of two texts are the same, 0 beyond their ends too."""
    inside = [jnp.cumprod((x != 0).astype(jnp.float32)) for x in (a_S, b_R)]
    same = (a_S[:, None] == b_R[None, :]).astype(jnp.float32)
    return same * inside[0][:, None] * inside[1][None, :]


def _longer(same_SR: Array, first_SR: Array, n: int) -> Array:
    """Where grams of n symbols are the same, and so are the symbols after them."""
    after = jnp.pad(first_SR[n:, n:], [(0, min(n, size)) for size in first_SR.shape])
    return same_SR * after
