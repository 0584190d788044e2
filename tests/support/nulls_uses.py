"""Boundaries of the null hypotheses of claims 11 to 13; see ``nulls``."""

from support.nulls import BOUNDED, HALF, RARE, C, S, null
from support.simulated import constant, level

BETTER, NO_BETTER = constant(0.5, seed=4), constant(0.5, seed=5) - 0.48
"""Shares of an error saved: clearly some, clearly next to nothing."""
SMOOTH = BOUNDED[:1]


def saved(rng, shape, mean, seems="more"):
    """Shares of an error saved: scores between -.5 and .5."""
    return level(rng, shape, mean + 0.5, seems=seems) - 0.5


def digits(elman, lstm):
    return lambda s: (
        {
            cell: {name: x[s] for name, x in own.items()}
            for cell, own in (("elman", elman), ("lstm", lstm))
        },
    )


@null("11", S, "no gain of one cell over one baseline", BOUNDED[:2], RARE, HALF)
def _(rng, shape):
    good = {"linear": BETTER, "nearest": BETTER}
    return digits(good | {"nearest": saved(rng, shape, 0.0)}, good)


@null("11", C, "a gain of .05 of one cell over both baselines", SMOOTH, RARE, HALF)
def _(rng, shape):
    some = {name: saved(rng, shape, 0.05, "less") for name in ("linear", "nearest")}
    return digits(some, {"linear": BETTER, "nearest": NO_BETTER})


def poems(unigram, trigram, formed):
    return lambda s: ({"unigram": unigram[s], "trigram": trigram[s]}, formed[s])


@null("12", S, "no gain over one baseline", BOUNDED[:2], RARE, HALF)
def _(rng, shape):
    return poems(BETTER, saved(rng, shape, 0.0), constant(0.95))


@null("12", S, "a rate of form of .9", SMOOTH, ("solved or not", *RARE), HALF)
def _(rng, shape):
    return poems(BETTER, BETTER, level(rng, shape, 0.9))


@null("12", C, "a gain of .05 and a rate of form of .5", SMOOTH, RARE, HALF)
def _(rng, shape):
    gain, form = saved(rng, shape, 0.05, "less"), level(rng, shape, 0.5, seems="less")
    return poems(NO_BETTER, gain, form)


def use(*gains):
    return lambda s: ("13f", {str(k): x[s] for k, x in enumerate(gains)})


@null("13f", S, "no gain over one baseline", BOUNDED[:2], RARE, HALF)
def _(rng, shape):
    return use(BETTER, saved(rng, shape, 0.0))


@null("13f", C, "a gain of .05 over both baselines", SMOOTH, RARE, HALF)
def _(rng, shape):
    return use(*(saved(rng, shape, 0.05, "less") for _ in range(2)))
