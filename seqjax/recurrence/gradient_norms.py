"""Norms of gradients that cannot overflow, clipping and raising to a norm, and bounds inside the
backward pass.

A norm is represented by two factors: the largest power of two not above the largest magnitude, and
the norm of the arrays divided by it. The division is exact and no square overflows, so gradients of
3e19 have a finite norm, and clipping them gives neither NaN nor 0.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqjax.types import Array, Number

LEAST_NORM = 1e-20
"""Vectors with a smaller norm are not raised, because they are zeros or rounding errors."""


def _wide(x: Array) -> Array:
    return x if x.dtype == jnp.float64 else x.astype(jnp.float32)


def _scaled_norm(leaves: list[Array], axes: tuple[int, ...] | None) -> tuple[Array, Array]:
    """The joint L2 norm of ``leaves`` over ``axes`` as (1 / power of two, norm / power of two)."""
    keepdims = axes is not None
    largest = [jnp.max(jnp.abs(x), axis=axes, keepdims=keepdims, initial=0) for x in leaves]
    exponent = jnp.frexp(functools.reduce(jnp.maximum, largest))[1] - 1
    limit = jnp.finfo(leaves[0].dtype).maxexp - 2  # the power and its inverse stay normal numbers
    inverse = jnp.ldexp(jnp.ones((), leaves[0].dtype), -jnp.clip(exponent, -limit, limit))
    squares = [jnp.sum(jnp.square(x * inverse), axis=axes, keepdims=keepdims) for x in leaves]
    return inverse, jnp.sqrt(sum(squares[1:], squares[0]))


def tree_norm(tree: Any, axes: tuple[int, ...] | None = None) -> Array:
    """The joint L2 norm of all leaves, computed in float32 or wider.

    Args:
      tree: arrays; with ``axes`` given their shapes must agree on the other axes.
      axes: the axes of each leaf that one norm runs over, kept with size 1; None for all axes,
        which gives a scalar.
    """
    inverse, norm = _scaled_norm([_wide(x) for x in jax.tree.leaves(tree)], axes)
    return norm / inverse


def clip_to_norm(
    tree: Any, bound: Number, axes: tuple[int, ...] | None = None
) -> tuple[Any, Array]:
    """``tree``, scaled down where its joint L2 norm over ``axes`` exceeds ``bound``.

        x * bound / ‖x‖  if ‖x‖ > bound,  else x itself, bit for bit (always, if bound is inf)

    Args:
      tree: arrays; with ``axes`` given their shapes must agree on the other axes.
      bound: positive, or inf; may be traced.
      axes: the axes of each leaf that one norm runs over; None for all, jointly.

    Returns:
      The tree, and booleans that are True where it was scaled (``axes`` kept with size 1).
    """
    leaves, treedef = jax.tree.flatten(tree)
    wide = [_wide(x) for x in leaves]
    inverse, norm = _scaled_norm(wide, axes)
    bound = jnp.asarray(bound, norm.dtype)
    clipped = norm > bound * inverse
    factor = bound / jnp.where(clipped, norm, 1)
    scaled = [
        jnp.where(clipped, (w * inverse * factor).astype(x.dtype), x)
        for x, w in zip(leaves, wide, strict=True)
    ]
    return jax.tree.unflatten(treedef, scaled), clipped


def raise_to_norm(
    tree: Any, floor: Number, axes: tuple[int, ...] | None = None, norm: Array | None = None
) -> tuple[Any, Array]:
    """``tree``, scaled up where its joint L2 norm over ``axes`` is below ``floor``.

        x / ‖x‖ * floor  if 1e-20 <= ‖x‖ < floor,  else x itself, bit for bit (always at floor 0)

    No entry of x / ‖x‖ exceeds 1, so no intermediate value overflows.

    Args:
      tree: arrays; with ``axes`` given their shapes must agree on the other axes.
      floor: finite, 0 or more; may be traced.
      axes: the axes of each leaf that one norm runs over; None for all, jointly.
      norm: replaces ‖x‖ (``axes`` kept with size 1) where ``tree`` is a factor of the vector that
        is to have norm ``floor``.

    Returns:
      The tree, and booleans that are True where it was scaled (``axes`` kept with size 1).
    """
    norm = tree_norm(tree, axes) if norm is None else norm
    floor = jnp.asarray(floor, norm.dtype)
    raised = (norm >= LEAST_NORM) & (norm < floor)
    divisor = jnp.where(raised, norm, 1)
    scaled = jax.tree.map(
        lambda x: jnp.where(raised, (_wide(x) / divisor * floor).astype(x.dtype), x), tree
    )
    return scaled, raised


class StepBound(NamedTuple):
    """Bounds on the gradients at every step of the backward pass; None is no bound.

    An example's signal at a step is the cotangent of its carry after that step: the sum of the
    cotangents from later steps and from the outputs. It is first clipped, then raised. All numbers
    may be traced.

    Attributes:
      threshold: norm to which the signal, all leaves jointly, is clipped; positive, inf for off.
      count: 0. Its gradient is the number of (step, example) pairs that were clipped.
      floor: norm to which each leaf of the signal (h, and for the LSTM c) is raised; 0 for off.
      contribution: norm to which each example's contribution at each step to the gradient of all
        parameters, jointly, is raised; 0 for off. The signal to earlier steps and to the input does
        not change.
    """

    threshold: Number | None = None
    count: Number = 0.0
    floor: Number | None = None
    contribution: Number | None = None


@jax.custom_vjp
def bound_cotangent(carry: NamedTuple, bound: StepBound) -> NamedTuple:
    """The identity; in the backward pass each example's cotangent is clipped, then raised.

    Args:
      carry: leaves (B, H).
    """
    return carry


def _bound_forward(carry, bound):
    return carry, bound


def _bound_backward(bound, signal):
    count = jnp.zeros_like(bound.count)
    if bound.threshold is not None:
        signal, clipped = clip_to_norm(signal, bound.threshold, axes=(1,))
        count = jnp.sum(clipped).astype(count.dtype)
    if bound.floor is not None:
        signal = type(signal)(*(raise_to_norm(leaf, bound.floor, axes=(1,))[0] for leaf in signal))
    return signal, jax.tree.map(jnp.zeros_like, bound)._replace(count=count)


bound_cotangent.defvjp(_bound_forward, _bound_backward)


@jax.custom_vjp
def raise_cotangent(params: Any, floor: Array) -> Any:
    """The identity; in the backward pass the joint norm of the cotangent is raised to ``floor``."""
    return params


raise_cotangent.defvjp(
    lambda params, floor: (params, floor),
    lambda floor, gradient: (raise_to_norm(gradient, floor)[0], jnp.zeros_like(floor)),
)
