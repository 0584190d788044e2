"""The LSTM and its variants, which add terms to its equations or remove terms from them.

    i = σ(z_i)   f = σ(z_f)   g = tanh(z_g)   o = σ(z_o)      z = W x + U h + b, one bias a gate
    c' = f ∘ c + i ∘ g
    h' = o ∘ tanh(c')

Gates are in the order i f g o; a gate that a variant removes is fixed at 1 and has no parameters.
Sources: Hochreiter and Schmidhuber 1997, Gers et al. 2000 (forget gate, constant decay), Greff et
al. 2017 (arXiv 1503.04069; the variants), Jozefowicz et al. 2015 (o = tanh(z_o), as printed), Gu et
al. 2020 (refine gate).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from seqjax.cells.base import Act, Cell, Extra, Gate, Hidden, Named
from seqjax.types import Array


class LSTMCarry(NamedTuple):
    """Output ``h`` and cell state ``c``, each (B, H)."""

    h: Array
    c: Array


class PeepholeParams(NamedTuple):
    """LSTM parameters and ``p_PH``: a peephole weight for each unit of each gate with one."""

    w_DGH: Array
    u_HGH: Array
    b_GH: Array
    p_PH: Array


class FGRParams(NamedTuple):
    """Peephole parameters and ``r_HQH``: an (H, H) matrix for each pair of gates."""

    w_DGH: Array
    u_HGH: Array
    b_GH: Array
    p_PH: Array
    r_HQH: Array


class FGRCarry(NamedTuple):
    """The LSTM's carry and the gates i, f, o of the previous step, each (B, H)."""

    h: Array
    c: Array
    i: Array
    f: Array
    o: Array


class LayerNormParams(NamedTuple):
    """LSTM parameters, gains of the normalised W x, U h and c', and the shift of c'."""

    w_DGH: Array
    u_HGH: Array
    b_GH: Array
    input_gain_GH: Array
    state_gain_GH: Array
    cell_gain_GH: Array
    cell_shift_GH: Array


def _equation(coupled: bool, squash: Callable[[Array], Array]) -> Callable[..., LSTMCarry]:
    """A ``combine`` with the LSTM's equations in the docstring of this module.

    A gate absent from ``z`` is 1. A peephole adds p ∘ c to a gate's pre-activation: the old cell
    state for i and f, the new one for o (Gers and Schmidhuber 2000).

    Args:
      coupled: i = 1 - f.
      squash: applied to c' in h' = o ∘ squash(c').
    """

    def combine(act: Act, z: Named, carry: LSTMCarry, p: Named | None) -> LSTMCarry:
        def gate(name, c):
            if not hasattr(z, name):
                return 1.0
            z_k = getattr(z, name)
            return act(name, z_k + getattr(p, name) * c if hasattr(p, name) else z_k)

        f = gate("f", carry.c)
        i = 1 - f if coupled else gate("i", carry.c)
        c = f * carry.c + i * act("g", z.g)
        h = gate("o", c) * squash(c)
        return carry._replace(h=h, c=c)

    return combine


FULL = _equation(coupled=False, squash=jnp.tanh)
COUPLED = _equation(coupled=True, squash=jnp.tanh)
UNSQUASHED = _equation(coupled=False, squash=lambda c: c)
DECAY = 0.9

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
    """The LSTM variant of this name in ``VARIANTS``, without peepholes."""
    gates, combine = VARIANTS[variant]
    return Cell("_".join(filter(None, ("lstm", variant))), gates, combine, carry=LSTMCarry)


def lstm_peephole(variant: str) -> Cell:
    """The LSTM variant of this name, with peepholes, initialised at 0, on all its gates but g."""
    gates, combine = VARIANTS[variant]
    with_peephole = tuple(gate.name for gate in gates if gate.name != "g")
    return Cell(
        "_".join(filter(None, ("lstm_peephole", variant))),
        gates,
        combine,
        params=PeepholeParams,
        carry=LSTMCarry,
        extras=(Extra("p_PH", with_peephole, "zeros"),),
    )


def fgr_step(act: Act, x: Array, a: Named, carry: FGRCarry, w: Named) -> FGRCarry:
    """The peephole LSTM with full gate recurrence: z_k += Σ_q R_kq q over q in i, f, o.

    q is a gate value of the previous step, 0 before the first step. Greff et al. 2017.
    """

    def pre_activation(k):
        z = getattr(a, k) + carry.h @ getattr(w.u, k) + getattr(w.b, k)
        return z + sum(getattr(carry, q) @ getattr(w.r_HQH, f"{k}_{q}") for q in "ifo")

    i = act("i", pre_activation("i") + w.p_PH.i * carry.c)
    f = act("f", pre_activation("f") + w.p_PH.f * carry.c)
    c = f * carry.c + i * act("g", a.g + carry.h @ w.u.g + w.b.g)
    o = act("o", pre_activation("o") + w.p_PH.o * c)
    return FGRCarry(o * jnp.tanh(c), c, i, f, o)


