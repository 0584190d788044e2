"""Sequences drawn from a recurrent model, symbol by symbol.

    s_{t+1} ~ softmax(z_t / τ)   over the symbols that are allowed at t + 1, the k likeliest of them

Each sequence has a key of its own, and each of its steps one that follows from it: what is drawn
does not depend on the sequences beside it.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from seqjax.models.sequence import SequenceModel
from seqjax.types import Array

TEMPERATURES = 1e-30, 1e30
"""Outside them τ draws as at the nearer one: the likeliest symbol, or all alike."""


def sequence_keys(seed: int, count: int) -> Array:
    """The keys of the first ``count`` sequences of a seed, (B,)."""
    return jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), jnp.arange(count))


def draw_symbols(
    logits_BV: Array,
    keys_B: Array,
    temperature: float | Array = 1.0,
    top_k: int = 0,
    allowed: Array | None = None,
) -> Array:
    """A symbol for each row of logits, (B,) int32.

    Args:
      logits_BV: finite where allowed at least once, and there at most 1e8 in size.
      keys_B: one for each row.
      temperature: τ > 0, may be traced; to take the likeliest symbol let ``top_k`` be 1.
      top_k: how many of the likeliest to choose from, more where they are equally likely; 0: all.
      allowed: booleans, (V,) or (B, V); None for all.
    """
    left_BV = jnp.broadcast_to(True if allowed is None else allowed, logits_BV.shape)
    if top_k:
        masked_BV = jnp.where(left_BV, logits_BV, -jnp.inf)
        likeliest_BK, _ = jax.lax.top_k(masked_BV, min(top_k, logits_BV.shape[1]))
        left_BV &= logits_BV >= likeliest_BK[:, -1:]
    # The mask comes last: -inf / τ is NaN where 1 / τ is rounded to 0.
    scaled_BV = logits_BV / jnp.clip(temperature, *TEMPERATURES)
    masked_BV = jnp.where(left_BV, scaled_BV, -jnp.inf)
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
    """The ``steps`` symbols that follow the given first ones, (T, B) int32.

    Args:
      model: reads symbols, and is read out at every step; any of its numbers may be traced.
      first_B: symbols.
      allowed: booleans, (T, V) or (T, B, V): what may stand at each place after the first; None for
        everything.

    Raises:
      ValueError: a model that does not go from symbol to symbol.
    """
    _check(model)

    def body(state, place):
        carry, symbol_B = state
        carry, symbol_B = _step(model, carry, symbol_B, keys_B, *place, temperature, top_k)
        return (carry, symbol_B), symbol_B

    carry = model.recurrent.initial_carry(first_B.shape[0])
    places = jnp.arange(steps, dtype=jnp.int32), allowed
    return jax.lax.scan(body, (carry, first_B.astype(jnp.int32)), places)[1]


class Sampler:
    """What a model writes, as it is drawn; programs are compiled once.

    Args:
      model, temperature, top_k: as in ``sample``.
    """

    def __init__(self, model: SequenceModel, temperature: float = 1.0, top_k: int = 0):
        _check(model)
        self.model = model
        self.step = jax.jit(
            lambda *state: _step(model, *state, temperature=temperature, top_k=top_k)
        )

    def stream(
        self, first_B: np.ndarray, keys_B: Array, allowed_TV: np.ndarray
    ) -> Iterator[np.ndarray]:
        """The symbols of ``sample``, (B,) each, one for each row of ``allowed_TV``."""
        carry = self.model.recurrent.initial_carry(len(first_B))
        symbol_B = jnp.asarray(first_B, jnp.int32)
        for number, allowed_V in enumerate(allowed_TV):
            carry, symbol_B = self.step(
                carry, symbol_B, keys_B, jnp.int32(number), jnp.asarray(allowed_V)
            )
            yield np.asarray(symbol_B)


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
