"""chrF against an oracle that counts n-grams, and cases by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.chrf_oracle import counted

from seqjax.metrics.chrf import chrf

T = 9
SCORE = jax.jit(chrf)


def score(hypothesis, reference):
    """The chrF of two texts of letters, with symbols after their ends that must not count."""
    columns = []
    for text in (hypothesis, reference):
        symbols = [ord(sign) - ord("a") + 1 for sign in text]
        columns.append(np.array([*symbols, 0, 1, 2, 0, 1, 2, 0, 1, 2][: T + 1], np.int32))
    return float(SCORE(*(jnp.array(column)[:, None] for column in columns))[0])


TEXTS = st.text("abc", max_size=T)


@pytest.mark.slow
@settings(max_examples=25)
@given(TEXTS, TEXTS)
def test_chrf_equals_the_oracle(hypothesis, reference):
    assert score(hypothesis, reference) == pytest.approx(counted(hypothesis, reference), abs=1e-6)


@pytest.mark.parametrize(
    ("hypothesis", "reference", "expected"),
    [
        ("abcdefg", "abcdefg", 1.0),
        ("a", "a", 1.0),
        ("abc", "def", 0.0),
        ("", "abc", 0.0),
        ("ab", "acb", 5 / 14),  # P = (1 + 0) / 2, R = (2/3 + 0) / 2
        ("aaaa", "ab", 5 / 24),  # P = (1/4 + 0) / 2, R = (1/2 + 0) / 2
    ],
)
def test_cases_by_hand(hypothesis, reference, expected):
    assert score(hypothesis, reference) == pytest.approx(expected, abs=1e-6)


def test_texts_of_a_batch_are_independent():
    pairs = [("abcab", "abc"), ("b", "bbbbbbb"), ("", "a"), ("cab", "acb")]
    padded = [
        np.array([[ord(c) - 96 for c in t.ljust(T, "`")] for t in texts], np.int32).T
        for texts in zip(*pairs, strict=True)
    ]
    expected = [counted(*pair) for pair in pairs]
    assert np.array(SCORE(*map(jnp.array, padded))) == pytest.approx(expected, abs=1e-6)
