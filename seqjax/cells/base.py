"""The ``Cell`` record: a gate table and one equation.

The equation is either ``combine(act, z, carry, p) -> carry``, pointwise in the pre-activations
``z`` of all gates, or, for cells with two dependent matrix products in a step or a normalisation
over units, a whole ``step(act, x_BD, a, carry, w) -> carry``. Both call ``act(gate, value)`` where
the equation applies a gate's activation, so that an engine can record the value. Matrix products
and the time loop belong to the engine.
"""

import dataclasses
from collections.abc import Callable
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seqjax.cells.matmul import Matrix, matmul
from seqjax.types import Array

Act = Callable[[str, Array], Array]
"""``act(gate, value)`` applies a gate's activation, or replaces its result."""
Named = SimpleNamespace
"""Arrays by name as attributes: ``z.f`` is the pre-activation of gate f."""
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "linear": lambda z: z,
}


@dataclasses.dataclass(frozen=True)
class Gate:
    """One gate of a cell.

    A gate that reads neither input nor state is computed by the equation from other gates and has
    no parameters.

    Attributes:
      name: its name in equations and records, such as "f".
      activation: a key of ``ACTIVATIONS``.
      input: its pre-activation has a term W x.
      state: its pre-activation has a term U h.
      memory: +1 if a value of 1 keeps the old state, -1 if it writes the new one, else 0. Bias
        schemes give gates of -1 minus the bias of gates of +1; for this reason the refine gate of
        ``lstm_refine`` has -1, although it keeps the old state.
      shares: initialise U with the random key of this gate name instead of ``name``, so that two
        cells start from the same weights.
    """

    name: str
    activation: str
    input: bool = True
    state: bool = True
    memory: int = 0
    shares: str = ""


@dataclasses.dataclass(frozen=True)
class Extra:
    """Parameters in addition to W, U and b: a row (H,) or a matrix (H, H) for each name.

    Attributes:
      field: the field of the cell's params NamedTuple.
      names: names of the rows or matrices, in order.
      draw: the initialiser: "zeros", "ones", "unit" (uniform on [0, recurrent gain]), or
        "recurrent" (matrices, initialised like U).
    """

    field: str
    names: tuple[str, ...]
    draw: str


class Params(NamedTuple):
    """W of the gates that read the input, U of the gates that read the state, and all biases."""

    w_DGH: Array
    u_HGH: Array
    b_GH: Array


class Hidden(NamedTuple):
    """The carry of a cell whose only state is its output h, (B, H)."""

    h: Array


def _named(names: tuple[str, ...], array: Array, axis: int) -> Named:
    """The slices of ``array`` along ``axis`` by name."""
    return SimpleNamespace(
        **{name: jax.lax.index_in_dim(array, k, axis, False) for k, name in enumerate(names)}
    )


def _matrices(names: tuple[str, ...], array_HGH: Array, dtype) -> Named:
    arrays = vars(_named(names, array_HGH, 1))
    return SimpleNamespace(**{name: Matrix(array, dtype) for name, array in arrays.items()})


