"""Sampling sequences from a model, symbol by symbol.

    s_{t+1} ~ softmax(z_t / τ)   over the k likeliest of the symbols allowed at t + 1

Each sequence has its own key, from which the keys of its steps are folded, so a sample does not
depend on the other sequences of the batch.
"""

import jax
import jax.numpy as jnp

from seqjax.models.sequence import SequenceModel
from seqjax.types import Array

TEMPERATURES = 1e-30, 1e30
"""Bounds on τ: samples are the likeliest symbol below the first, uniform above the second."""


def draw_symbols(
    logits_BV: Array,
    keys_B: Array,
    temperature: float | Array = 1.0,
    top_k: int = 0,
    allowed: Array | None = None,
) -> Array:
    """Sample a symbol for each row of logits, (B,) int32.

    Args:
      logits_BV: logits of at most 1e8 in magnitude; each row has a finite allowed one.
      keys_B: a random key for each row.
      temperature: τ > 0; may be traced. For the likeliest symbol set ``top_k`` to 1.
      top_k: sample from this many of the likeliest symbols, ties included; 0 for all symbols.
      allowed: booleans, (V,) or (B, V); None for all.
    """
    mask_BV = jnp.broadcast_to(True if allowed is None else allowed, logits_BV.shape)
    if top_k:
        masked_BV = jnp.where(mask_BV, logits_BV, -jnp.inf)
        likeliest_BK, _ = jax.lax.top_k(masked_BV, min(top_k, logits_BV.shape[1]))
        mask_BV &= logits_BV >= likeliest_BK[:, -1:]
    # The mask comes last: -inf / τ is NaN where 1 / τ is rounded to 0.
    scaled_BV = logits_BV / jnp.clip(temperature, *TEMPERATURES)
    masked_BV = jnp.where(mask_BV, scaled_BV, -jnp.inf)
    drawn_B = jax.vmap(jax.random.categorical)(keys_B, masked_BV)
    return drawn_B.astype(jnp.int32)


def sample(
    model: SequenceModel,
    first_B: Array,
    keys_B: Array,
    steps: int,
    *,
    temperature: float | Array = 1.0,
    top_k: int = 0,
    allowed: Array | None = None,
) -> Array:
    """Sample ``steps`` symbols after each first symbol, (T, B) int32.

    Args:
      model: a model with symbols as input, a readout at every step, one direction and a window
        of 1.
      first_B: the first symbol of each sequence.
      keys_B: a random key for each sequence.
      temperature, top_k: as in ``draw_symbols``.
      allowed: booleans, (T, V) or (T, B, V), for each step after the first; None for all.

    Raises:
      ValueError: the model is of another kind.
    """
    _check(model)

    def body(state, step_inputs):
        carry, symbol_B = state
        carry, symbol_B = _step(model, carry, symbol_B, keys_B, *step_inputs, temperature, top_k)
        return (carry, symbol_B), symbol_B

    carry = model.recurrent.initial_carry(first_B.shape[0])
    step_inputs = jnp.arange(steps, dtype=jnp.int32), allowed
    return jax.lax.scan(body, (carry, first_B.astype(jnp.int32)), step_inputs)[1]


def _step(model, carry, symbol_B, keys_B, number, allowed, temperature, top_k):
    """The carry after reading a symbol, and the next symbol."""
    logits_TBV, carry = model.logits_and_carry(symbol_B[None], carry)
    keys_B = jax.vmap(jax.random.fold_in, (0, None))(keys_B, number)
    return carry, draw_symbols(logits_TBV[0], keys_B, temperature, top_k, allowed)


def _check(model: SequenceModel) -> None:
    backward = len(model.recurrent.directions) > 1
    if not (model.every_step and model.symbols) or backward or model.window > 1:
        raise ValueError(
            "model: expected symbols, a readout at every step, one direction and a window of 1"
        )
