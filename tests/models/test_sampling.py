"""Samples from a tiny model against the exact probabilities of all its sequences."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from seqjax.init import InitSpec
from seqjax.models import sampling
from seqjax.models.sequence import ModelSpec, SequenceModel

V, STEPS, SAMPLES = 3, 3, 20_000
WORDS = list(itertools.product(range(V), repeat=STEPS))
KEYS = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(0), jnp.arange(SAMPLES))
TINY = 1e-12


def make(**options):
    spec = {"every_step": True, "symbols": True, **options}
    shape = ModelSpec("gru", 4, **{name: spec.pop(name) for name in ("window",) if name in spec})
    init = InitSpec(recurrent="uniform", recurrent_gain=4.0, input_gain=4.0)
    return SequenceModel(shape, V, V, init=init, key=jax.random.key(3), **spec)


MODEL = make()
MODEL.readout.kernel.set_value(4 * MODEL.readout.kernel.get_value())  # far from uniform


def exact(first, change):
    """The probability of every word: a product of softmaxes of logits after ``change``."""
    x_TB = np.array([(first, *word[:-1]) for word in WORDS], np.int32).T
    logits_TBV = np.asarray(jax.jit(MODEL)(jnp.asarray(x_TB)), np.float64)
    p = np.ones(len(WORDS))
    for place, logits_BV in enumerate(logits_TBV):
        odds_BV = np.exp(change(place, logits_BV))
        share_BV = odds_BV / odds_BV.sum(axis=1, keepdims=True)
        p *= [row[word[place]] for row, word in zip(share_BV, WORDS, strict=True)]
    return p


def drawn(first, **options):
    first_B = jnp.full(SAMPLES, first)
    program = jax.jit(lambda: sampling.sample(MODEL, first_B, KEYS, STEPS, **options))
    return [tuple(word) for word in np.asarray(program()).T.tolist()]


ALLOWED_TV = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 1]], bool)


def cold(place, logits_BV):
    return logits_BV / 0.5


def of_two(place, logits_BV):
    second_B1 = np.sort(logits_BV, axis=1)[:, -2:-1]
    return np.where(logits_BV >= second_B1, logits_BV, -np.inf)


def masked(place, logits_BV):
    return np.where(ALLOWED_TV[place], logits_BV, -np.inf)


def all_three(place, logits_BV):
    return of_two(place, masked(place, logits_BV) / 2)


@pytest.mark.slow
@pytest.mark.core
@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({}, lambda place, logits_BV: logits_BV),
        ({"temperature": 0.5}, cold),
        ({"top_k": 2}, of_two),
        ({"allowed": ALLOWED_TV}, masked),
        ({"temperature": 2.0, "top_k": 2, "allowed": ALLOWED_TV}, all_three),
    ],
    ids=["plain", "temperature", "top_k", "allowed", "together"],
)
def test_frequencies_are_those_of_the_model(options, change):
    p = exact(1, change)
    assert p.sum() == pytest.approx(1)
    words = drawn(1, **options)
    count = np.array([words.count(word) for word in WORDS])
    possible = p > TINY
    assert not count[~possible].any() and count.sum() == SAMPLES
    expected = SAMPLES * p[possible]
    chi = np.sum((count[possible] - expected) ** 2 / expected)
    assert chi < stats.chi2.isf(1e-3, max(1, possible.sum() - 1))
    if options:  # the bound can tell this distribution from the plain one
        plain = SAMPLES * exact(1, lambda place, logits_BV: logits_BV)
        assert np.sum((count - plain) ** 2 / plain) > stats.chi2.isf(1e-9, len(WORDS) - 1)


@pytest.mark.slow
@pytest.mark.parametrize("top_k", [0, 1, 2])
@pytest.mark.parametrize("traced", [False, True])
def test_symbols_that_are_not_allowed_are_drawn_at_no_temperature(traced, top_k):
    """At very low temperatures the likeliest allowed symbol is drawn, at very high ones any."""
    logits_V, allowed_V = jnp.array([5.0, -3.0, -2.0, -9.0]), np.array([False, True, True, True])

    logits_BV = jnp.broadcast_to(logits_V, (SAMPLES, 4))

    def program(t):
        return sampling.draw_symbols(logits_BV, KEYS, t, top_k, allowed_V)

    run = jax.jit(program) if traced else program

    def counts(temperature):
        drawn_B = run(jnp.float32(temperature) if traced else temperature)
        return np.bincount(drawn_B, minlength=4).tolist()

    for low in (1e-45, 1e-38, 1e-30, 1e-6):
        assert counts(low) == [0, 0, SAMPLES, 0]
    for high in (1e6, 1e30, 9e37, 3e38):
        likely = [0, SAMPLES / 2, SAMPLES / 2, 0] if top_k else [0, *3 * [SAMPLES / 3]]
        likely = [0, 0, SAMPLES, 0] if top_k == 1 else likely
        found = counts(high)
        assert found == pytest.approx(likely, abs=5 * SAMPLES**0.5) and found[0] == 0


def test_sequences_are_independent():
    options = {"temperature": 1.5, "allowed": ALLOWED_TV}
    whole = drawn(2, **options)
    for many in (1, 3):
        alone = sampling.sample(MODEL, jnp.full(many, 2), KEYS[:many], STEPS, **options)
        assert list(map(tuple, alone.T.tolist())) == whole[:many]


@pytest.mark.parametrize(
    "options", [{"every_step": False}, {"symbols": False}, {"window": 2}], ids=str
)
def test_other_kinds_of_models_are_refused(options):
    with pytest.raises(ValueError, match=r"^model: "):
        sampling.sample(make(**options), jnp.zeros(2, jnp.int32), KEYS[:2], 1)
