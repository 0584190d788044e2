"""Bounds on gradient signals: the norm that cannot overflow, and bounds inside the backward pass.

A norm is kept in two factors: the binade (the largest power of two not above the largest magnitude)
and the norm of what is left after dividing by it. The division is exact and no square overflows, so
gradients of 3e19 have a norm, and shortening them gives neither NaN nor a silent 0.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqjax.types import Array, Number

LEAST_NORM = 1e-20
"""A floor leaves shorter vectors alone: they are zeros, or what rounding has left of them."""


def _wide(x: Array) -> Array:
    return x if x.dtype == jnp.float64 else x.astype(jnp.float32)


def _scaled_norm(leaves: list[Array], axes: tuple[int, ...] | None) -> tuple[Array, Array]:
    """The joint L2 norm of ``leaves`` over ``axes`` (None: all) as (1 / binade, rest)."""
    keep = axes is not None
    largest = [jnp.max(jnp.abs(x), axis=axes, keepdims=keep, initial=0) for x in leaves]
    exponent = jnp.frexp(functools.reduce(jnp.maximum, largest))[1] - 1
    limit = jnp.finfo(leaves[0].dtype).maxexp - 2  # the binade and its inverse stay normal numbers
    inverse = jnp.ldexp(jnp.ones((), leaves[0].dtype), -jnp.clip(exponent, -limit, limit))
    squares = [jnp.sum(jnp.square(x * inverse), axis=axes, keepdims=keep) for x in leaves]
    return inverse, jnp.sqrt(sum(squares[1:], squares[0]))


def tree_norm(tree: Any, axes: tuple[int, ...] | None = None) -> Array:
    """The joint L2 norm of all leaves over ``axes`` (None: all), in float32 or wider."""
    inverse, rest = _scaled_norm([_wide(x) for x in jax.tree.leaves(tree)], axes)
    return rest / inverse


def clip_to_norm(
    tree: Any, bound: Number, axes: tuple[int, ...] | None = None
) -> tuple[Any, Array]:
    """``tree`` with its joint L2 norm over ``axes`` brought down to ``bound`` where it is longer.

        x * bound / ‖x‖  if ‖x‖ > bound,  else x itself, bit for bit (always, where bound is inf)

    Args:
      tree: arrays; with ``axes`` given their shapes must agree on the other axes.
      bound: positive, or inf; may be traced.
      axes: the axes of each leaf that one norm runs over; None for all, jointly.

    Returns:
      The tree, and where it was shortened (boolean, ``axes`` kept as 1).
    """
    leaves, treedef = jax.tree.flatten(tree)
    wide = [_wide(x) for x in leaves]
    inverse, rest = _scaled_norm(wide, axes)
    bound = jnp.asarray(bound, rest.dtype)
    longer = rest > bound * inverse
    factor = bound / jnp.where(longer, rest, 1)
    short = [
        jnp.where(longer, (w * inverse * factor).astype(x.dtype), x)
        for x, w in zip(leaves, wide, strict=True)
    ]
    return jax.tree.unflatten(treedef, short), longer


def raise_to_norm(
    tree: Any, floor: Number, axes: tuple[int, ...] | None = None, norm: Array | None = None
) -> tuple[Any, Array]:
    """``tree`` with its joint L2 norm over ``axes`` raised to ``floor`` where it is shorter.

        x / ‖x‖ * floor  if 1e-20 <= ‖x‖ < floor,  else x itself, bit for bit (always, at floor 0)

    No entry of x / ‖x‖ exceeds 1, so nothing overflows on the way.

    Args:
      tree: arrays; with ``axes`` given their shapes must agree on the other axes.
      floor: finite, 0 or more; may be traced.
      axes: the axes of each leaf that one norm runs over; None for all, jointly.
      norm: what counts as ‖x‖ (``axes`` kept as 1) where ``tree`` stands for something else.

    Returns:
      The tree, and where it was lengthened (boolean, ``axes`` kept as 1).
    """
    norm = tree_norm(tree, axes) if norm is None else norm
    floor = jnp.asarray(floor, norm.dtype)
    shorter = (norm >= LEAST_NORM) & (norm < floor)
    divisor = jnp.where(shorter, norm, 1)
    long = jax.tree.map(
        lambda x: jnp.where(shorter, (_wide(x) / divisor * floor).astype(x.dtype), x), tree
    )
    return long, shorter


class StepBound(NamedTuple):
    """Bounds on the gradients at every step of the backward pass. None is no bound.

    The signal of an example at a step is the cotangent of its carry after that step: what comes
    back from later steps and from the outputs. It is first shortened, then lengthened.

    Attributes:
      threshold: positive; the signal is shortened to it, all leaves jointly; inf is off.
      count: pass a zero and differentiate with respect to it: its cotangent is the number of
        (step, example) pairs that were shortened.
      floor: 0 or more; each leaf of the signal, h and for the LSTM c, is lengthened to it on its
        own; 0 is off.
      contribution: 0 or more; what an example adds at a step to the gradient of the parameters, all
        of W, U, b and what else there is jointly, is lengthened to it; the signal that flows on to
        earlier steps and to the input is left alone; 0 is off.

    All numbers may be traced.
    """

    threshold: Number | None = None
    count: Number = 0.0
    floor: Number | None = None
    contribution: Number | None = None


@jax.custom_vjp
def bound_cotangent(carry: NamedTuple, bound: StepBound) -> NamedTuple:
    """The identity; each example's cotangent is bounded from above, then from below."""
    return carry


def _forward(carry, bound):
    return carry, bound


def _backward(bound, signal):
    count = jnp.zeros_like(bound.count)
    if bound.threshold is not None:
        signal, longer = clip_to_norm(signal, bound.threshold, axes=(1,))
        count = jnp.sum(longer).astype(count.dtype)
    if bound.floor is not None:
        signal = type(signal)(*(raise_to_norm(leaf, bound.floor, axes=(1,))[0] for leaf in signal))
    return signal, jax.tree.map(jnp.zeros_like, bound)._replace(count=count)


bound_cotangent.defvjp(_forward, _backward)


@jax.custom_vjp
def raise_cotangent(params: Any, floor: Array) -> Any:
    """The identity; its cotangent is lengthened to ``floor``, all leaves jointly."""
    return params


raise_cotangent.defvjp(
    lambda params, floor: (params, floor),
    lambda floor, gradient: (raise_to_norm(gradient, floor)[0], jnp.zeros_like(floor)),
)
