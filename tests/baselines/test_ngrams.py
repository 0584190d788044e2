"""n-gram models against dictionaries, and properties of every distribution."""

import collections

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from seqjax.baselines import ngrams

V = 4
SEQUENCES = st.lists(st.lists(st.integers(0, V - 1), max_size=9), min_size=1, max_size=5).filter(
    lambda sequences: any(len(sequence) > 1 for sequence in sequences)
)


def by_hand(sequences, order):
    """Return p(w, h), computed by the equations of the module from dictionaries."""
    grams = collections.defaultdict(list)  # the symbols before each occurrence of a gram
    for number, sequence in enumerate(sequences):
        for end in range(1, len(sequence)):
            for first in range(max(0, end - order + 1), end + 1):
                before = sequence[first - 1] if first else ("start", number)
                grams[tuple(sequence[first : end + 1])].append(before)
    count = {
        gram: len(before) if len(gram) == order else len(set(before))
        for gram, before in grams.items()
    }
    discount = {}
    for length in range(1, order + 1):
        own = [c for gram, c in count.items() if len(gram) == length]
        once, twice = own.count(1), own.count(2)
        discount[length] = once / (once + 2 * twice) if once and twice else 0.5

    def p(w, h):
        h = tuple(h[len(h) - order + 1 :]) if len(h) >= order else tuple(h)
        lower = p(w, h[1:]) if h else 1 / V
        after = [count.get((*h, v), 0) for v in range(V)]
        if not sum(after):
            return lower
        D, types = discount[len(h) + 1], np.count_nonzero(after)
        return (max(after[w] - D, 0) + D * types * lower) / sum(after)

    return p


@hypothesis.given(SEQUENCES, st.integers(1, 7), st.lists(st.integers(0, V - 1), min_size=1))
def test_probabilities_follow_the_equations(sequences, order, other):
    model, p = ngrams.fit(map(np.array, sequences), order, V), by_hand(sequences, order)
    for sequence in (*sequences, other):
        expected = [np.log(p(sequence[k], sequence[:k])) for k in range(1, len(sequence))]
        assert model.log_probabilities(np.array(sequence)) == pytest.approx(expected, rel=1e-12)


@hypothesis.given(SEQUENCES, st.integers(1, 4), st.lists(st.integers(0, V - 1), min_size=1))
def test_every_distribution_sums_to_one_and_has_no_zero(sequences, order, context):
    model = ngrams.fit(map(np.array, sequences), order, V)
    p_V = model.distribution(context)
    assert p_V.shape == (V,) and p_V.min() > 0 and p_V.sum() == pytest.approx(1, abs=1e-12)
    scored = [model.log_probabilities([*context, w])[-1] for w in range(V)]
    assert np.log(p_V) == pytest.approx(scored, rel=1e-12)


def test_a_symbol_that_only_follows_one_other_is_unlikely_elsewhere():
    """Like Francisco after San: as frequent as the others, but in one context."""
    model = ngrams.fit([np.array([0, 3] * 9 + [1, 2, 0, 2, 1, 2, 3, 2, 1, 0, 1])], 2, V + 1)
    assert model.distribution([4])[3] < model.distribution([4])[2]


def test_a_unigram_is_the_discounted_frequencies():
    model = ngrams.fit([np.array([3, 0, 0, 0, 1, 1, 2])], 1, V)
    D = 1 / 3
    expected = np.array([3 - D, 2 - D, 1 - D, 0]) / 6 + D * 3 / 6 / V
    assert model.distribution([2]) == pytest.approx(expected)
