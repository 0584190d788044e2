"""Initialisation of a cell's parameters from an ``InitSpec``, gate by gate.

Each gate's (D, H) or (H, H) block is initialised separately. Its key is derived from role and gate
name, not from its position, so variants of equal width have equal initial weights in their common
gates. (Library initialisers applied to all of ``w_DGH`` would count the gate axis as fan-in.) Only
``recurrent="orthogonal_fused"`` draws all gates jointly.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell, Extra
from seqjax.types import (
    Array,
    Number,
    added,
    check_name,
    check_range,
    check_type,
    named_key,
    static,
    static_at_default,
    unknown,
)

Initializer = jax.nn.initializers.Initializer
"""A function from a key, a shape and a dtype to an array."""

FIXED: dict[str, Initializer] = {
    "normal_fixed": jax.nn.initializers.normal(1.0),
    "uniform_fixed": lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -1, 1),
}
"""Initialisers whose scale does not depend on widths: N(0, 1) and U(-1, 1)."""
RECURRENT = ("orthogonal", "orthogonal_fused", "uniform", "identity", "normal", "sparse", *FIXED)
INPUT = ("lecun", "glorot", "uniform", "normal", *FIXED)
READOUT = ("lecun", *FIXED)
SCHEMES = ("constant", "chrono", "uniform_gate")
SQUARINGS = 24  # log2 of the power whose norm gives the spectral radius
NONZEROS = 15  # incoming weights a unit under "sparse" (Sutskever et al. 2013)


@static_at_default("readout_gain")
@dataclasses.dataclass(frozen=True)
class InitSpec:
    """Initialisation of a model's parameters. Numbers may be traced; names are static.

    "normal_fixed" N(0, 1) and "uniform_fixed" U(-1, 1) have a scale that does not depend on widths:
    the gain is the standard deviation or the bound. Papers that state one such scale mean all
    matrices that read inputs, so under these ``input`` and ``input_gain`` also apply to embeddings
    and to the linear map before a cell that needs input width = hidden width. Otherwise these two
    have the initialisation of Flax, whatever ``input`` and ``input_gain`` are.

    Attributes:
      recurrent: for each (H, H) block U: "orthogonal" (all singular values 1), "orthogonal_fused"
        (one H x GH matrix with orthonormal rows, cut into blocks), "uniform" on ±1/√H, "identity",
        "normal" N(0, 1/H), "sparse" (15 normal weights into each unit, scaled to ``radius``),
        "normal_fixed" N(0, 1), or "uniform_fixed" U(-1, 1).
      input: for each (D, H) block W: "lecun" (truncated normal, variance 1/D), "glorot" (uniform,
        variance 2/(D+H)), "uniform" on ±1/√H, "normal" N(0, 1/D), "normal_fixed" N(0, 1), or
        "uniform_fixed" U(-1, 1).
      recurrent_gain: factor on all recurrent blocks U.
      input_gain: factor on all input blocks W.
      radius: spectral radius of a sparse block before the gain.
      bias: constant bias of a gate, by gate name; 0 for gates without an entry.
      bias_spread: s, the standard deviation of a gate's biases over its units, relative to the
        constant b: b_u ~ N(b, (s b)²). At 0 all units start at b.
      bias_scheme: "constant"; "chrono", b = log u with u ~ U[1, t_max - 1] for gates that keep the
        state and minus the same draw for gates that write it (Tallec and Ollivier 2018);
        "uniform_gate", the same with b = log(u / (1 - u)), u ~ U[1/H, 1 - 1/H] (Gu et al. 2020).
      t_max: longest dependency that "chrono" expects, in steps.
      readout: initialiser of the matrix of the readout, whose biases start at 0: "lecun" (truncated
        normal, variance 1 over its inputs), "normal_fixed" N(0, 1), or "uniform_fixed" U(-1, 1).
      readout_gain: factor on the matrix of the readout.

    Raises:
      ValueError: an unknown name or a number out of range, as "field: expected ..., got ...".
      TypeError: ``bias`` is not a mapping.
    """

    recurrent: str = static("orthogonal")
    input: str = static("lecun")
    recurrent_gain: Number = 1.0
    input_gain: Number = 1.0
    radius: Number = 0.95
    bias: Mapping[str, Number] = dataclasses.field(default_factory=dict)
    bias_spread: Number = 0.0
    bias_scheme: str = static("constant")
    t_max: Number = 100.0
    readout: str = static("lecun", added=True)
    readout_gain: Number = added(1.0)

    def __post_init__(self):
        check_name("recurrent", self.recurrent, "initialiser", RECURRENT)
        check_name("input", self.input, "initialiser", INPUT)
        check_name("readout", self.readout, "initialiser", READOUT)
        check_name("bias_scheme", self.bias_scheme, "scheme", SCHEMES)
        check_type("bias", self.bias, Mapping, "a mapping from gate to number such as {'f': 1.0}")
        biases = {f"bias.{gate}": value for gate, value in self.bias.items()}
        names = ("recurrent_gain", "input_gain", "readout_gain")
        gains = {name: getattr(self, name) for name in names}
        for field, value in (biases | gains).items():
            check_range(field, value, math.isfinite, "a finite number")
        check_range("radius", self.radius, lambda r: 0 < r < math.inf, "a positive number")
        check_range("bias_spread", self.bias_spread, lambda s: 0 <= s < math.inf, "0 or more")
        check_range("t_max", self.t_max, lambda t: 2 < t < math.inf, "a number over 2")

    @property
    def readout_initializer(self) -> Initializer:
        """Initialiser of the matrix of the readout."""
        draw = {"lecun": jax.nn.initializers.lecun_normal(), **FIXED}[self.readout]
        return _scaled(draw, self.readout_gain)

    @property
    def map_initializer(self) -> Initializer | None:
        """Initialiser of embeddings and of maps before a cell; None for that of Flax."""
        return _scaled(FIXED[self.input], self.input_gain) if self.input in FIXED else None

    def scheme_gates(self, cell: Cell) -> tuple[str, ...]:
        """Gates of ``cell`` whose biases ``bias_scheme`` draws; ``bias`` must not name them."""
        return () if self.bias_scheme == "constant" else cell.memory_gates

    def unused(self, cell: Cell, task: Any) -> dict[str, str]:
        """Fields without effect for this cell and task, each with the reason."""
        by_scheme = self.scheme_gates(cell)
        draws = {extra.draw for extra in cell.extras} | {"recurrent" for _ in cell.state_gates}
        reasons = {
            f"bias.{gate}": f"init.bias_scheme {self.bias_scheme} sets it" for gate in by_scheme
        }
        if not any(self.bias.get(gate) for gate in cell.bias_gates if gate not in by_scheme):
            reasons["bias_spread"] = "every constant bias is 0"
        if self.bias_scheme != "chrono":
            reasons["t_max"] = "init.bias_scheme is not chrono"
        if self.recurrent != "sparse":
            reasons["radius"] = "init.recurrent is not sparse"
        if "recurrent" not in draws:
            reason = f"cell {cell.name} has no recurrent matrix"
            reasons |= {"recurrent": reason, "radius": reason}
        if not draws & {"recurrent", "unit"}:
            reasons["recurrent_gain"] = f"cell {cell.name} has no recurrent weights"
        return reasons


def init_cell(
    key: Array,
    cell: Cell,
    input_size: int,
    hidden_size: int,
    spec: InitSpec,
    dtype: type = jnp.float32,
) -> NamedTuple:
    """Initial parameters of ``cell``: ``w_DGH``, ``u_HGH``, ``b_GH`` and its extras.

    Args:
      key: each block's key is folded from it, by role and gate name.
      cell: an entry of ``CELLS``.
      input_size, hidden_size: D and H.
      spec: initialisers and biases; its numbers may be traced.
      dtype: dtype of all parameters.

    Raises:
      ValueError: a size below 1; a bias for a gate that the cell does not have or that the scheme
        sets; D != H for a cell that adds its input to its state.
      TypeError: ``cell`` is not a Cell.
    """
    check_type("cell", cell, Cell, 'a Cell such as CELLS["lstm"]')
    D, H = input_size, hidden_size
    if D < 1 or H < 1:
        raise ValueError(f"input_size, hidden_size: expected at least 1, got {D}, {H}")
    if cell.square and D != H:
        raise ValueError(f"cell {cell.name!r}: expected input width = hidden width, got {D}, {H}")
    arrays = {
        "w_DGH": _input_blocks(key, cell, D, H, spec, dtype),
        "b_GH": _biases(key, cell, H, spec, dtype),
    }
    if cell.state_gates:
        names = {gate.name: gate.shares or gate.name for gate in cell.gates}
        draws = [names[gate] for gate in cell.state_gates]
        arrays["u_HGH"] = _recurrent_blocks(key, "recurrent", draws, H, spec, dtype)
    for extra in cell.extras:
        arrays[extra.field] = _extra(key, extra, H, spec, dtype)
    return cell.params(**arrays)


def _input_blocks(key, cell, D, H, spec, dtype) -> Array:
    draw = {
        "lecun": jax.nn.initializers.lecun_normal(),
        "glorot": jax.nn.initializers.glorot_uniform(),
        "uniform": _uniform,
        "normal": jax.nn.initializers.variance_scaling(1.0, "fan_in", "normal"),
        **FIXED,
    }[spec.input]
    blocks = [draw(named_key(key, "input", gate), (D, H), dtype) for gate in cell.input_gates]
    return jnp.stack(blocks, axis=1) * jnp.asarray(spec.input_gain, dtype)


def _recurrent_blocks(key, role, names, H, spec, dtype) -> Array:
    gain = jnp.asarray(spec.recurrent_gain, dtype)
    orthogonal = jax.nn.initializers.orthogonal()
    if spec.recurrent == "orthogonal_fused":
        fused = orthogonal(named_key(key, role, "fused"), (H, len(names) * H), dtype)
        return fused.reshape(H, len(names), H) * gain
    draw = {
        "orthogonal": orthogonal,
        "uniform": _uniform,
        "identity": lambda key, shape, dtype: jnp.eye(H, dtype=dtype),
        "normal": jax.nn.initializers.variance_scaling(1.0, "fan_in", "normal"),
        "sparse": lambda key, shape, dtype: _sparse(key, H, spec.radius, dtype),
        **FIXED,
    }[spec.recurrent]
    blocks = [draw(named_key(key, role, name), (H, H), dtype) for name in names]
    return jnp.stack(blocks, axis=1) * gain


def _scaled(draw: Initializer, gain: Number) -> Initializer:
    """The initialiser times a gain; itself for the number 1."""
    if isinstance(gain, int | float) and gain == 1:
        return draw
    return lambda key, shape, dtype: draw(key, shape, dtype) * jnp.asarray(gain, dtype)


def _uniform(key, shape, dtype) -> Array:
    bound = shape[1] ** -0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)


def _sparse(key, H, radius, dtype) -> Array:
    """Up to 15 normal weights into each unit (a column), scaled to spectral radius ``radius``."""
    key_of_places, key_of_values = jax.random.split(key)
    scores = jax.random.uniform(key_of_places, (H, H), dtype)
    nonzero = jnp.argsort(jnp.argsort(scores, axis=0), axis=0) < NONZEROS
    block = jnp.where(nonzero, jax.random.normal(key_of_values, (H, H), dtype), 0)
    return block * (jnp.asarray(radius, dtype) / spectral_radius(block))


def spectral_radius(block_HH: Array) -> Array:
    """Spectral radius of a matrix, ρ = lim ‖A^k‖^(1/k), by repeated squaring.

    k = 2^24 has a relative error of about 1e-6. Unlike eigenvalue solvers for matrices that are not
    symmetric, it runs on every platform and under vmap.

    >>> import jax.numpy as jnp
    >>> print(f"{spectral_radius(jnp.array([[0.0, 2.0], [-2.0, 0.0]])):.4f}")
    2.0000
    """

    def square(k, state):
        power, log_radius = state
        norm = jnp.sqrt(jnp.sum(jnp.square(power)))
        power = power / norm
        log_radius = log_radius + jnp.log(norm) * jnp.exp2(-jnp.asarray(k, norm.dtype))
        return jnp.matmul(power, power, precision="highest"), log_radius

    zero = jnp.zeros((), block_HH.dtype)
    _, log_radius = jax.lax.fori_loop(0, SQUARINGS, square, (block_HH, zero))
    return jnp.exp(log_radius)


def _biases(key, cell, H, spec, dtype) -> Array:
    by_scheme = set(cell.memory_gates)
    if spec.bias_scheme == "constant":
        by_scheme = set()
    elif not by_scheme:
        raise ValueError(
            f"bias_scheme: {spec.bias_scheme!r} needs a gate that keeps or writes the state, which "
            f"cell {cell.name!r} does not have"
        )
    for gate in spec.bias:
        if gate not in cell.bias_gates:
            raise unknown(f"gate of cell {cell.name!r}", gate, cell.bias_gates)
        if gate in by_scheme:
            raise ValueError(f"bias: {gate!r} is set by bias_scheme={spec.bias_scheme!r}")
    rows = []
    for gate in cell.gates:
        if gate.name in by_scheme:
            rows.append(gate.memory * _memory_bias(named_key(key, "bias"), H, spec, dtype))
        elif gate.name in cell.bias_gates:
            rows.append(_constant_bias(key, gate.name, H, spec, dtype))
    return jnp.stack(rows)


def _constant_bias(key, gate, H, spec, dtype) -> Array:
    """b (1 + s n) with n ~ N(0, 1) for each unit; at s = 0 exactly b."""
    b = jnp.asarray(spec.bias.get(gate, 0.0), dtype)
    n_H = jax.random.normal(named_key(key, "bias", gate), (H,), dtype)
    return b * (1 + jnp.asarray(spec.bias_spread, dtype) * n_H)


def _memory_bias(key, H, spec, dtype) -> Array:
    """The bias (H,) of gates that keep the state; gates that write it have minus this bias."""
    if spec.bias_scheme == "chrono":
        top = jnp.asarray(spec.t_max, dtype) - 1
        return jnp.log(jax.random.uniform(key, (H,), dtype, 1.0, top))
    u = jax.random.uniform(key, (H,), dtype, min(1 / H, 0.5), max(1 - 1 / H, 0.5))
    return jnp.log(u) - jnp.log1p(-u)


def _extra(key, extra: Extra, H, spec, dtype) -> Array:
    if extra.draw == "recurrent":
        return _recurrent_blocks(key, extra.field, extra.names, H, spec, dtype)
    shape = (len(extra.names), H)
    if extra.draw == "unit":
        gain = jnp.asarray(spec.recurrent_gain, dtype)
        return jax.random.uniform(named_key(key, extra.field), shape, dtype) * gain
    return jnp.zeros(shape, dtype) if extra.draw == "zeros" else jnp.ones(shape, dtype)
