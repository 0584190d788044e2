"""Gradient clipping as an Optax transformation that records whether it changed the gradient.

With a threshold of inf every kind returns the gradient unchanged, bit for bit, so a sweep over
thresholds can include "off". Norms are computed in float32 or wider and cannot overflow.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from seqjax.cells.base import Cell
from seqjax.recurrence.gradient_norms import clip_to_norm, tree_norm
from seqjax.types import Array, Number, check_name, check_range, static

KINDS = {
    "none": "nothing; the threshold has no effect",
    "value": "absolute value of each entry of the gradient",
    "norm": "joint L2 norm of the gradient of all parameters (Pascanu et al. 2013)",
    "block": "L2 norm of the gradient of each parameter array",
    "adaptive": "ratio ‖G‖ / max(‖W‖, 1e-3), dimensionless, for each gate of each hidden unit; W "
    "has all its parameters, also the bias (Brock et al. 2021; the readout is not clipped)",
    "percentile": "joint L2 norm, at this percentage of all norms so far, in (0, 100) (Seetharaman "
    "et al. 2020, AutoClip)",
    "step": "L2 norm of the gradient with respect to the state of each example, at every step of "
    "the backward pass, inside ``unroll``",
    "update": "joint L2 norm of the parameters' update, after the optimiser, whose momentum keeps "
    "the update as it was before (Chung et al. 2014, in their code)",
}
"""The quantity that the threshold bounds, in the unit of the gradient unless it says another."""
SMALLEST_WEIGHT = 1e-3  # adaptive: lower bound on the norm of a unit (Brock et al. 2021)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ClipSpec:
    """Gradient clipping. The threshold may be traced; the kind is static.

    Attributes:
      kind: kind of clipping, a key of ``KINDS``.
      threshold: bound of the clipped quantity, positive; inf for no clipping. For "percentile" a
        percentage in (0, 100). Gradients, and so useful thresholds, depend on ``train.reduction``.

    Raises:
      ValueError: an unknown kind or a threshold out of range, as "field: expected ..., got ...".
    """

    kind: str = static("none")
    threshold: Number = float("inf")

    def __post_init__(self):
        check_name("kind", self.kind, "kind of clipping", KINDS)
        most, accepted = math.inf, "a positive number, or inf for no clipping"
        if self.kind == "percentile":
            most, accepted = 100, "a percentage in (0, 100), or inf for no clipping"
        check_range("threshold", self.threshold, lambda t: 0 < t < most or t == math.inf, accepted)

    def unused(self, cell: Cell, task: Any) -> dict[str, str]:
        """Fields without effect for this cell and task, each with the reason."""
        return {"threshold": "clip.kind is none"} if self.kind == "none" else {}


class ClipState(NamedTuple):
    """State of ``clip``.

    Attributes:
      clipped: True if the last gradient, or update under "update", was changed.
      count: number of gradients so far.
      past_N: for "percentile" the norms so far, sorted, then inf.
    """

    clipped: Array
    count: Array
    past_N: Array


def clip(spec: ClipSpec, steps: int = 1, cell: Cell | None = None) -> optax.GradientTransformation:
    """The Optax transformation of a ``ClipSpec``, with a ``ClipState``.

    Args:
      spec: kind and threshold. "none" and "step" return the gradient unchanged: "step" is applied
        in the backward pass, by ``unroll``. "update" stands after the optimiser in a chain.
      steps: number of updates; "percentile" stores as many norms.
      cell: the cell whose units "adaptive" clips; other kinds ignore it.

    Raises:
      ValueError: "adaptive" without a cell; or updated without the parameters, without parameters
        of that cell among them, or with those of another cell.

    >>> import jax.numpy as jnp
    >>> transformation = clip(ClipSpec("norm", 1.0))
    >>> updates, state = transformation.update(
    ...     {"w": jnp.array([3.0, 4.0])}, transformation.init(None))
    >>> print(updates["w"], state.clipped)
    [0.6 0.8] True
    """
    if spec.kind == "adaptive" and cell is None:
        raise ValueError("cell: expected a Cell for kind='adaptive', got None")
    remembered = steps if spec.kind == "percentile" else 0

    def init(params):
        del params
        past_N = jnp.full((remembered,), jnp.inf, jnp.float32)
        return ClipState(jnp.zeros((), bool), jnp.zeros((), jnp.int32), past_N)

    def update(updates, state, params=None):
        threshold, past_N = spec.threshold, state.past_N
        if spec.kind == "percentile":
            past_N = _insert(past_N, tree_norm(updates).astype(jnp.float32))
            threshold = _percentile(past_N, state.count + 1, jnp.asarray(threshold, jnp.float32))
        if spec.kind == "adaptive":
            if params is None:
                raise ValueError("params: expected the parameters for kind='adaptive', got None")
            clipped, changed = _adaptive(cell, updates, params, threshold)
        else:
            clipped, changed = _apply(spec.kind, updates, threshold)
        return clipped, ClipState(changed, state.count + 1, past_N)

    return optax.GradientTransformation(init, update)


def _apply(kind: str, updates: Any, threshold: Number) -> tuple[Any, Array]:
    """The clipped updates, and True if any entry changed."""
    if kind in ("none", "step"):
        return updates, jnp.zeros((), bool)
    if kind in ("norm", "percentile", "update"):
        return clip_to_norm(updates, threshold)
    limit = _clip_entries if kind == "value" else clip_to_norm
    pairs = jax.tree.map(lambda g: limit(g, threshold), updates)
    clipped, changed = jax.tree.transpose(
        jax.tree.structure(updates), jax.tree.structure((0, 0)), pairs
    )
    return clipped, jnp.stack([jnp.any(c) for c in jax.tree.leaves(changed)]).any()


def _clip_entries(g: Array, threshold: Number) -> tuple[Array, Array]:
    bound = jnp.asarray(threshold, g.dtype)
    beyond = jnp.abs(g) > bound
    return jnp.where(beyond, jnp.sign(g) * bound, g), beyond


def _adaptive(cell: Cell, updates: Any, params: Any, threshold: Number) -> tuple[Any, Array]:
    """The updates with each unit of each gate clipped; parameters outside gates are unchanged."""
    changes = []

    def units(gradient, weights):
        if not _is_cell(gradient):
            return gradient
        weights, blocks = cell.blocks(_cell_params(cell, weights)), {}
        gradient_of_cell = _cell_params(cell, gradient)
        for gate, gate_gradient in cell.blocks(gradient_of_cell).items():
            norm = tree_norm(weights[gate], axes=(0,))
            bound = threshold * jnp.maximum(norm, SMALLEST_WEIGHT)
            clipped, changed = clip_to_norm(gate_gradient, bound, axes=(0,))
            blocks |= clipped
            changes.append(jnp.any(changed))
        clipped = {
            name: _replace_blocks(name, array, blocks)
            for name, array in gradient_of_cell._asdict().items()
        }
        like = type(gradient)(**clipped) if isinstance(gradient, tuple) else clipped
        return jax.tree.unflatten(jax.tree.structure(gradient), jax.tree.leaves(like))

    clipped = jax.tree.map(units, updates, params, is_leaf=_is_cell)
    if not changes:
        raise ValueError(
            f"updates: expected parameters of cell {cell.name!r} somewhere in the tree for "
            f"kind='adaptive', with fields {', '.join(cell.params._fields)}, got none"
        )
    return clipped, jnp.stack(changes).any()


def _fields(node: Any) -> tuple[str, ...]:
    """Names of the fields of a NamedTuple, or keys of a mapping; empty for anything else."""
    return tuple(node) if isinstance(node, Mapping) else getattr(node, "_fields", ())


def _is_cell(node: Any) -> bool:
    """Return whether a node holds a cell's parameters, as a NamedTuple or by field in a mapping.

    Models under ``nnx.Optimizer`` have mappings.
    """
    return "w_DGH" in _fields(node)


def _cell_params(cell: Cell, node: Any) -> NamedTuple:
    """A node for which ``_is_cell`` holds, as the cell's NamedTuple of arrays.

    Raises:
      ValueError: the node belongs to another cell.
    """
    fields = _fields(node)
    if set(fields) != set(cell.params._fields):
        expected = ", ".join(cell.params._fields)
        raise ValueError(
            f"updates: cell {cell.name!r} has {expected}; got another cell's {', '.join(fields)}"
        )
    mapping = node if isinstance(node, Mapping) else node._asdict()
    params = cell.params(**{name: jax.tree.leaves(mapping[name])[0] for name in fields})
    gates = params.w_DGH.shape[-2]
    if gates != len(cell.input_gates):
        raise ValueError(
            f"updates: cell {cell.name!r} has {len(cell.input_gates)} gates in w_DGH, got {gates}"
        )
    return params


def _replace_blocks(field: str, array: Array, blocks: dict[tuple[str, int], Array]) -> Array:
    """``array`` with its blocks replaced by the entries of ``blocks`` for ``field``."""
    for (name, k), block in blocks.items():
        if name == field:
            array = array.at[:, k].set(block) if array.ndim == 3 else array.at[k].set(block[0])
    return array


def _insert(sorted_N: Array, value: Array) -> Array:
    """``sorted_N`` with ``value`` inserted in order and the last entry dropped."""
    position = jnp.searchsorted(sorted_N, value)
    index = jnp.arange(sorted_N.size)
    shifted = jnp.roll(sorted_N, 1)
    return jnp.where(index < position, sorted_N, jnp.where(index == position, value, shifted))


def _percentile(sorted_N: Array, count: Array, percent: Array) -> Array:
    """The percentile of the first ``count`` entries, linearly interpolated; inf for inf."""
    last = jnp.minimum(count, sorted_N.size) - 1
    position = jnp.clip(percent, 0, 100) / 100 * last.astype(percent.dtype)
    low = jnp.floor(position).astype(jnp.int32)
    high = jnp.minimum(low + 1, last)
    part = position - low.astype(percent.dtype)
    between = sorted_N[low] + part * (sorted_N[high] - sorted_N[low])
    return jnp.where(percent == jnp.inf, jnp.inf, between)
