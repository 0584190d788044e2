"""The LSTM and the variants that are the same equations with a piece left out or added.

    i = σ(z_i)   f = σ(z_f)   g = tanh(z_g)   o = σ(z_o)      z = W x + U h + b, one bias a gate
    c' = f ∘ c + i ∘ g
    h' = o ∘ tanh(c')

Gates stand in the order i f g o; a gate that a variant removes is fixed open at 1 and has no
parameters. Sources: Hochreiter and Schmidhuber 1997, Gers et al. 2000 (forget gate); the variants
are those of Greff et al. 2017 (arXiv 1503.04069).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from seqjax.cells.base import Cell, Extra, Gate, Hidden
from seqjax.types import Array


class LSTMCarry(NamedTuple):
    """Output ``h`` and cell state ``c``, each (B, H)."""

    h: Array
    c: Array


class PeepholeParams(NamedTuple):
    """``p_PH``: one peephole weight for each unit of each gate that looks at the cell state."""

    w_DGH: Array
    u_HGH: Array
    b_GH: Array
    p_PH: Array


class FGRParams(NamedTuple):
    """``r_HQH``: one (H, H) matrix for each pair "gate from gate"."""

    w_DGH: Array
    u_HGH: Array
    b_GH: Array
    p_PH: Array
    r_HQH: Array


class FGRCarry(NamedTuple):
    """The LSTM's carry and the gates of the step before, each (B, H)."""

    h: Array
    c: Array
    i: Array
    f: Array
    o: Array


class LayerNormParams(NamedTuple):
    """Gains of the normalised W x, U h and c', and the shift of the last."""

    w_DGH: Array
    u_HGH: Array
    b_GH: Array
    input_gain_GH: Array
    state_gain_GH: Array
    cell_gain_GH: Array
    cell_shift_GH: Array


def _equation(coupled: bool, squash):
    """The LSTM's equations; see the head of this file.

    A gate absent from ``z`` is 1. A gate with a peephole sees p ∘ c as well: i and f the old cell
    state, o the new one (Gers and Schmidhuber 2000). ``coupled`` is i = 1 - f.
    """

    def combine(act, z, carry, p):
        def gate(name, c):
            if not hasattr(z, name):
                return 1.0
            seen = getattr(z, name)
            return act(name, seen + getattr(p, name) * c if hasattr(p, name) else seen)

        f = gate("f", carry.c)
        i = 1 - f if coupled else gate("i", carry.c)
        c = f * carry.c + i * act("g", z.g)
        h = gate("o", c) * squash(c)
        return carry._replace(h=h, c=c)

    return combine


FULL = _equation(coupled=False, squash=jnp.tanh)
COUPLED = _equation(coupled=True, squash=jnp.tanh)
UNSQUASHED = _equation(coupled=False, squash=lambda c: c)

INPUT = Gate("i", "sigmoid", memory=-1)
FORGET = Gate("f", "sigmoid", memory=+1)
CANDIDATE = Gate("g", "tanh")
OUTPUT = Gate("o", "sigmoid")
ALL = (INPUT, FORGET, CANDIDATE, OUTPUT)

VARIANTS = {
    "": (ALL, FULL),
    "nig": ((FORGET, CANDIDATE, OUTPUT), FULL),  # no input gate, i = 1
    "nfg": ((INPUT, CANDIDATE, OUTPUT), FULL),  # no forget gate, f = 1
    "nog": ((INPUT, FORGET, CANDIDATE), FULL),  # no output gate, o = 1
    "niaf": ((INPUT, FORGET, Gate("g", "linear"), OUTPUT), FULL),  # no tanh on the candidate
    "noaf": (ALL, UNSQUASHED),  # no tanh on the cell state: h' = o ∘ c'
    # Coupled, i = 1 - f. Greff et al. print f = 1 - i: the same family, the bias's sign reversed.
    "cifg": ((FORGET, CANDIDATE, OUTPUT), COUPLED),
    "ungated": ((CANDIDATE,), FULL),  # i = f = o = 1
}


def lstm(variant: str) -> Cell:
    """The variant without peepholes."""
    gates, combine = VARIANTS[variant]
    return Cell("_".join(filter(None, ("lstm", variant))), gates, combine, carry=LSTMCarry)


