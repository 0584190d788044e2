"""Matrix products with operands in a narrower dtype and sums in the original one."""

import functools

import jax
import jax.numpy as jnp

from seqjax.types import Array


def matmul(a_NK: Array, b_KM: Array, dtype: type | None = None) -> Array:
    """``a b``, (N, M).

    Args:
      dtype: dtype to which the operands are rounded, such as ``jnp.bfloat16``; None for no
        rounding. Sums and the result have the dtype of ``a``. Operands of the gradients ``d bᵀ``
        and ``aᵀ d`` are rounded too. With a ``dtype`` there are no forward-mode derivatives.
    """
    return a_NK @ b_KM if dtype is None else _rounded(dtype, a_NK, b_KM)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _rounded(dtype, a, b):
    return jnp.matmul(a.astype(dtype), b.astype(dtype), preferred_element_type=a.dtype)


def _forward(dtype, a, b):
    return _rounded(dtype, a, b), (a, b)


def _backward(dtype, operands, d):
    a, b = operands
    return _rounded(dtype, d, b.T), _rounded(dtype, a.T, d)


_rounded.defvjp(_forward, _backward)


class Matrix:
    """A matrix in an equation: ``h @ matrix`` is ``matmul(h, matrix, dtype)``."""

    def __init__(self, array: Array, dtype: type | None):
        self.array, self.dtype = array, dtype

    def __rmatmul__(self, h: Array) -> Array:
        return matmul(h, self.array, self.dtype)
