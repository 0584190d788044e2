"""Common design of the claims that train networks: tasks × arms, tuning, optimiser."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from seqjax.sweeps.study import Arm


def on_tasks(tasks: Mapping[str, Mapping[str, Any]], arms: Iterable[Arm]) -> tuple[Arm, ...]:
    """Each arm on each task, with the settings of both.

    Args:
      tasks: settings by label of the task; matched arms ignore the width.
      arms: arms without a task, whose settings override those of the task.
    """
    return tuple(_on_task(task, settings, arm) for task, settings in tasks.items() for arm in arms)


def _on_task(task: str, settings: Mapping[str, Any], arm: Arm) -> Arm:
    common = {k: v for k, v in settings.items() if not (arm.matched and k == "model.hidden")}
    return dataclasses.replace(arm, task=task, settings={**common, **arm.settings})


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Settings that all claims with the same optimiser share.

    Attributes:
      optimizer: settings of the optimiser and of clipping.
      first_rate: the smallest learning rate of the grid.
    """

    optimizer: Mapping[str, Any]
    first_rate: float

    def rates(self, full: bool) -> tuple[float, ...]:
        """Four learning rates half a decade apart; at full size eight, a quarter apart."""
        count, decades = (8, 0.25) if full else (4, 0.5)
        return tuple(float(f"{self.first_rate * 10 ** (decades * k):.4g}") for k in range(count))

    def base(self, full: bool) -> dict[str, Any]:
        """Settings of every run."""
        return {
            "model.hidden": 128 if full else 32,
            "init.recurrent": "orthogonal",
            "train.batch_size": 32,
            **self.optimizer,
        }

    def study(self, full: bool) -> dict[str, Any]:
        """Arguments of ``Study``: seeds, the tuned axis, and scores in place of metrics."""
        return {
            "seeds": 20 if full else 10,
            "tune": "optim.learning_rate",
            "tuning_seeds": 5 if full else 2,
            "scored": True,
            "columns": "",
        }


PROTOCOL = Protocol({"optim.name": "adam", "clip.kind": "norm", "clip.threshold": 1.0}, 1e-3)
PLAIN = Protocol({"optim.name": "momentum", "optim.momentum": 0.9}, 1e-2)
"""Protocol for clipping and floors, because Adam's division by the gradient's size hides scaling.
"""