def lstm_peephole(variant: str) -> Cell:
    """The variant with a peephole on every gate that is left; peepholes start at zero."""
    gates, combine = VARIANTS[variant]
    seeing = tuple(gate.name for gate in gates if gate.name != "g")
    return Cell(
        "_".join(filter(None, ("lstm_peephole", variant))),
        gates,
        combine,
        params=PeepholeParams,
        carry=LSTMCarry,
        extras=(Extra("p_PH", seeing, "zeros"),),
    )


def fgr_step(act, x, a, carry, w):
    """Full gate recurrence: z_k += Σ_q R_kq q for the gates k, q in i, f, o of the step before.

    Otherwise the peephole LSTM. Gates of the step before the first are 0. Greff et al. 2017.
    """

    def seen(k):
        z = getattr(a, k) + carry.h @ getattr(w.u, k) + getattr(w.b, k)
        return z + sum(getattr(carry, q) @ getattr(w.r_HQH, f"{k}_{q}") for q in "ifo")

    i = act("i", seen("i") + w.p_PH.i * carry.c)
    f = act("f", seen("f") + w.p_PH.f * carry.c)
    c = f * carry.c + i * act("g", a.g + carry.h @ w.u.g + w.b.g)
    o = act("o", seen("o") + w.p_PH.o * c)
    return FGRCarry(o * jnp.tanh(c), c, i, f, o)


def _normalise(a: Array, epsilon: float = 1e-5) -> Array:
    centred = a - jnp.mean(a, axis=-1, keepdims=True)
    return centred * lax.rsqrt(jnp.mean(jnp.square(centred), axis=-1, keepdims=True) + epsilon)


def layernorm_step(act, x, a, carry, w):
    """z_k = α_k ∘ N(W_k x) + β_k ∘ N(U_k h) + b_k;   h' = o ∘ tanh(γ ∘ N(c') + δ).

    N subtracts the mean over the H units and divides by √(variance + 1e-5), for each gate on its
    own. Ba, Kiros and Hinton 2016 (arXiv 1607.06450), equations 20 to 22, which normalise the
    gates together.
    """

    def seen(k):
        from_input = getattr(w.input_gain_GH, k) * _normalise(getattr(a, k))
        from_state = getattr(w.state_gain_GH, k) * _normalise(carry.h @ getattr(w.u, k))
        return from_input + from_state + getattr(w.b, k)

    i, f, g, o = (act(k, seen(k)) for k in "ifgo")
    c = f * carry.c + i * g
    return LSTMCarry(o * jnp.tanh(w.cell_gain_GH.c * _normalise(c) + w.cell_shift_GH.c), c)


LSTM_FGR = Cell(
    "lstm_fgr",
    ALL,
    step=fgr_step,
    params=FGRParams,
    carry=FGRCarry,
    extras=(
        Extra("p_PH", ("i", "f", "o"), "zeros"),
        Extra("r_HQH", tuple(f"{k}_{q}" for k in "ifo" for q in "ifo"), "recurrent"),
    ),
)
LSTM_LAYERNORM = Cell(
    "lstm_layernorm",
    ALL,
    step=layernorm_step,
    params=LayerNormParams,
    carry=LSTMCarry,
    extras=(
        Extra("input_gain_GH", ("i", "f", "g", "o"), "ones"),
        Extra("state_gain_GH", ("i", "f", "g", "o"), "ones"),
        Extra("cell_gain_GH", ("c",), "ones"),
        Extra("cell_shift_GH", ("c",), "zeros"),
    ),
)


def janet_combine(act, z, carry, p):
    """c' = σ(z_f) ∘ c + (1 - σ(z_f - 1)) ∘ tanh(z_g);   h' = c'.

    1 - σ(z_f - 1) = σ(1 - z_f) is recorded as a gate i of its own, without parameters.
    Van der Westhuizen and Lasenby 2018 (arXiv 1804.04849) with β = 1.
    """
    return Hidden(act("f", z.f) * carry.h + act("i", 1 - z.f) * act("g", z.g))


JANET = Cell(
    "janet",
    (FORGET, CANDIDATE, Gate("i", "sigmoid", input=False, state=False)),
    janet_combine,
)
CELLS = (
    *(lstm(variant) for variant in VARIANTS),
    *(lstm_peephole(variant) for variant in VARIANTS if variant != "ungated"),
    LSTM_FGR,
    LSTM_LAYERNORM,
    JANET,
)
