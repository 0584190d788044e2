"""The Optax chain: measure, clip, raise, measure, optimise."""

import dataclasses
import math
from typing import Any

import jax
import optax

from seqjax.cells.base import Cell
from seqjax.optim.clipping import ClipSpec, clip
from seqjax.optim.gradient_floor import FloorSpec, gradient_floor
from seqjax.recurrence.gradient_norms import tree_norm
from seqjax.types import Number, check_name, check_range, static

OPTIMIZERS = ("sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw")
WITH_MOMENTUM = ("momentum", "nesterov")
SCHEDULES = ("constant", "cosine", "exponential")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class OptimSpec:
    """Optimiser and schedule of the learning rate. Numbers may be traced; names are static.

    Attributes:
      name: optimiser: "sgd" (plain), "momentum", "nesterov", "rmsprop" (decay .9), "adam", "adamw".
      learning_rate: learning rate of the first step.
      momentum: decay of the momentum of "momentum" and "nesterov".
      weight_decay: weight decay of "adamw".
      schedule: "constant"; "cosine", to 0 after the last step; "exponential", to ``final`` times
        the learning rate after the last step.
      final: ratio of the last to the first learning rate, under "exponential".

    Raises:
      ValueError: an unknown name or a number out of range, as "field: expected ..., got ...".
    """

    name: str = static("momentum")
    learning_rate: Number = 0.1
    momentum: Number = 0.9
    weight_decay: Number = 1e-4
    schedule: str = static("constant")
    final: Number = 0.1

    def __post_init__(self):
        check_name("name", self.name, "optimiser", OPTIMIZERS)
        check_name("schedule", self.schedule, "schedule", SCHEDULES)
        check_range(
            "learning_rate", self.learning_rate, lambda x: 0 < x < math.inf, "a positive number"
        )
        check_range("momentum", self.momentum, lambda x: 0 <= x < 1, "a number in [0, 1)")
        check_range("weight_decay", self.weight_decay, lambda x: 0 <= x < math.inf, "0 or more")
        check_range("final", self.final, lambda x: 0 < x <= 1, "a number in (0, 1]")

    def unused(self, cell: Cell, task: Any) -> dict[str, str]:
        """Fields without effect for this cell and task, each with the reason."""
        reasons = {}
        if self.name not in WITH_MOMENTUM:
            reasons["momentum"] = f"optim.name is {self.name}"
        if self.name != "adamw":
            reasons["weight_decay"] = f"optim.name is {self.name}"
        if self.schedule != "exponential":
            reasons["final"] = "optim.schedule is not exponential"
        return reasons


def make_optimizer(
    optim: OptimSpec,
    clip_spec: ClipSpec,
    steps: int,
    cell: Cell | None = None,
    floor_spec: FloorSpec | None = None,
) -> optax.GradientTransformation:
    """The Optax chain for ``steps`` updates.

    ``optax.tree.get`` reads "norm_before", "norm_after" and "clipped" from its state: the norm of
    the gradient before and after clip and floor, and whether the clip changed it.

    Args:
      optim: optimiser and schedule.
      clip_spec: gradient clipping.
      steps: number of updates.
      cell: the model's cell, for adaptive clipping.
      floor_spec: gradient floor; none by default.
    """
    return optax.chain(
        optax.snapshot("norm_before", tree_norm),
        clip(clip_spec, steps, cell),
        gradient_floor(floor_spec or FloorSpec()),
        optax.snapshot("norm_after", tree_norm),
        _rule(optim, _rate(optim, steps)),
    )


def _rate(optim: OptimSpec, steps: int):
    rate = optim.learning_rate
    if optim.schedule == "cosine":
        return lambda count: rate * optax.cosine_decay_schedule(1.0, steps)(count)
    if optim.schedule == "exponential":
        return lambda count: rate * optim.final ** (count / steps)
    return rate


def _rule(optim: OptimSpec, rate) -> optax.GradientTransformation:
    if optim.name in WITH_MOMENTUM:
        return optax.sgd(rate, optim.momentum, nesterov=optim.name == "nesterov")
    if optim.name == "adamw":
        return optax.adamw(rate, weight_decay=optim.weight_decay)
    return {"sgd": optax.sgd, "rmsprop": optax.rmsprop, "adam": optax.adam}[optim.name](rate)


def apply_gradients(
    optimizer: optax.GradientTransformation, grads: Any, state: Any, params: Any
) -> tuple[Any, Any]:
    """``(new params, new optimiser state)``.

    Optax's adam mixes integer and float dtypes, so strict promotion is relaxed here.
    """
    with jax.numpy_dtype_promotion("standard"):
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state
