"""``SECTIONS``: the Specs of a configuration by section; and ``TrainSpec``."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp

from seqjax.cells.base import Cell
from seqjax.diagnostics.observers import OBSERVERS
from seqjax.init import InitSpec
from seqjax.models.sequence import ModelSpec
from seqjax.optim.clipping import ClipSpec
from seqjax.optim.gradient_floor import FloorSpec
from seqjax.optim.optimizer import OptimSpec
from seqjax.training.regularization import RegularizationSpec
from seqjax.types import check_name, check_names, check_range, check_size, static

PRECISIONS = {
    "float32": ("highest", None),
    "tf32": ("tensorfloat32", None),
    "bf16": ("highest", jnp.bfloat16),
}
"""JAX's precision of matrix products, and the dtype to which their operands are rounded."""
SELECTIONS = ("last", "best")
REDUCTIONS = {
    "mean": "mean over the batch and the valid steps",
    "sum": "sum over the valid steps, mean over the batch",
}
"""Reductions of the training loss, and their texts in records."""
MOST_STEPS, LARGEST_BATCH, MOST_VALIDATIONS = 2**24, 2**16, 10**4
"""Bounds that catch typos."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainSpec:
    """Length, early stopping, precision and observers of training. All fields are static.

    Attributes:
      steps: number of updates.
      batch_size: sequences per update.
      eval_every: updates between validations; a final validation follows the last update.
      precision: precision of matrix products: "float32" (the highest that the device has), "tf32"
        (on devices that have it, float32 elsewhere), "bf16" (operands rounded to bfloat16).
        Parameters, carries, gates and sums are float32 under all three.
      select: step whose parameters are reported: "last", or "best", the validation with the best
        metric, the earlier of equal ones.
      patience: validations in a row without a new best metric after which a run stops; 0 for no
        limit.
      stop_at: validation metric at which a run stops because its task is solved; inf for none.
      training_metrics: also measure the metrics of the reported step on training data: the training
        set, or as many generated examples, or symbols of a stream, as validation has.
      reduction: reduction of the losses of a batch to the loss that is minimised: "mean" over the
        batch and the valid steps, or "sum" over the valid steps and mean over the batch, which
        gives gradients, and thresholds, as many times larger as a sequence has steps. Reported
        losses are means under both.
      observe: observers that run before training and at every validation, joined by "+"; "" for
        none. Their names are the keys of ``OBSERVERS``.

    Raises:
      ValueError: an unknown name or a number out of range, as "field: expected ..., got ...".
    """

    steps: int = static(300)
    batch_size: int = static(64)
    eval_every: int = static(50)
    precision: str = static("float32")
    observe: str = static("")
    select: str = static("last", added=True)
    patience: int = static(0, added=True)
    stop_at: float = static(math.inf, added=True)
    training_metrics: bool = static(False, added=True)
    reduction: str = static("mean", added=True)

    def __post_init__(self):
        check_name("reduction", self.reduction, "reduction", REDUCTIONS)
        check_name("select", self.select, "step", SELECTIONS)
        check_size("patience", self.patience, 0, MOST_VALIDATIONS)
        check_range("stop_at", self.stop_at, lambda x: x > -math.inf, "a number, or inf")
        check_name("precision", self.precision, "precision", PRECISIONS)
        check_names("observe", observed(self.observe), "observation", OBSERVERS)
        check_size("steps", self.steps, 1, MOST_STEPS)
        check_size("batch_size", self.batch_size, 1, LARGEST_BATCH)
        least = max(1, -(-self.steps // MOST_VALIDATIONS))
        check_range("eval_every", self.eval_every, lambda n: n >= least, f"at least {least}")

    @property
    def may_stop(self) -> bool:
        """True if a run may stop before ``steps``."""
        return self.patience > 0 or self.stop_at < math.inf

    def unused(self, cell: Cell, task: Any) -> dict[str, str]:
        """Fields without effect for this cell and task, each with the reason."""
        one_loss = task is not None and task.every_step is False  # models of one's own have none
        return {"reduction": "the task has one loss a sequence"} if one_loss else {}


SECTIONS = {
    "model": ModelSpec,
    "init": InitSpec,
    "clip": ClipSpec,
    "floor": FloorSpec,
    "reg": RegularizationSpec,
    "optim": OptimSpec,
    "train": TrainSpec,
}
"""Specs by section, the first part of a field's path; the section "task" holds the task."""


def observed(names: str) -> tuple[str, ...]:
    """Names of the observers in ``train.observe``."""
    return tuple(names.split("+")) if names else ()
