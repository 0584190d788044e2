"""``unroll``: run a cell along time, with lengths, resets, probes and bounds on gradients."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell
from seqjax.recurrence.fused import unroll_fused
from seqjax.recurrence.gradient_norms import StepBound
from seqjax.recurrence.reference import (
    Inputs,
    Shared,
    Static,
    chunk_size_near,
    scan_chunks,
    unroll_reference,
)
from seqjax.types import Array, check_range, check_type, unknown

ENGINES = ("auto", "fused", "reference")


class Unrolled(NamedTuple):
    """The result of ``unroll``.

    Attributes:
      outputs_TBH: h after every step, aligned with the input also in reverse; 0 on padded steps.
      carry: the carry after the last valid step (in reverse: after step 0), leaves (B, H).
      probes: activated values (T, B, H) by the names in ``probe``; 0 on padded steps.
    """

    outputs_TBH: Array
    carry: NamedTuple
    probes: dict[str, Array]


def unroll(
    cell: Cell,
    params: NamedTuple,
    x_TBD: Array,
    *,
    carry: tuple | None = None,
    lengths_B: Array | None = None,
    reset_TB: Array | None = None,
    reverse: bool = False,
    unroll: int = 1,
    remat: int | bool | None = None,
    probe: tuple[str, ...] = (),
    step_bound: StepBound | None = None,
    engine: str = "auto",
    dtype: type | None = None,
) -> Unrolled:
    """Run ``cell`` over ``x_TBD``; works under jit, vmap and grad.

        carry_t = cell(params, x_t, carry_{t-1}),   outputs_t = carry_t.h

    Args:
      cell: an entry of ``CELLS``.
      params: its parameters, as returned by ``init_cell``.
      x_TBD: inputs, time-major, in the parameters' dtype; at least one step, sequence and feature.
      carry: the initial carry, leaves (B, H); zeros by default.
      lengths_B: integers; steps t >= length are padding: they leave the carry unchanged, their
        outputs are 0, and their values of ``x_TBD``, NaN included, are ignored. An example of
        length 0 returns its initial carry.
      reset_TB: booleans; True marks step t as the first of a new sequence in input time. The carry
        is reset to the initial one before that step, or, in reverse, after it. Ignored on padding.
      reverse: run from the last step to the first.
      unroll: steps per iteration of the compiled loop; changes speed only.
      remat: rematerialise in chunks of this many steps; True for about √T, preferably a divisor of
        T. Memory falls from T to T / chunk + chunk steps, for one more forward pass.
      probe: names of gates whose activated values are returned.
      step_bound: bounds on the gradients at every step; see ``StepBound``.
      engine: "reference" (``lax.scan`` and JAX's own differentiation; every cell and every
        transformation), "fused" (faster, less memory; cells with a pointwise ``combine``, and with
        a floor on contributions only those without extra parameters; no forward-mode derivatives),
        or "auto": "fused" where it is available.
      dtype: dtype of the operands of matrix products, such as ``jnp.bfloat16``; by default the
        dtype of the parameters, which carries and sums always have. With a ``dtype`` there are no
        forward-mode derivatives.

    Raises:
      ValueError: a wrong shape or dtype (the message has the expected one), an unknown gate or
        engine, or "fused" for a cell that it does not support.
      TypeError: ``cell`` is not a Cell; forward-mode differentiation of the fused engine or with a
        ``dtype`` (from JAX).

    >>> import jax, jax.numpy as jnp
    >>> from seqjax.cells import CELLS
    >>> from seqjax.init import InitSpec, init_cell
    >>> params = init_cell(jax.random.key(0), CELLS["lstm"], 3, 5, InitSpec(bias={"f": 1.0}))
    >>> result = unroll(CELLS["lstm"], params, jnp.ones((7, 2, 3)), probe=("f",))
    >>> result.outputs_TBH.shape, result.carry.c.shape, result.probes["f"].shape
    ((7, 2, 5), (2, 5), (7, 2, 5))
    """
    x_TBD = jnp.asarray(x_TBD)
    H = _check_input(cell, params, x_TBD)
    T, B, _ = x_TBD.shape
    if carry is None:
        carry = cell.initial_carry(B, H, x_TBD.dtype)
    _check_carry(cell, carry, (B, H), x_TBD.dtype)
    if isinstance(probe, str):
        raise ValueError(f"probe: expected a tuple of gate names, got {probe!r}")
    for gate in probe:
        if gate not in cell.activations:
            raise unknown(f"gate of cell {cell.name!r}", gate, cell.activations)
    valid_TB = None
    if lengths_B is not None:
        lengths_B = _checked("lengths_B", lengths_B, (B,), jnp.integer)
        valid_TB = jnp.arange(T)[:, None] < lengths_B.astype(int)[None, :]
        x_TBD = jnp.where(valid_TB[:, :, None], x_TBD, 0)  # or 0 · NaN would reach the gradient
    if reset_TB is not None:
        reset_TB = _checked("reset_TB", reset_TB, (T, B), jnp.bool_)
    if step_bound is not None:
        step_bound = _check_bound(step_bound)
    if dtype is not None and not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"dtype: expected a floating dtype or None, got {jnp.dtype(dtype).name}")
    static = Static(cell, reverse, unroll, tuple(probe), dtype)
    shared, inputs = Shared(params, carry, step_bound), Inputs(x_TBD, valid_TB, reset_TB)
    final, (outputs_TBH, probes) = _run(static, shared, inputs, _chunk_size(remat, T), engine)
    return Unrolled(outputs_TBH, final, probes)


def _run(
    static: Static, shared: Shared, inputs: Inputs, chunk: int | None, engine: str
) -> tuple[NamedTuple, tuple[Array, dict[str, Array]]]:
    """``(final carry, (outputs_TBH, probes))`` by the engine, rematerialised in chunks."""
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    cell, pointwise = static.cell, static.cell.combine is not None
    if engine == "fused" and not pointwise:
        raise ValueError(
            f'engine: cell {cell.name!r} has no pointwise form; expected "auto" or "reference"'
        )
    # The fused engine takes norms of outer products, which contributions of extras are not.
    unsupported = shared.contribution is not None and bool(cell.extras)
    if engine == "fused" and unsupported:
        raise ValueError(
            f"engine: a floor on contributions is not available for cell {cell.name!r}, which has "
            'parameters besides W, U and b; expected "auto" or "reference"'
        )
    fused = pointwise and not unsupported and engine != "reference"
    steps = functools.partial(unroll_fused if fused else unroll_reference, static, shared)
    if chunk is None:
        return steps(shared.initial, inputs)
    steps = jax.checkpoint(steps, prevent_cse=False)
    return scan_chunks(steps, shared.initial, inputs, chunk, static.reverse)


def _chunk_size(remat: int | bool | None, T: int) -> int | None:
    """Steps of a rematerialised chunk, or None for no rematerialisation."""
    if remat is None or remat is False:
        return None
    chunk = chunk_size_near(max(1, math.isqrt(T)), T) if remat is True else remat
    if not isinstance(chunk, int) or chunk < 1:
        raise ValueError(f"remat: expected True or a number of steps >= 1, got {remat}")
    return chunk


def _checked(name: str, array: Array, shape: tuple[int, ...], kind: type) -> Array:
    """``array`` as a JAX array, after checking its shape and kind of dtype."""
    array = jnp.asarray(array)
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    if not jnp.issubdtype(array.dtype, kind):
        raise ValueError(f"{name}: expected {kind.__name__} values, got {array.dtype}")
    return array


def _check_bound(bound: StepBound) -> StepBound:
    """The bound with its numbers as float32 arrays; Python numbers are checked."""
    check_range("step_bound.threshold", bound.threshold, lambda x: x > 0, "a positive number")
    for name in ("floor", "contribution"):
        accepted = "a finite number, 0 or more"
        number = getattr(bound, name)
        check_range(f"step_bound.{name}", number, lambda x: 0 <= x < math.inf, accepted)
    return jax.tree.map(lambda number: jnp.asarray(number, jnp.float32), bound)


def _check_input(cell: Cell, params: NamedTuple, x_TBD: Array) -> int:
    """The hidden width H, after checking parameters and input against the cell."""
    check_type("cell", cell, Cell, 'a Cell such as CELLS["lstm"]')
    if type(params) is not cell.params:
        raise ValueError(
            f"params: {cell.name!r} expects {cell.params.__name__}, got {type(params).__name__}"
        )
    if params.w_DGH.ndim != 3:
        shape = f"(D, {len(cell.input_gates)}, H)"
        raise ValueError(f"params.w_DGH: expected shape {shape}, got {params.w_DGH.shape}")
    D, _, H = params.w_DGH.shape
    if jnp.ndim(x_TBD) != 3 or x_TBD.shape[2] != D:
        raise ValueError(f"x_TBD: expected shape (T, B, {D}), got {jnp.shape(x_TBD)}")
    if 0 in x_TBD.shape:
        raise ValueError(f"x_TBD: expected no axis of length 0 in (T, B, D), got {x_TBD.shape}")
    if H == 0:
        raise ValueError(f"params.w_DGH: expected at least one unit H, got {params.w_DGH.shape}")
    if cell.square and D != H:
        raise ValueError(f"cell {cell.name!r}: expected input width = hidden width, got {D}, {H}")
    expected = {"w_DGH": (D, len(cell.input_gates), H), "b_GH": (len(cell.bias_gates), H)}
    if cell.state_gates:
        expected["u_HGH"] = (H, len(cell.state_gates), H)
    for extra in cell.extras:
        rows = len(extra.names)
        expected[extra.field] = (H, rows, H) if extra.draw == "recurrent" else (rows, H)
    for name, shape in expected.items():
        array = getattr(params, name)
        if getattr(array, "shape", None) != shape:
            raise ValueError(f"params.{name}: expected shape {shape}, got {jnp.shape(array)}")
        if array.dtype != x_TBD.dtype:
            raise ValueError(f"x_TBD: params.{name} is {array.dtype}, got {x_TBD.dtype}")
    return H


def _check_carry(cell: Cell, carry: NamedTuple, shape: tuple[int, int], dtype: type) -> None:
    if type(carry) is not cell.carry:
        raise ValueError(
            f"carry: cell {cell.name!r} expects {cell.carry.__name__}, got {type(carry).__name__}"
        )
    for name, leaf in zip(carry._fields, carry, strict=True):
        if jnp.shape(leaf) != shape or jnp.result_type(leaf) != dtype:
            raise ValueError(
                f"carry.{name}: expected {shape} {jnp.dtype(dtype).name}, "
                f"got {jnp.shape(leaf)} {jnp.result_type(leaf).name}"
            )
