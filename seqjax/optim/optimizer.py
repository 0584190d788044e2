"""The Optax chain: measure, clip, raise, measure, optimise, clip the update."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import optax

from seqjax.cells.base import Cell
from seqjax.optim.clipping import ClipSpec, clip
from seqjax.optim.gradient_floor import FloorSpec, gradient_floor
from seqjax.recurrence.gradient_norms import tree_norm
from seqjax.types import (
    Number,
    added,
    check_name,
    check_range,
    check_size,
    static,
    static_at_default,
)

OPTIMIZERS = ("sgd", "momentum", "nesterov", "rmsprop", "rmsprop_momentum", "adam", "adamw")
WITH_MOMENTUM = ("momentum", "nesterov", "rmsprop_momentum")
RMSPROP = ("rmsprop", "rmsprop_momentum")
ADAM = ("adam", "adamw")
SCHEDULES = ("constant", "cosine", "exponential", "linear", "plateau")
TO_FINAL = ("exponential", "linear")
MOST_PATIENCE = 10**4
"""Bound that catches typos."""


@static_at_default("decay", "root_floor", "b1", "b2", "epsilon")
@dataclasses.dataclass(frozen=True)
class OptimSpec:
    """Optimiser and schedule of the learning rate. Numbers may be traced; names are static.

    With learning rate η, momentum μ and gradient g, "rmsprop_momentum" is

        v' = decay v + (1 - decay) g²
        m' = μ m - η g / max(√(v' + ε), root_floor)
        w' = w + m'

    and "rmsprop" is the same with μ = 0 (Tieleman and Hinton 2012). Decay .95, floor .01 and μ = .9
    are those of Chung et al. 2014 in their code; Graves 2013 subtracts the squared mean of g from
    v, which these do not. "adam" and "adamw" add ε outside the root.

    Attributes:
      name: optimiser: "sgd" (plain), "momentum", "nesterov", "rmsprop", "rmsprop_momentum", "adam",
        "adamw".
      learning_rate: learning rate of the first step.
      momentum: decay of the momentum of "momentum", "nesterov" and "rmsprop_momentum".
      weight_decay: weight decay of "adamw".
      schedule: "constant"; "cosine", to 0 after the last step; "exponential" or "linear", to
        ``final`` times the learning rate after the last step; "plateau", times ``plateau_factor``
        whenever validation gives no new best metric, see ``training.control``.
      final: ratio of the last to the first learning rate, under "exponential" and "linear".
      decay: decay of the mean square of RMSProp.
      root_floor: lower bound of the root by which RMSProp divides; 0 for none.
      b1: decay of Adam's mean.
      b2: decay of Adam's mean square.
      epsilon: ε of RMSProp and Adam. It is 0 only with a ``root_floor``.
      scale_rate: multiply the learning rate by 1 - ``momentum`` (Greff et al. 2017).
      plateau_patience: validations in a row without a new best metric that lower the learning rate,
        under "plateau".
      plateau_factor: factor of the learning rate then.

    Raises:
      ValueError: an unknown name or a number out of range, as "field: expected ..., got ...".
    """

    name: str = static("momentum")
    learning_rate: Number = 0.1
    momentum: Number = 0.9
    weight_decay: Number = 1e-4
    schedule: str = static("constant")
    final: Number = 0.1
    decay: Number = added(0.9)
    root_floor: Number = added(0.0)
    b1: Number = added(0.9)
    b2: Number = added(0.999)
    epsilon: Number = added(1e-8)
    scale_rate: bool = static(False, added=True)
    plateau_patience: int = static(5, added=True)
    plateau_factor: Number = added(0.5)

    def __post_init__(self):
        check_name("name", self.name, "optimiser", OPTIMIZERS)
        check_name("schedule", self.schedule, "schedule", SCHEDULES)
        check_range(
            "learning_rate", self.learning_rate, lambda x: 0 < x < math.inf, "a positive number"
        )
        check_range("weight_decay", self.weight_decay, lambda x: 0 <= x < math.inf, "0 or more")
        check_range("final", self.final, lambda x: 0 < x <= 1, "a number in (0, 1]")
        check_range("root_floor", self.root_floor, lambda x: 0 <= x < math.inf, "0 or more")
        for field in ("momentum", "decay", "b1", "b2"):
            check_range(field, getattr(self, field), lambda x: 0 <= x < 1, "a number in [0, 1)")
        may_be_0 = self.name in RMSPROP and self.has_floor
        accepted = f"a positive number{'' if may_be_0 else '; 0 only with a root_floor of RMSProp'}"
        check_range(
            "epsilon", self.epsilon, lambda x: 0 < x < math.inf or (x == 0 and may_be_0), accepted
        )
        check_size("plateau_patience", self.plateau_patience, 1, MOST_PATIENCE)
        check_range(
            "plateau_factor", self.plateau_factor, lambda x: 0 < x < 1, "a number in (0, 1)"
        )

    @property
    def has_floor(self) -> bool:
        """Return whether ``root_floor`` is, or may be, more than 0."""
        return not (isinstance(self.root_floor, int | float) and self.root_floor == 0)

    def unused(self, cell: Cell, task: Any) -> dict[str, str]:
        """Fields without effect for this cell and task, each with the reason."""
        used_by = {
            "momentum": WITH_MOMENTUM,
            "scale_rate": WITH_MOMENTUM,
            "weight_decay": ("adamw",),
            "decay": RMSPROP,
            "root_floor": RMSPROP,
            "b1": ADAM,
            "b2": ADAM,
            "epsilon": RMSPROP + ADAM,
        }
        reasons = {
            field: f"optim.name is {self.name}"
            for field, names in used_by.items()
            if self.name not in names
        }
        if self.schedule not in TO_FINAL:
            reasons["final"] = f"optim.schedule is not {' or '.join(TO_FINAL)}"
        if self.schedule != "plateau":
            reasons |= dict.fromkeys(
                ("plateau_patience", "plateau_factor"), "optim.schedule is not plateau"
            )
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
    clipping, bounds_update = clip(clip_spec, steps, cell), clip_spec.kind == "update"
    return optax.chain(
        optax.snapshot("norm_before", tree_norm),
        *(() if bounds_update else (clipping,)),
        gradient_floor(floor_spec or FloorSpec()),
        optax.snapshot("norm_after", tree_norm),
        _rule(optim, _rate(optim, steps)),
        *((clipping,) if bounds_update else ()),
    )


def _rate(optim: OptimSpec, steps: int):
    rate, final = optim.learning_rate, optim.final
    if optim.scale_rate and optim.name in WITH_MOMENTUM:
        rate = rate * (1 - optim.momentum)
    if optim.schedule == "cosine":
        return lambda count: rate * optax.cosine_decay_schedule(1.0, steps)(count)
    if optim.schedule == "exponential":
        return lambda count: rate * final ** (count / steps)
    if optim.schedule == "linear":
        return lambda count: rate * (1 - (1 - final) * (count / steps))
    return rate


def _rule(optim: OptimSpec, rate) -> optax.GradientTransformation:
    if optim.name in RMSPROP:
        momentum = optim.name in WITH_MOMENTUM
        return optax.chain(
            _scale_by_root(optim),
            optax.scale_by_learning_rate(rate),
            optax.trace(optim.momentum) if momentum else optax.identity(),
        )
    if optim.name in WITH_MOMENTUM:
        return optax.sgd(rate, optim.momentum, nesterov=optim.name == "nesterov")
    adam = {"b1": optim.b1, "b2": optim.b2, "eps": optim.epsilon}
    if optim.name == "adamw":
        return optax.adamw(rate, weight_decay=optim.weight_decay, **adam)
    return optax.adam(rate, **adam) if optim.name == "adam" else optax.sgd(rate)


def _scale_by_root(optim: OptimSpec) -> optax.GradientTransformation:
    """g / max(√(v' + ε), root_floor)."""
    rms = optax.scale_by_rms(optim.decay, optim.epsilon)
    if not optim.has_floor:
        return rms

    def update(updates, state, params=None):
        _, state = rms.update(updates, state, params)

        def scaled(g, v):
            return g / jnp.maximum(jnp.sqrt(v + optim.epsilon), optim.root_floor)

        return jax.tree.map(scaled, updates, state.nu), state

    return optax.GradientTransformation(rms.init, update)


def apply_gradients(
    optimizer: optax.GradientTransformation, grads: Any, state: Any, params: Any
) -> tuple[Any, Any]:
    """``(new params, new optimiser state)``.

    Optax's adam mixes integer and float dtypes, so strict promotion is relaxed here.
    """
    with jax.numpy_dtype_promotion("standard"):
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state
