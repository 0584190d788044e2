"""``unroll``: a cell along time, with lengths, resets, direction, probes and bounds."""

import contextlib
import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell
from seqjax.recurrence.fused import reverse_mode_alone, reverse_only, unroll_fused
from seqjax.recurrence.gradient_norms import StepBound
from seqjax.recurrence.reference import (
    Inputs,
    Plan,
    Shared,
    chunk_size_near,
    scan_chunks,
    unroll_reference,
)
from seqjax.types import Array, unknown

ENGINES = ("auto", "fused", "reference")


class Unrolled(NamedTuple):
    """What ``unroll`` returns, always in this shape.

    Attributes:
      outputs_TBH: h after every step, aligned with the input also in reverse; 0 on padded steps.
      carry: the carry after the last step taken (in reverse: after step 0).
      probes: the values (T, B, H) of the gates asked for, by name; 0 on padded steps.
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
    dtype=None,
) -> Unrolled:
    """Runs ``cell`` over ``x_TBD``, under jit, vmap and grad.

    Args:
      cell: an entry of ``CELLS``.
      params: its parameters, as ``init_cell`` makes them.
      x_TBD: inputs, time-major, in the parameters' dtype.
      carry: the initial carry, leaves (B, H); zeros by default.
      lengths_B: integers; steps t >= length are padding: they change nothing, their outputs are 0,
        and what ``x_TBD`` holds there does not matter. A length of 0 returns the initial carry.
      reset_TB: booleans; True marks step t as the first of a new sequence in input time. The carry
        becomes the initial one before that step, or, in reverse, after it. Ignored on padding.
      reverse: run from the last step to the first.
      unroll: steps a turn of the compiled loop; changes speed only.
      remat: recompute instead of keep: a number of steps a chunk, or True for about √T, rather a
        divisor of T. Memory falls from T to T / chunk + chunk steps, for one more forward pass.
      probe: names of gates whose activated values are returned.
      step_bound: bounds on the gradients at every step; see ``StepBound``.
      engine: "reference" (``lax.scan`` and JAX's own differentiation, for every cell and every
        transformation), "fused" (faster and smaller; cells with a pointwise form, and under a floor
        on contributions without peepholes; no forward-mode derivatives), or "auto": fused where
        that is possible.
      dtype: of the operands of matrix products, such as ``jnp.bfloat16``; by default the
        parameters'. Parameters, carries and sums keep theirs. No forward-mode derivatives.

    Raises:
      ValueError: a shape or dtype that does not fit, naming the expected and the received one, or
        an unknown gate or engine, or forward-mode derivatives where there are none.

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
        raise ValueError(f"dtype: expected a floating one or None, got {jnp.dtype(dtype).name}")
    plan = Plan(cell, reverse, unroll, tuple(probe), dtype)
    shared, inputs = Shared(params, carry, step_bound), Inputs(x_TBD, valid_TB, reset_TB)
    final, (outputs_TBH, probes) = _run(plan, shared, inputs, _chunk(remat, T), engine)
    return Unrolled(outputs_TBH, final, probes)


def _run(plan, shared, inputs, chunk, engine):
    """``(final carry, (outputs_TBH, probes))`` by an engine, in chunks where that is asked for."""
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    pointwise = plan.cell.combine is not None
    if engine == "fused" and not pointwise:
        raise ValueError(
            f'engine: cell {plan.cell.name!r} has no pointwise form; use "auto" or "reference"'
        )
    apart = shared.contribution is not None and bool(plan.cell.extras)
    if engine == "fused" and apart:
        raise ValueError(
            f"engine: cell {plan.cell.name!r} has parameters beside W, U and b, for which this "
            'engine has no floor on contributions; use "auto" or "reference"'
        )
    fused = pointwise and not apart and engine != "reference"
    one_way = fused or plan.dtype is not None
    if one_way:
        shared, inputs = reverse_only((shared, inputs))
    steps = functools.partial(unroll_fused if fused else unroll_reference, plan, shared)
    if chunk is not None:
        steps = jax.checkpoint(steps, prevent_cse=False)
    with reverse_mode_alone() if one_way else contextlib.nullcontext():
        if chunk is None:
            return steps(shared.initial, inputs)
        return scan_chunks(steps, shared.initial, inputs, chunk, plan.reverse)


def _chunk(remat: int | bool | None, T: int) -> int | None:
    if remat is None or remat is False:
        return None
    chunk = chunk_size_near(max(1, math.isqrt(T)), T) if remat is True else remat
    if not isinstance(chunk, int) or chunk < 1:
        raise ValueError(f"remat: expected True or a number of steps >= 1, got {remat}")
    return chunk


def _checked(name: str, array: Array, shape: tuple, kind) -> Array:
    array = jnp.asarray(array)
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    if not jnp.issubdtype(array.dtype, kind):
        raise ValueError(f"{name}: expected {kind.__name__} values, got {array.dtype}")
    return array


def _check_bound(bound: StepBound) -> StepBound:
    """The bound with its numbers as arrays, after checking those that are not traced."""
    for name, number in bound._asdict().items():
        if name == "count" or not isinstance(number, int | float):
            continue
        from_above = name == "threshold"
        if not (number > 0 if from_above else 0 <= number < math.inf):
            accepted = "a positive number" if from_above else "a finite number, 0 or more"
            raise ValueError(f"step_bound.{name}: expected {accepted}, got {number}")
    return jax.tree.map(lambda number: jnp.asarray(number, jnp.float32), bound)


def _check_input(cell: Cell, params: NamedTuple, x_TBD: Array) -> int:
    """The hidden width, after checking that parameters and input fit the cell and each other."""
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
    if cell.square and D != H:
        raise ValueError(f"cell {cell.name!r} needs input width = hidden width, got {D} and {H}")
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


def _check_carry(cell: Cell, carry: NamedTuple, shape: tuple, dtype) -> None:
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