def _normalise(a: Array, epsilon: float = 1e-5) -> Array:
    centred = a - jnp.mean(a, axis=-1, keepdims=True)
    return centred * lax.rsqrt(jnp.mean(jnp.square(centred), axis=-1, keepdims=True) + epsilon)


def layernorm_step(act: Act, x: Array, a: Named, carry: LSTMCarry, w: Named) -> LSTMCarry:
    """z_k = α_k ∘ N(W_k x) + β_k ∘ N(U_k h) + b_k;   h' = o ∘ tanh(γ ∘ N(c') + δ).

    N subtracts the mean over the H units and divides by √(variance + 1e-5), separately for each
    gate. Ba, Kiros and Hinton 2016 (arXiv 1607.06450), equations 20 to 22, normalise all gates
    together.
    """

    def pre_activation(k):
        from_input = getattr(w.input_gain_GH, k) * _normalise(getattr(a, k))
        from_state = getattr(w.state_gain_GH, k) * _normalise(carry.h @ getattr(w.u, k))
        return from_input + from_state + getattr(w.b, k)

    i, f, g, o = (act(k, pre_activation(k)) for k in "ifgo")
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


def janet_combine(act: Act, z: Named, carry: Hidden, p: Named | None) -> Hidden:
    """c' = σ(z_f) ∘ c + (1 - σ(z_f - 1)) ∘ tanh(z_g);   h' = c'.

    1 - σ(z_f - 1) = σ(1 - z_f) is recorded as a gate i without parameters.
    Van der Westhuizen and Lasenby 2018 (arXiv 1804.04849) with β = 1.
    """
    return Hidden(act("f", z.f) * carry.h + act("i", 1 - z.f) * act("g", z.g))


JANET = Cell(
    "janet",
    (FORGET, CANDIDATE, Gate("i", "sigmoid", input=False, state=False)),
    janet_combine,
)


def decay_combine(act: Act, z: Named, carry: LSTMCarry, p: Named | None) -> LSTMCarry:
    """c' = .9 c + i ∘ g;   h' = o ∘ tanh(c'): no forget gate, a constant decay.

    The decay is recorded as a gate f without parameters. The "LSTM with state decay" of Gers,
    Schmidhuber and Cummins 2000; .9 was the best decay that they tried.
    """
    f = act("f", jnp.full_like(carry.c, DECAY))
    c = f * carry.c + act("i", z.i) * act("g", z.g)
    return LSTMCarry(act("o", z.o) * jnp.tanh(c), c)


def refine_combine(act: Act, z: Named, carry: LSTMCarry, p: Named | None) -> LSTMCarry:
    """e = 2 r ∘ f + (1 - 2 r) ∘ f²;   c' = e ∘ c + (1 - e) ∘ g;   h' = o ∘ tanh(c').

    The refine gate r = σ(z_r) moves the effective gate e from f² (r = 0) over f (r = 1/2) to
    1 - (1 - f)² (r = 1), so that gradients reach a saturated f. e is recorded as a gate without
    parameters. The bias of r starts at minus the draw of f under ``init.bias_scheme``; afterwards
    both are trained independently. Gu, Gulcehre, Paine, Hoffman and Pascanu 2020 (arXiv
    1910.09890), who call the cell UR-LSTM with ``init.bias_scheme=uniform_gate``.
    """
    f, r = act("f", z.f), act("r", z.r)
    e = act("e", 2 * r * f + (1 - 2 * r) * f * f)
    c = e * carry.c + (1 - e) * act("g", z.g)
    return LSTMCarry(act("o", z.o) * jnp.tanh(c), c)


LSTM_DECAY = Cell(
    "lstm_decay",
    (
        INPUT,
        Gate("f", "linear", input=False, state=False, memory=+1),
        CANDIDATE,
        OUTPUT,
    ),
    decay_combine,
    carry=LSTMCarry,
)
LSTM_REFINE = Cell(
    "lstm_refine",
    (
        # First, because retention times are those of the first gate that keeps the state.
        Gate("e", "linear", input=False, state=False, memory=+1),
        FORGET,
        Gate("r", "sigmoid", memory=-1),
        CANDIDATE,
        OUTPUT,
    ),
    refine_combine,
    carry=LSTMCarry,
)
LSTM_TANH_OUTPUT = Cell(
    "lstm_tanh_output",
    # As the equations of Jozefowicz, Zaremba and Sutskever 2015 are printed: o = tanh(z_o).
    (INPUT, FORGET, CANDIDATE, Gate("o", "tanh")),
    FULL,
    carry=LSTMCarry,
)
CELLS = (
    *(lstm(variant) for variant in VARIANTS),
    *(lstm_peephole(variant) for variant in VARIANTS if variant != "ungated"),
    LSTM_FGR,
    LSTM_LAYERNORM,
    LSTM_DECAY,
    LSTM_REFINE,
    LSTM_TANH_OUTPUT,
    JANET,
)
