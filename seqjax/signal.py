"""Bounds on gradient signals: the norm that cannot overflow, and a clip inside the backward pass.

A norm is kept in two factors: the binade (the largest power of two not above the largest magnitude)
and the norm of what is left after dividing by it. The division is exact and no square overflows, so
gradients of 3e19 have a norm, and shortening them gives neither NaN nor a silent 0.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqjax.types import Array, Number


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


def shorten(tree: Any, bound: Number, axes: tuple[int, ...] | None = None) -> tuple[Any, Array]:
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


class StepClip(NamedTuple):
    """A bound on the signal at every step of the backward pass.

    Attributes:
      threshold: positive, on the joint L2 norm, for each example and step, of the cotangent of the
        carry; may be traced; inf is off.
      count: pass a zero and differentiate with respect to it: its cotangent is the number of
        (step, example) pairs that were shortened.
    """

    threshold: Number
    count: Number = 0.0


@jax.custom_vjp
def clip_signal(carry: NamedTuple, threshold: Array, count: Array) -> NamedTuple:
    """The identity; each example's cotangent is shortened to ``threshold``, over all leaves."""
    return carry


def _forward(carry, threshold, count):
    return carry, (threshold, count)


def _backward(saved, cotangent):
    threshold, count = saved
    short, longer = shorten(cotangent, threshold, axes=(1,))
    return short, jnp.zeros_like(threshold), jnp.sum(longer).astype(count.dtype)


clip_signal.defvjp(_forward, _backward)
