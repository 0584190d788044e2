"""Observers of gradients: with respect to states, weights of each step, and inputs."""

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell
from seqjax.diagnostics.gradients import early_to_late, gradient_profile, weight_contributions
from seqjax.diagnostics.jacobians import input_jacobian
from seqjax.diagnostics.observers.base import HeldOut, Observed, extract_layer, first_examples
from seqjax.recurrence.gradient_norms import tree_norm


def gradients(held_out: HeldOut) -> Observed:
    """Norms ‖∂L/∂h_t‖, ‖∂L/∂c_t‖ and ‖∂L/∂x_t‖, (T,), averaged over 64 sequences.

    L is the loss of a sequence; x_t is the input of the cell: embedded, windowed and mapped. For
    models of one layer and direction.

    Cost: one forward and one backward pass; two of each for cells with a c.
    """
    cell, params, x_TBD, loss = extract_layer(first_examples(held_out))
    profile = gradient_profile(cell, params, x_TBD, loss)
    return {name: jnp.mean(norms_TB, axis=1) for name, norms_TB in profile.items()}


def contributions(held_out: HeldOut) -> Observed:
    """Norms ‖∂L/∂U_t‖ of each step's copy of the recurrent weights, (T,), and their trend.

    L is the mean loss of 64 sequences; U are all parameters that multiply the state. The trend is
    ``early_to_late`` of the norms from the second step on, because the first step reads no state.
    Empty for cells without recurrent weights. For models of one layer and direction.

    Cost: one forward and one backward pass, and memory for T copies of the parameters.
    """
    cell, params, x_TBD, loss = extract_layer(first_examples(held_out))
    fields = _recurrent_fields(cell)
    if not fields:
        return {}
    per_step = weight_contributions(cell, params, x_TBD, lambda outputs: jnp.mean(loss(outputs)))
    norms_T = jax.vmap(tree_norm)([getattr(per_step, field) for field in fields])
    return {"u": norms_T, "early_to_late": early_to_late(norms_T[1:])}


def _recurrent_fields(cell: Cell) -> list[str]:
    """The fields of the parameters that multiply the state."""
    extras = [extra.field for extra in cell.extras if extra.draw in ("recurrent", "unit")]
    return (["u_HGH"] if cell.state_gates else []) + extras


def inputs(held_out: HeldOut) -> Observed:
    """Largest norm ‖∂ŷ_t/∂x_s‖ of the first sequence for each distance t - s, (T,), and for s > t.

    ŷ_t are the logits of step t, x_s the input of step s, without its window.

    Cost: T V backward passes of one sequence.
    """

    model, batch = held_out.model, held_out.batch

    def logits(x_TD):
        return model.readout(model.recurrent(model.windowed(x_TD[:, None])).outputs_TBH)[:, 0]

    norms_TT = input_jacobian(logits, model.embed(batch.x[:, :1])[:, 0])
    T = len(norms_TT)
    back_TT = jnp.arange(T)[:, None] - jnp.arange(T)[None, :]
    earlier_TT, later_TT = (jnp.where(which, norms_TT, 0) for which in (back_TT >= 0, back_TT < 0))
    distance_T = jnp.zeros((T,), norms_TT.dtype).at[jnp.abs(back_TT)].max(earlier_TT)
    return {"distance": distance_T, "later": jnp.max(later_TT)}
