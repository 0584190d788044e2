"""Gradient floors: gradients with a norm below the floor are scaled up to it.

No training recipe uses them. They test the claim that a lower bound on gradients does not help
against vanishing gradients, at the three places where one could apply a bound.
"""

import dataclasses
import math
from typing import Any

import jax
import optax

from seqjax.cells.base import Cell
from seqjax.recurrence.gradient_norms import raise_to_norm
from seqjax.types import Number, check_name, check_range, static

KINDS = ("none", "signal", "contribution", "norm")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class FloorSpec:
    """Gradient floor, the counterpart of clipping. The level may be traced; the kind is static.

        x * level / ‖x‖  if 1e-20 <= ‖x‖ < level,  else x itself

    The loss is a mean over the B sequences of a batch and their valid positions, so the gradient of
    an example has a factor 1/B (with an output at each step, 1 over the number of valid positions,
    unless ``train.reduction`` is "sum").
    "signal" and "contribution" compare ``level`` with gradients that include this factor: at equal
    ``level`` a larger batch is raised more.

    Attributes:
      kind: "none"; "signal", x is the cotangent of h of an example at a step of the backward pass,
        and separately that of c for the LSTM, inside ``unroll``; "contribution", x is the
        contribution of an example at a step to the gradient of a layer's W, U and b, jointly, and
        the signal to earlier steps does not change; "norm", x is the gradient of all parameters,
        after the clip.
      level: smallest norm of x, finite; 0 for no floor.

    Raises:
      ValueError: an unknown kind or a level out of range, as "field: expected ..., got ...".
    """

    kind: str = static("none")
    level: Number = 0.0

    def __post_init__(self):
        check_name("kind", self.kind, "kind of floor", KINDS)
        accepted = "a finite number, 0 or more"
        check_range("level", self.level, lambda level: 0 <= level < math.inf, accepted)

    def unused(self, cell: Cell, task: Any) -> dict[str, str]:
        """Fields without effect for this cell and task, each with the reason."""
        return {"level": "floor.kind is none"} if self.kind == "none" else {}


def gradient_floor(spec: FloorSpec) -> optax.GradientTransformation:
    """The Optax transformation of a ``FloorSpec``.

    Only "norm" changes the gradient here; the other kinds are applied in the backward pass, by
    ``unroll``.

    >>> import jax.numpy as jnp
    >>> transformation = gradient_floor(FloorSpec("norm", 10.0))
    >>> updates, _ = transformation.update({"w": jnp.array([3.0, 4.0])}, None)
    >>> print(updates["w"])
    [6. 8.]
    """
    if spec.kind != "norm":
        return optax.identity()
    return optax.stateless(lambda updates, params: raise_to_norm(updates, spec.level)[0])
