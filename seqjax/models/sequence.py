"""The Flax face: NNX modules over the functional cells.

A model is built inside a trace, from a traced key and traced initialisation numbers, split once
into a graph and a plain dict of arrays, and merged again where it is applied; no variable object
crosses a scan, an optimiser or a checkpoint.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from seqjax.cells import CELLS
from seqjax.init import InitSpec
from seqjax.models.recurrent import RecurrentLayers, linear
from seqjax.recurrence.unroll import Unrolled
from seqjax.types import Array, check_most, named_key, static, unknown

READOUTS = ("auto", "softmax", "logistic", "linear")
MAX_WIDTH, MAX_LAYERS = 2**14, 64
"""What is more is a slip of the keyboard, or needs another program."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """The shape of a model: everything here is structure.

    Attributes:
      cell: a name in ``CELLS``.
      hidden: units a layer and direction.
      layers: recurrent layers, each reading the outputs of the one below.
      bidirectional: a second cell a layer that runs from the end; outputs are concatenated.
      readout: how logits become predictions: "softmax", "logistic", "linear", or "auto", what the
        task asks for.
      embed: width of a learnt embedding of input symbols; 0 for one-hot vectors.
      window: inputs that each step reads: its own and those of as many less one before it, zeros
        before the first (the tapped delay line of Lang, Waibel and Hinton 1990).
    """

    cell: str = static("lstm")
    hidden: int = static(32)
    layers: int = static(1)
    bidirectional: bool = static(False)
    readout: str = static("auto")
    embed: int = static(0)
    window: int = static(1)

    def __post_init__(self):
        if self.cell not in CELLS:
            raise ValueError(f"cell: {unknown('cell', self.cell, CELLS)}")
        if self.readout not in READOUTS:
            raise ValueError(f"readout: {unknown('readout', self.readout, READOUTS)}")
        check_most(
            hidden=(self.hidden, MAX_WIDTH),
            layers=(self.layers, MAX_LAYERS),
            embed=(self.embed, MAX_WIDTH),
            window=(self.window, MAX_WIDTH),
        )


class Encoder(nnx.Module):
    """Embedding and recurrent layers.

    Args:
      spec: the shape of the model.
      input_size: features D of float input, or the number of symbols of integer input.
      symbols: the input is integers (T, B), embedded or one-hot.
      init: how the cells start. The embedding starts as Flax starts it.
      key: every draw is keyed by its role, layer and gate from here.
      dtype: of the operands of all matrix products; by default the parameters'.
    """

    def __init__(
        self,
        spec: ModelSpec,
        input_size: int,
        *,
        symbols: bool,
        init: InitSpec,
        key: Array,
        dtype=None,
    ):
        self.symbols = input_size if symbols else 0
        embed = None
        if symbols and spec.embed:
            rngs = nnx.Rngs(named_key(key, "embedding"))
            embed = nnx.Embed(input_size, spec.embed, rngs=rngs)
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
        """Inputs as numbers, (T, B, D): symbols embedded or one-hot."""
        if self.embedding is not None:
            return self.embedding(x)
        return jax.nn.one_hot(x, self.symbols, dtype=jnp.float32) if self.symbols else x

    def windowed(self, x: Array) -> Array:
        """What the first recurrent layer reads of embedded inputs: its window of them."""
        if self.window == 1:
            return x
        T = len(x)
        padded = jnp.pad(x, ((self.window - 1, 0), (0, 0), (0, 0)))
        return jnp.concatenate([padded[k : k + T] for k in range(self.window)], axis=-1)

    def unroll_layers(self, x: Array, carry: dict | None, **options) -> Unrolled:
        """What the recurrent layers make of the input, from a carry (zeros: None)."""
        return self.recurrent(self.windowed(self.embed(x)), carry=carry, **options)


class SequenceModel(Encoder):
    """Embedding, recurrent layers, readout; before them, if asked for, an encoder.

    Args:
      output_size: logits V.
      every_step: read out at every step, or once: from each direction's final state.
      source_size: the number of symbols of a source, which an encoder of the same shape, but with
        weights of its own, reads first (Sutskever, Vinyals and Le, NIPS 2014); or 0.

    All else is as for ``Encoder``; the readout starts as Flax starts it.
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
        dtype=None,
    ):
        super().__init__(spec, input_size, symbols=symbols, init=init, key=key, dtype=dtype)
        self.every_step = every_step
        width = spec.hidden * len(self.recurrent.directions)
        rngs = nnx.Rngs(named_key(key, "readout"))
        self.readout = linear(width, output_size, dtype, rngs)
        encoder = None
        if source_size:
            key = named_key(key, "encoder")
            encoder = Encoder(spec, source_size, symbols=True, init=init, key=key, dtype=dtype)
        self.encoder = nnx.data(encoder)

    def encode(self, source_SB: Array, lengths_B: Array, **options) -> dict:
        """The carry that the encoder ends with, from which the layers go on to the target."""
        return self.encoder.unroll_layers(source_SB, None, lengths_B=lengths_B, **options).carry

    def __call__(self, x: Array, **options) -> Array:
        """Logits (T, B, V) or (B, V) from (T, B, D) floats or (T, B) symbols."""
        return self.logits_and_carry(x, None, **options)[0]

    def logits_and_carry(self, x: Array, carry: dict | None, **options) -> tuple[Array, dict]:
        """The logits and the last carry, from a carry that was left before (zeros: None)."""
        result = self.unroll_layers(x, carry, **options)
        if self.every_step:
            return self.readout(result.outputs_TBH), result.carry
        top = f"layer{self.recurrent.layers - 1}_"
        final = [result.carry[top + direction].h for direction in self.recurrent.directions]
        return self.readout(jnp.concatenate(final, axis=-1)), result.carry


def model_params(model: nnx.Module) -> dict[str, Any]:
    """The parameters of a model as a plain dict of arrays."""
    return nnx.to_pure_dict(nnx.state(model, nnx.Param))


def abstract_module(make: Callable[[], nnx.Module]) -> nnx.Module:
    """The module that ``make`` builds, with shapes in place of its numbers."""
    graphs = []

    def split():
        graph, state = nnx.split(make())
        graphs.append(graph)
        return state

    state = jax.eval_shape(split)  # nnx.eval_shape fails inside shard_map on parameters like ours
    return nnx.merge(graphs[0], state)


def with_params(model: nnx.Module, arrays: dict[str, Any]) -> nnx.Module:
    """The (abstract) model with these parameters in it; the inverse of ``model_params``."""
    graph, state = nnx.split(model)
    nnx.replace_by_pure_dict(state, arrays)
    return nnx.merge(graph, state)


def model_size(model: SequenceModel) -> dict[str, int]:
    """Parameters without and with the readout, and multiply-adds a step without it."""
    count = {
        name: sum(leaf.size for leaf in jax.tree.leaves(part))
        for name, part in model_params(model).items()
    }
    return {
        "parameters_recurrent": sum(count.values()) - count["readout"],
        "parameters": sum(count.values()),
        "multiply_adds": model.recurrent.multiply_adds(),
    }
