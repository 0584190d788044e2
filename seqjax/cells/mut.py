"""MUT1, MUT2 and MUT3, found by an architecture search in Jozefowicz et al. 2015.

    h' = z ∘ n + (1 - z) ∘ h

The update gate z has the opposite sense to the GRU's: z near 1 writes the new state. MUT1 and MUT2
add the input to quantities of width H, so they need D = H.
"""

import jax.numpy as jnp

from seqjax.cells.base import Act, Cell, Gate, Hidden, Named
from seqjax.types import Array

RESET = Gate("r", "sigmoid")
UPDATE = Gate("z", "sigmoid", memory=-1)
CANDIDATE = Gate("n", "tanh")


def _update(z, n, h):
    return Hidden(z * n + (1 - z) * h)


def mut1_step(act: Act, x: Array, a: Named, carry: Hidden, w: Named) -> Hidden:
    """z = σ(W_z x + b_z);  r = σ(W_r x + U_r h + b_r);  n = tanh(U_n (r ∘ h) + tanh(x) + b_n)."""
    h = carry.h
    z = act("z", a.z + w.b.z)
    r = act("r", a.r + h @ w.u.r + w.b.r)
    return _update(z, act("n", (r * h) @ w.u.n + jnp.tanh(x) + w.b.n), h)


def mut2_step(act: Act, x: Array, a: Named, carry: Hidden, w: Named) -> Hidden:
    """z = σ(W_z x + U_z h + b_z);  r = σ(x + U_r h + b_r);  n = tanh(U_n (r ∘ h) + W_n x + b_n)."""
    h = carry.h
    z = act("z", a.z + h @ w.u.z + w.b.z)
    r = act("r", x + h @ w.u.r + w.b.r)
    return _update(z, act("n", (r * h) @ w.u.n + a.n + w.b.n), h)


def mut3_step(act: Act, x: Array, a: Named, carry: Hidden, w: Named) -> Hidden:
    """z = σ(W_z x + U_z tanh(h) + b_z);  r = σ(W_r x + U_r h + b_r);  n as in MUT2."""
    h = carry.h
    z = act("z", a.z + jnp.tanh(h) @ w.u.z + w.b.z)
    r = act("r", a.r + h @ w.u.r + w.b.r)
    return _update(z, act("n", (r * h) @ w.u.n + a.n + w.b.n), h)


CELLS = (
    Cell(
        "mut1",
        (RESET, Gate("z", "sigmoid", state=False, memory=-1), Gate("n", "tanh", input=False)),
        step=mut1_step,
        square=True,
    ),
    Cell(
        "mut2",
        (Gate("r", "sigmoid", input=False), UPDATE, CANDIDATE),
        step=mut2_step,
        square=True,
    ),
    Cell("mut3", (RESET, UPDATE, CANDIDATE), step=mut3_step),
)