@dataclasses.dataclass(frozen=True)
class Cell:
    """A recurrent cell as a record of data and pure functions.

    Attributes:
      name: its key in ``CELLS``.
      gates: the gate table; arrays hold the gates in this order.
      combine: ``(act, z, carry, p) -> carry``, or None when ``step`` is given.
      step: ``(act, x_BD, a, carry, w) -> carry``: ``a`` has W x by gate name, ``w`` has ``u``
        (H, H) and ``b`` (1, H) by gate name and every extra by field and name.
      params: the NamedTuple class of its parameters.
      carry: the NamedTuple class of its carry; every leaf is (B, H) and the first is ``h``.
      extras: parameters in addition to W, U and b.
      square: the equation adds the input to a quantity of width H, so D must equal H.
    """

    name: str
    gates: tuple[Gate, ...]
    combine: Callable[[Act, Named, Any, Named | None], NamedTuple] | None = None
    step: Callable[[Act, Array, Named, Any, Named], NamedTuple] | None = None
    params: type = Params
    carry: type = Hidden
    extras: tuple[Extra, ...] = ()
    square: bool = False

    @cached_property
    def input_gates(self) -> tuple[str, ...]:
        """Gates with a matrix W, in the order of ``w_DGH``."""
        return tuple(gate.name for gate in self.gates if gate.input)

    @cached_property
    def state_gates(self) -> tuple[str, ...]:
        """Gates with a matrix U, in the order of ``u_HGH``."""
        return tuple(gate.name for gate in self.gates if gate.state)

    @cached_property
    def bias_gates(self) -> tuple[str, ...]:
        """Gates with a bias, in the order of ``b_GH``."""
        return tuple(gate.name for gate in self.gates if gate.input or gate.state)

    @cached_property
    def memory_gates(self) -> tuple[str, ...]:
        """Gates with a bias that keep the old state or write the new one."""
        return tuple(
            gate.name for gate in self.gates if gate.memory and gate.name in self.bias_gates
        )

    @cached_property
    def activations(self) -> dict[str, Callable[[Array], Array]]:
        """The activation function of each gate by name."""
        return {gate.name: ACTIVATIONS[gate.activation] for gate in self.gates}

    def initial_carry(self, batch: int, hidden: int, dtype: type = jnp.float32) -> NamedTuple:
        """The zero carry, each leaf (B, H)."""
        return self.carry(*(jnp.zeros((batch, hidden), dtype) for _ in self.carry._fields))

    def multiply_adds(self, input_size: int, hidden: int) -> int:
        """Multiply-adds of one step for one example, activations not counted."""
        rows = sum(len(extra.names) for extra in self.extras if extra.draw != "recurrent")
        matrices = sum(len(extra.names) for extra in self.extras if extra.draw == "recurrent")
        return hidden * (
            input_size * len(self.input_gates) + hidden * (len(self.state_gates) + matrices) + rows
        )

    def blocks(self, params: NamedTuple) -> dict[str, dict[tuple[str, int], Array]]:
        """The parameters of each gate as (rows, H) blocks by field and position.

        Column h of all blocks of a gate holds the parameters of its unit h: weights, bias, extras.
        """
        blocks: dict[str, dict[tuple[str, int], Array]] = {gate: {} for gate in self.bias_gates}
        for k, gate in enumerate(self.input_gates):
            blocks[gate]["w_DGH", k] = params.w_DGH[:, k]
        for k, gate in enumerate(self.state_gates):
            blocks[gate]["u_HGH", k] = params.u_HGH[:, k]
        for k, gate in enumerate(self.bias_gates):
            blocks[gate]["b_GH", k] = params.b_GH[k][None]
        for extra in self.extras:
            array = getattr(params, extra.field)
            for k, name in enumerate(extra.names):
                gate = name.partition("_")[0]
                if gate in blocks:  # the layer norm of the cell state belongs to no gate
                    matrix = extra.draw == "recurrent"
                    blocks[gate][extra.field, k] = array[:, k] if matrix else array[k][None]
        return blocks

    def project(self, params: NamedTuple, x_TBD: Array, dtype: type | None = None) -> Array:
        """W x by one matrix product: (T, B, G, H) over ``input_gates``.

        Args:
          x_TBD: inputs; the axis T may be absent.
          dtype: as in ``matmul``.
        """
        w_DGH = params.w_DGH
        D = len(w_DGH)
        a = matmul(x_TBD.reshape(-1, D), w_DGH.reshape(D, -1), dtype)
        return a.reshape(*x_TBD.shape[:-1], *w_DGH.shape[1:])

    def advance(
        self,
        params: NamedTuple,
        act: Act,
        x_BD: Array,
        a_BGH: Array,
        carry: NamedTuple,
        dtype: type | None = None,
    ) -> NamedTuple:
        """The carry after one step.

        Args:
          act: ``act(gate, value)`` returns the activated value of a gate.
          a_BGH: the result of ``project`` for this step.
          dtype: as in ``matmul``.
        """
        a = _named(self.input_gates, a_BGH, 1)
        b = _named(self.bias_gates, params.b_GH[:, None, :], 0)
        extras = {extra.field: self.rows(extra, params, dtype) for extra in self.extras}
        if self.step is not None:
            u = _matrices(self.state_gates, params.u_HGH, dtype)
            return self.step(act, x_BD, a, carry, SimpleNamespace(u=u, b=b, **extras))
        z = {name: vars(a).get(name, 0) + bias for name, bias in vars(b).items()}
        if self.state_gates:
            H = carry.h.shape[1]
            s = matmul(carry.h, params.u_HGH.reshape(H, -1), dtype)
            s_BGH = s.reshape(-1, len(self.state_gates), H)
            for name, part in vars(_named(self.state_gates, s_BGH, 1)).items():
                z[name] = z[name] + part
        return self.combine(act, SimpleNamespace(**z), carry, extras.get("p_PH"))

    @staticmethod
    def rows(extra: Extra, params: NamedTuple, dtype: type | None = None) -> Named:
        """The rows (1, H) or matrices (H, H) of ``extra`` by name."""
        array = getattr(params, extra.field)
        if extra.draw == "recurrent":
            return _matrices(extra.names, array, dtype)
        return _named(extra.names, array[:, None, :], 0)
