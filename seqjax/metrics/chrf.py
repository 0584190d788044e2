"""chrF: F-score of the character n-grams that a hypothesis shares with a reference.

With m_n the number of n-grams that both texts have, counted with multiplicity, and h_n and r_n the
numbers of n-grams of the hypothesis and of the reference,

    P = mean_n m_n / h_n,     R = mean_n m_n / r_n,     chrF = (1 + β²) P R / (β² P + R)

for β = 2 and n = 1 … 6, over the n for which both texts have n-grams. Spaces count as symbols.

Source: M. Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015; β = 2
and short texts as in sacrebleu (M. Post, WMT 2018), where this is sentence-level chrF2 with
whitespace.
"""

import jax
import jax.numpy as jnp

from seqjax.types import Array

ORDERS, BETA = 6, 2.0


def chrf(hypothesis_TB: Array, reference_TB: Array) -> Array:
    """The chrF of each hypothesis, (B,) in [0, 1].

    Args:
      hypothesis_TB: integers; each text ends before its first 0, or at T.
      reference_TB: the same for references; T may differ.

    >>> import jax.numpy as jnp
    >>> round(float(chrf(jnp.array([[1], [2], [0]]), jnp.array([[1], [3], [2]]))[0]), 3)
    0.357
    """
    return jax.vmap(_chrf, in_axes=1)(hypothesis_TB, reference_TB)


def length_of(symbols_TB: Array) -> Array:
    """The number of symbols before the first 0, (B,)."""
    return jnp.sum(jnp.cumprod((symbols_TB != 0).astype(jnp.int32), axis=0), axis=0)


def _chrf(hypothesis_S: Array, reference_R: Array) -> Array:
    lengths = jnp.stack([length_of(hypothesis_S), length_of(reference_R)])
    first_SS, first_SR = _equal(hypothesis_S, hypothesis_S), _equal(hypothesis_S, reference_R)
    same_SS, same_SR, shares = first_SS, first_SR, []
    for n in range(1, ORDERS + 1):
        # Each of the c copies of an n-gram that the reference has k times counts min(c, k) / c.
        here_S, there_S = (jnp.sum(same, axis=1) for same in (same_SS, same_SR))
        shared = jnp.sum(jnp.minimum(here_S, there_S) / jnp.maximum(here_S, 1))
        counts = jnp.maximum(lengths - n + 1, 0).astype(jnp.float32)
        both = jnp.all(counts > 0).astype(jnp.float32)
        shares.append(jnp.append(both * shared / jnp.maximum(counts, 1), both))
        same_SS, same_SR = _longer(same_SS, first_SS, n), _longer(same_SR, first_SR, n)
    precision, recall, orders = jnp.sum(jnp.stack(shares), axis=0)
    total = BETA**2 * precision + recall
    score = (1 + BETA**2) * precision * recall / jnp.where(total > 0, total, 1)
    return score / jnp.maximum(orders, 1)


def _equal(a_S: Array, b_R: Array) -> Array:
    """1 where symbols of two texts are equal, 0 elsewhere and beyond their ends."""
    inside = [jnp.cumprod((x != 0).astype(jnp.float32)) for x in (a_S, b_R)]
    same = (a_S[:, None] == b_R[None, :]).astype(jnp.float32)
    return same * inside[0][:, None] * inside[1][None, :]


def _longer(same_SR: Array, first_SR: Array, n: int) -> Array:
    """1 where the n-grams of two texts are equal and the symbols after them are equal too."""
    after = jnp.pad(first_SR[n:, n:], [(0, min(n, size)) for size in first_SR.shape])
    return same_SR * after
