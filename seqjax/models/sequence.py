"""Sequence models: embedding, recurrent layers, readout, and an optional encoder.

A model is built inside a trace, from a traced key and traced initialisation numbers, and split once
into a graph and a plain dict of arrays. It is merged again where it is applied: scans, optimisers
and checkpoints see arrays only.
"""

import dataclasses
import functools
import operator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from seqjax.cells import CELLS
from seqjax.cells.base import Cell
from seqjax.init import InitSpec
from seqjax.models.noise import ActivationNoise
from seqjax.models.recurrent import CellParams, RecurrentLayers, linear
from seqjax.recurrence.unroll import Unrolled
from seqjax.types import Array, check_name, check_size, named_key, static

READOUTS = ("auto", "softmax", "logistic", "linear")
MAX_WIDTH, MAX_LAYERS = 2**14, 64
"""Bounds that catch typos."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """Architecture of a model. All fields are static.

    Attributes:
      cell: name of the recurrent cell, a key of ``CELLS``.
      hidden: units per layer and direction.
      layers: number of recurrent layers; each reads the outputs of the layer below.
      bidirectional: add to each layer a second cell that runs backwards; outputs are concatenated.
      readout: link from logits to predictions: "softmax", "logistic", "linear", or "auto", the
        default link of the task.
      embed: width of a learnt embedding of input symbols; 0 for one-hot vectors.
      window: number of inputs, x_{t-window+1} … x_t, that step t reads; zeros before the first
        (the tapped delay line of Lang, Waibel and Hinton 1990).

    Raises:
      ValueError: an unknown name or a size out of range, as "field: expected ..., got ...".
    """

    cell: str = static("lstm")
    hidden: int = static(32)
    layers: int = static(1)
    bidirectional: bool = static(False)
    readout: str = static("auto")
    embed: int = static(0)
    window: int = static(1)

    def __post_init__(self):
        check_name("cell", self.cell, "cell", CELLS)
        check_name("readout", self.readout, "readout", READOUTS)
        check_size("hidden", self.hidden, 1, MAX_WIDTH)
        check_size("layers", self.layers, 1, MAX_LAYERS)
        check_size("embed", self.embed, 0, MAX_WIDTH)
        check_size("window", self.window, 1, MAX_WIDTH)

    def unused(self, cell: Cell, task: Any) -> dict[str, str]:
        """Fields without effect for this cell and task, each with the reason."""
        return {} if task.symbols else {"embed": "the task's input is not symbols"}


class Encoder(nnx.Module):
    """Embedding, input window and recurrent layers.

    Args:
      spec: architecture.
      input_size: features D of float input, or the number of symbols of integer input.
      symbols: the input is integers (T, B), which are embedded or one-hot encoded.
      init: initialisation of the cells; the embedding has that of Flax unless the scale is fixed.
      key: random keys are folded from it by role, layer and gate.
      dtype: dtype of the operands of all matrix products; by default the dtype of the parameters.
    """

    def __init__(
        self,
        spec: ModelSpec,
        input_size: int,
        *,
        symbols: bool,
        init: InitSpec,
        key: Array,
        dtype: type | None = None,
    ):
        self.symbols = input_size if symbols else 0
        embed = None
        if symbols and spec.embed:
            rngs = nnx.Rngs(named_key(key, "embedding"))
            drawn = {"embedding_init": init.map_initializer} if init.map_initializer else {}
            embed = nnx.Embed(input_size, spec.embed, rngs=rngs, **drawn)
            input_size = spec.embed
        self.embedding, self.window = nnx.data(embed), spec.window
        self.recurrent = RecurrentLayers(
            CELLS[spec.cell],
            input_size * spec.window,
            spec.hidden,
            key=key,
            init=init,
            layers=spec.layers,
            bidirectional=spec.bidirectional,
            dtype=dtype,
        )

    def embed(self, x: Array) -> Array:
        """Float inputs (T, B, D): symbols (T, B) embedded or one-hot encoded, floats unchanged."""
        if self.embedding is not None:
            return self.embedding(x)
        return jax.nn.one_hot(x, self.symbols, dtype=jnp.float32) if self.symbols else x

    def windowed(self, x: Array) -> Array:
        """The inputs of the first layer, (T, B, window · D), from embedded inputs (T, B, D)."""
        if self.window == 1:
            return x
        T = len(x)
        padded = jnp.pad(x, ((self.window - 1, 0), (0, 0), (0, 0)))
        return jnp.concatenate([padded[k : k + T] for k in range(self.window)], axis=-1)

    def unroll_layers(
        self,
        x: Array,
        carry: dict[str, NamedTuple] | None,
        *,
        noise: ActivationNoise | None = None,
        **options: Any,
    ) -> Unrolled:
        """Run the recurrent layers.

        Args:
          x: inputs.
          carry: initial carry by layer and direction; None for zeros.
          noise: noise in training.
          options: options of ``unroll``.
        """
        x = self.embed(x)
        if noise is not None:
            x = noise.on_input(x)
        return self.recurrent(self.windowed(x), carry=carry, noise=noise, **options)


class SequenceModel(Encoder):
    """Embedding, recurrent layers and readout, optionally after an encoder of a source sequence.

    Args:
      output_size: number of logits V.
      every_step: read out at every step instead of once, from each direction's final state.
      source_size: number of symbols of the source, read by an encoder with the same ``spec`` and
        separate weights (Sutskever, Vinyals and Le, NIPS 2014); 0 for no encoder.

    Other arguments as in ``Encoder``; ``init`` also has the initialisation of the readout.
    """

    def __init__(
        self,
        spec: ModelSpec,
        input_size: int,
        output_size: int,
        *,
        every_step: bool,
        symbols: bool,
        init: InitSpec,
        key: Array,
        source_size: int = 0,
        dtype: type | None = None,
    ):
        super().__init__(spec, input_size, symbols=symbols, init=init, key=key, dtype=dtype)
        self.every_step = every_step
        width = spec.hidden * len(self.recurrent.directions)
        rngs = nnx.Rngs(named_key(key, "readout"))
        self.readout = linear(width, output_size, dtype, rngs, kernel_init=init.readout_initializer)
        encoder = None
        if source_size:
            key = named_key(key, "encoder")
            encoder = Encoder(spec, source_size, symbols=True, init=init, key=key, dtype=dtype)
        self.encoder = nnx.data(encoder)

    def encode(self, source_SB: Array, lengths_B: Array, **options: Any) -> dict[str, NamedTuple]:
        """The final carry of the encoder, from which the layers start on the target.

        Args:
          source_SB: symbols; S steps.
          lengths_B: valid steps of each source.
          options: options of ``unroll_layers``.
        """
        return self.encoder.unroll_layers(source_SB, None, lengths_B=lengths_B, **options).carry

    def __call__(self, x: Array, **options: Any) -> Array:
        """Logits (T, B, V) or (B, V) from (T, B, D) floats or (T, B) symbols.

        Args:
          x: inputs.
          options: options of ``unroll``.
        """
        return self.logits_and_carry(x, None, **options)[0]

    def logits_and_carry(
        self, x: Array, carry: dict[str, NamedTuple] | None, **options: Any
    ) -> tuple[Array, dict[str, NamedTuple]]:
        """Logits as of ``__call__``, and the final carry, from an initial ``carry`` (None: zeros).

        Args:
          x: inputs.
          carry: initial carry by layer and direction.
          options: options of ``unroll``.
        """
        result = self.unroll_layers(x, carry, **options)
        return self.read_out(result), result.carry

    def read_out(self, result: Unrolled, noise: ActivationNoise | None = None) -> Array:
        """Logits as of ``__call__`` from the result of ``unroll_layers``.

        Args:
          result: outputs of the last layer, and the final carry.
          noise: dropout of the states that the readout reads; none by default.
        """
        states = result.outputs_TBH
        if not self.every_step:
            top = f"layer{self.recurrent.layers - 1}_"
            final = [result.carry[top + direction].h for direction in self.recurrent.directions]
            states = jnp.concatenate(final, axis=-1)
        return self.readout(states if noise is None else noise.on_output(states))


def model_params(model: nnx.Module) -> dict[str, Any]:
    """The parameters of a model as a plain dict of arrays, with the NamedTuples of its cells."""
    params = nnx.to_pure_dict(nnx.state(model, nnx.Param))
    for path, module in nnx.iter_modules(model):
        if isinstance(module, CellParams):
            *path, name = path
            parent = functools.reduce(operator.getitem, path, params)
            parent[name] = module.kind(**parent[name])
    return params


def with_params(model: nnx.Module, arrays: dict[str, Any]) -> nnx.Module:
    """The (abstract) model with these parameters; the inverse of ``model_params``."""
    graph, state = nnx.split(model)
    cells_as_dicts = jax.tree.map(
        lambda node: node._asdict() if isinstance(node, tuple) else node,
        arrays,
        is_leaf=lambda node: isinstance(node, tuple),
    )
    nnx.replace_by_pure_dict(state, cells_as_dicts)
    return nnx.merge(graph, state)


def model_size(model: SequenceModel) -> dict[str, int]:
    """Numbers of parameters with and without the readout, and multiply-adds of a step."""
    count = {
        name: sum(leaf.size for leaf in jax.tree.leaves(part))
        for name, part in model_params(model).items()
    }
    return {
        "parameters_recurrent": sum(count.values()) - count["readout"],
        "parameters": sum(count.values()),
        "multiply_adds": model.recurrent.multiply_adds(),
    }
