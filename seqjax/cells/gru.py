"""Gated recurrent units, with gates in the order r (reset), z (update), n (candidate).

Both use h' = (1 - z) ∘ n + z ∘ h: z near 1 keeps the state, so a positive bias of z favours memory.
"""

from seqjax.cells.base import Act, Cell, Gate, Hidden, Named
from seqjax.types import Array

RESET = Gate("r", "sigmoid")
UPDATE = Gate("z", "sigmoid", memory=+1)


def gru_combine(act: Act, z: Named, carry: Hidden, p: Named | None) -> Hidden:
    """n = tanh(W_n x + b_n + r ∘ (U_n h + b_nh));   h' = (1 - z) ∘ n + z ∘ h.

    The reset gate multiplies U h and its bias ``n_h``, after the product, as in cuDNN and torch.
    """
    r = act("r", z.r)
    n = act("n", z.n + r * act("n_h", z.n_h))
    keep = act("z", z.z)
    return Hidden((1 - keep) * n + keep * carry.h)


def gru_reset_before_step(act: Act, x: Array, a: Named, carry: Hidden, w: Named) -> Hidden:
    """n = tanh(W_n x + U_n (r ∘ h) + b_n);   h' = (1 - z) ∘ n + z ∘ h.

    The reset gate multiplies h before the product, and z keeps the state, as in Cho et al. 2014
    (arXiv 1406.1078, version 3).
    """
    h = carry.h
    r = act("r", a.r + h @ w.u.r + w.b.r)
    keep = act("z", a.z + h @ w.u.z + w.b.z)
    n = act("n", a.n + (r * h) @ w.u.n + w.b.n)
    return Hidden((1 - keep) * n + keep * h)


GRU = Cell(
    "gru",
    (
        RESET,
        UPDATE,
        Gate("n", "tanh", state=False),
        # U h of n is a linear gate by itself, because r multiplies it but not W x.
        Gate("n_h", "linear", input=False, shares="n"),
    ),
    gru_combine,
)
GRU_RESET_BEFORE = Cell(
    "gru_reset_before", (RESET, UPDATE, Gate("n", "tanh")), step=gru_reset_before_step
)
CELLS = (GRU, GRU_RESET_BEFORE)
