"""Recurrent layers: one cell, stacked, in one or both directions, as an NNX module."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import nnx

from seqjax.cells.base import Cell
from seqjax.cells.matmul import matmul
from seqjax.init import InitSpec, init_cell
from seqjax.models.noise import ActivationNoise
from seqjax.recurrence.unroll import Unrolled, unroll
from seqjax.types import Array, named_key


def linear(
    inputs: int, outputs: int, dtype: type | None, rngs: nnx.Rngs, **options: Any
) -> nnx.Linear:
    """``nnx.Linear`` whose matrix product has operands in ``dtype``, as in ``matmul``."""

    def dot_general(x, kernel, *_, **__):
        y = matmul(x.reshape(-1, inputs), kernel, dtype)
        return y.reshape(*x.shape[:-1], outputs)

    return nnx.Linear(inputs, outputs, dot_general=dot_general, rngs=rngs, **options)


class CellParams(nnx.Module):
    """Parameters of one cell: an ``nnx.Param`` for each array of its NamedTuple.

    A Param that held the whole NamedTuple would break ``nnx.Optimizer``, which turns containers
    inside a Param into plain states.

    Args:
      params: parameters as of ``init_cell``.
    """

    def __init__(self, params: NamedTuple):
        self.kind = type(params)
        for name, array in params._asdict().items():
            setattr(self, name, nnx.Param(array))

    def get_value(self) -> NamedTuple:
        """Return the arrays as the cell's NamedTuple, which ``unroll`` takes."""
        return self.kind(**{name: getattr(self, name).get_value() for name in self.kind._fields})


class RecurrentLayers(nnx.Module):
    """Stacked layers of one cell in one or both directions, time-major.

    Args:
      cell: an entry of ``CELLS``. A cell that needs input width = hidden width gets a linear map
        before it where the widths differ.
      input_size, hidden_size: D and H.
      key: each layer's and direction's key is folded from it by name.
      init: initialisation of every cell, and of the maps before them if its scales are fixed.
      layers: number of layers; each reads the outputs of the layer below.
      bidirectional: add to each layer a second cell that runs backwards; outputs are concatenated.
      dtype: as in ``unroll``.
    """

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        *,
        key: Array,
        init: InitSpec,
        layers: int = 1,
        bidirectional: bool = False,
        dtype: type | None = None,
    ):
        self.cell, self.layers, self.dtype = cell, layers, dtype
        self.directions = ("forward", "backward") if bidirectional else ("forward",)
        self.cells, self.maps = nnx.Dict(), nnx.Dict()
        for layer in range(layers):
            width = hidden_size * len(self.directions) if layer else input_size
            for direction in self.directions:
                name = f"layer{layer}_{direction}"
                cell_key = named_key(key, name)
                if cell.square and width != hidden_size:
                    rngs = nnx.Rngs(named_key(cell_key, "map"))
                    drawn = {"kernel_init": init.map_initializer} if init.map_initializer else {}
                    self.maps[name] = linear(
                        width, hidden_size, dtype, rngs, use_bias=False, **drawn
                    )
                cell_width = hidden_size if cell.square else width
                params = init_cell(cell_key, cell, cell_width, hidden_size, init)
                self.cells[name] = CellParams(params)

    def __call__(
        self,
        x_TBD: Array,
        *,
        carry: dict[str, NamedTuple] | None = None,
        noise: ActivationNoise | None = None,
        **options: Any,
    ) -> Unrolled:
        """Run all layers over ``x_TBD``.

        Args:
          carry: the initial carry of each layer and direction, by names like "layer0_forward";
            zeros by default.
          noise: dropout of the input of each layer; none by default.
          options: options of ``unroll``; a step bound applies to each layer and direction
            separately.

        Returns:
          The outputs of the last layer, and dicts of carries and probes by layer and direction.
        """
        carries, probes = {}, {}
        for layer in range(self.layers):
            outputs = []
            if noise is not None:
                x_TBD = noise.on_layer(layer, x_TBD)
            for direction in self.directions:
                name = f"layer{layer}_{direction}"
                x = self.maps[name](x_TBD) if name in self.maps else x_TBD
                result = unroll(
                    self.cell,
                    self.cells[name].get_value(),
                    x,
                    carry=None if carry is None else carry[name],
                    reverse=direction == "backward",
                    dtype=self.dtype,
                    **options,
                )
                outputs.append(result.outputs_TBH)
                carries[name], probes[name] = result.carry, result.probes
            x_TBD = jnp.concatenate(outputs, axis=-1)
        return Unrolled(x_TBD, carries, probes)

    def initial_carry(self, batch: int) -> dict[str, NamedTuple]:
        """The zero carry of every layer and direction by name, leaves (B, H)."""
        weights = {name: params.get_value().w_DGH for name, params in self.cells.items()}
        return {
            name: self.cell.initial_carry(batch, w_DGH.shape[2], w_DGH.dtype)
            for name, w_DGH in weights.items()
        }

    def multiply_adds(self) -> int:
        """Multiply-adds of one step of all layers for one example, including linear maps."""
        total = 0
        for name, params in self.cells.items():
            D, _, H = params.get_value().w_DGH.shape
            total += self.cell.multiply_adds(D, H)
            total += self.maps[name].kernel.get_value().size if name in self.maps else 0
        return total
