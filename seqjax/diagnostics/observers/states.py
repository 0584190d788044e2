"""Observers of states: recurrent matrices, Jacobians, Lyapunov exponents and a linear probe."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from seqjax.diagnostics.jacobians import (
    cumulative_products,
    lyapunov_spectrum,
    memory_path,
    recurrent_scales,
    singular_values,
    step_jacobians,
)
from seqjax.diagnostics.observers.base import (
    TRAJECTORIES,
    HeldOut,
    Observed,
    extract_layer,
    first_examples,
)
from seqjax.diagnostics.probe import linear_probe
from seqjax.recurrence.gradient_norms import tree_norm
from seqjax.types import Array

EXPONENTS = 8
"""Number of Lyapunov exponents that are recorded, the largest first."""


def scales(held_out: HeldOut) -> Observed:
    """Spectral radius and largest singular value of every recurrent matrix; empty without any.

    Cost: 24 products and a singular value decomposition of H × H for each gate; no forward pass.
    """
    return {
        f"{layer}.{gate}.{field}": getattr(scale, field)
        for layer, params in held_out.model.recurrent.cells.items()
        for gate, scale in recurrent_scales(
            held_out.model.recurrent.cell, params.get_value()
        ).items()
        for field in scale._fields
    }


def jacobians(held_out: HeldOut) -> Observed:
    """Sizes of Jacobians from state to state, (T,) each, averaged over 4 sequences.

    largest, smallest: singular values of J_t = ∂ carry_t / ∂ carry_{t-1}.
    product: the largest singular value of J_t … J_1; 0, inf or NaN beyond float32's range.
    direct: Frobenius norm of the direct path along the memory from the first step to step t.
    share: that norm over the norm of all paths ∂m_t/∂m_1; see ``MemoryPath``.

    The memory m is c if the cell has one, else h. For models of one layer and direction.

    Cost: 4 times S + 2 H forward passes, and 2 T decompositions of S × S, where S is H times the
    number of the carry's leaves; memory T S². One sequence at a time.
    """
    cell, params, x_TBD, _ = extract_layer(first_examples(held_out))

    def one(x_TD):
        j_TSS = step_jacobians(cell, params, x_TD)
        values_TS, path = singular_values(j_TSS), memory_path(cell, params, x_TD, 0)
        return {
            "largest": values_TS[:, 0],
            "smallest": values_TS[:, -1],
            "product": singular_values(cumulative_products(j_TSS))[:, 0],
            "direct": jax.vmap(tree_norm)(path.direct_TH),
            "share": path.share_T,
        }

    return _mean(one, x_TBD)


def lyapunov(held_out: HeldOut) -> Observed:
    """The largest Lyapunov exponents, up to 8, averaged over 4 sequences.

    For models of one layer and direction.

    Cost: 4 times S forward passes and T decompositions of S × S, with S as in ``jacobians``;
    memory T S².
    """
    cell, params, x_TBD, _ = extract_layer(first_examples(held_out))

    def one(x_TD):
        return {"largest": lyapunov_spectrum(step_jacobians(cell, params, x_TD))[:EXPONENTS]}

    return _mean(one, x_TBD)


def _mean(one: Callable[[Array], Observed], x_TBD: Array) -> Observed:
    """The mean of ``one(x_TD)`` over the first sequences, one at a time."""
    arrays = jax.lax.map(one, jnp.moveaxis(x_TBD[:, :TRAJECTORIES], 1, 0))
    return {name: jnp.mean(array, axis=0) for name, array in arrays.items()}


def probe(held_out: HeldOut) -> Observed:
    """Accuracy with which a linear map decodes the first symbol from the outputs of step t, (T,).

    Fitted on the first half of the sequences, evaluated on the second; see ``linear_probe``. Reads
    the top layer, both directions. For tasks whose input is symbols.

    Cost: one forward pass, and T linear systems of H equations.
    """
    model, batch = held_out.model, held_out.batch
    outputs_TBH = model.recurrent(model.windowed(model.embed(batch.x))).outputs_TBH
    first_B, half = batch.x[0], batch.x.shape[1] // 2
    accuracy_T = linear_probe(
        outputs_TBH[:, :half],
        first_B[:half],
        outputs_TBH[:, half:],
        first_B[half:],
        held_out.symbols,
    )
    return {"accuracy": accuracy_T}
