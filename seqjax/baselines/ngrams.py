"""n-gram models with interpolated Kneser-Ney smoothing.

For a context h and the next symbol w, with h' for h without its oldest symbol,

    p(w | h) = max(c(h w) - D, 0) / c(h) + D t(h) / c(h) · p(w | h')

where p(w | h') = 1 / V if h is empty, c(h) = Σ_w c(h w), and t(h) is the number of symbols
observed after h. For the longest contexts, of n - 1 symbols, c counts occurrences; for shorter ones
it counts the different symbols that precede h w, so a symbol that follows only one other symbol is
unlikely after all others. Each context length has one discount, D = n₁ / (n₁ + 2 n₂), where n₁ and
n₂ are the numbers of grams with c = 1 and c = 2; D = 1/2 if either number is 0.

The first symbol of a sequence is given and not predicted. A gram at the start of a sequence has no
preceding symbol; each such occurrence counts as a different one.

Source: R. Kneser and H. Ney, "Improved backing-off for m-gram language modeling", ICASSP 1995; the
interpolated form and the discount: S. F. Chen and J. Goodman, "An empirical study of smoothing
techniques for language modeling", Computer Speech and Language 13, 1999, section 2.8 and eq. 11.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Level(NamedTuple):
    """Counts of all grams of one length, as sorted codes for binary search.

    Attributes:
      gram_G: int64 codes, Σ_i s_i V^(k-1-i) for the symbols s of a gram of length k.
      count_G: c(h w).
      context_C: codes of the contexts.
      total_C, types_C: c(h) and t(h).
      discount: D.
    """

    gram_G: np.ndarray
    count_G: np.ndarray
    context_C: np.ndarray
    total_C: np.ndarray
    types_C: np.ndarray
    discount: float


class NGrams(NamedTuple):
    """A fitted model of order ``len(levels)`` over ``vocabulary`` symbols."""

    vocabulary: int
    levels: tuple[Level, ...]

    def log_probabilities(self, sequence: np.ndarray) -> np.ndarray:
        """Return (n - 1,) ln p of each symbol of a sequence (n,) after the first."""
        symbols = np.asarray(sequence, np.int64)
        return np.log(self._probabilities(symbols, np.arange(len(symbols)))[1:])

    def distribution(self, context: np.ndarray) -> np.ndarray:
        """Return (V,) the probability of each next symbol after ``context``, 1 or more symbols."""
        context = np.asarray(context, np.int64)[-len(self.levels) :]
        size, V = len(context), self.vocabulary
        grams_VK = np.column_stack([np.tile(context, (V, 1)), np.arange(V)])
        position = np.tile(np.arange(size + 1), V)
        return self._probabilities(grams_VK.ravel(), position)[size :: size + 1]

    def _probabilities(self, symbols: np.ndarray, position: np.ndarray) -> np.ndarray:
        """Return p of concatenated symbols; ``position`` is the index of each in its sequence."""
        p = np.full(len(symbols), 1 / self.vocabulary)
        for (ends, code), level in zip(
            _codes(symbols, position, self.vocabulary, len(self.levels)), self.levels, strict=False
        ):
            count = _look_up(level.gram_G, level.count_G, code)
            context = code // self.vocabulary
            total = _look_up(level.context_C, level.total_C, context)
            types = _look_up(level.context_C, level.types_C, context)
            known, D = total > 0, level.discount
            share = np.maximum(count - D, 0) + D * types * p[ends]
            p[ends[known]] = share[known] / total[known]
        return p


def fit(sequences: Iterable[np.ndarray], order: int, vocabulary: int) -> NGrams:
    """Return a fitted n-gram model.

    Args:
      sequences: arrays of integers in [0, vocabulary), one with two symbols or more among them.
      order: n, 1 for a unigram and 3 for a trigram.
      vocabulary: V, the number of symbols; V^n < 2^63.

    >>> model = fit([np.array([0, 1, 1, 0, 1])], order=2, vocabulary=3)
    >>> round(float(model.distribution([0]).sum()), 12)
    1.0
    """
    sequences = list(sequences)
    symbols = np.concatenate(sequences).astype(np.int64)
    position = np.concatenate([np.arange(len(sequence)) for sequence in sequences])
    coded = _codes(symbols, position, vocabulary, order)
    levels = []
    for length, ((ends, codes), longer) in enumerate(
        zip(coded, [*coded[1:], None], strict=True), start=1
    ):
        if longer is not None:
            before = np.unique(longer[1]) % vocabulary**length
            codes = np.concatenate([before, codes[position[ends] == length - 1]])
        levels.append(_level(codes, vocabulary))
    return NGrams(vocabulary, tuple(levels))


def _codes(
    symbols: np.ndarray, position: np.ndarray, vocabulary: int, order: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, for each gram length, the indices at which a gram ends and the codes of the grams.

    Grams do not cross the borders of sequences, and end with a predicted symbol.
    """
    code, by_length = np.zeros(len(symbols), np.int64), []
    for length in range(1, order + 1):
        older = symbols[: max(len(symbols) - length + 1, 0)]  # first symbols of the grams
        code[length - 1 :] += older * vocabulary ** (length - 1)
        ends = np.flatnonzero(position >= max(length - 1, 1))
        by_length.append((ends, code[ends]))
    return by_length


def _level(codes: np.ndarray, vocabulary: int) -> Level:
    gram_G, count_G = np.unique(codes, return_counts=True)
    context_C, first_C, types_C = np.unique(
        gram_G // vocabulary, return_index=True, return_counts=True
    )
    once, twice = np.sum(count_G == 1), np.sum(count_G == 2)
    discount = float(once / (once + 2 * twice)) if once and twice else 0.5
    total_C = np.add.reduceat(count_G, first_C) if len(first_C) else count_G
    return Level(gram_G, count_G, context_C, total_C, types_C, discount)


def _look_up(keys: np.ndarray, values: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return the value of each queried key, 0 for absent keys; ``keys`` are sorted."""
    if not len(keys):
        return np.zeros(len(queries), values.dtype)
    index = np.minimum(np.searchsorted(keys, queries), len(keys) - 1)
    return np.where(keys[index] == queries, values[index], 0)
