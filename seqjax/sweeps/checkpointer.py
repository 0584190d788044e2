"""Callbacks that checkpoint and resume the training of a sweep."""

from typing import Any

from seqjax.sweeps.study import Run
from seqjax.training.state import BatchState


class Checkpointer:
    """Callbacks of ``executor.train_group``. This base class saves nothing."""

    def restore(self, group: list[Run], max_runs: int) -> tuple[list[Run], BatchState | None]:
        """Return the runs of the group that a checkpoint holds, and their state in that order.

        Args:
          group: runs of one structure.
          max_runs: number of runs that can be trained side by side.

        Returns:
          ([], None) if there is no such checkpoint.
        """
        return [], None

    def save_if_due(self, batch: list[Run], batch_state: BatchState) -> None:
        """Called after every chunk of steps. An exception raised here stops the training."""

    def on_trained(self, run: Run, params: Any) -> None:
        """Called with the final parameters of a run, before its record is yielded."""

    def on_recorded(self, batch: list[Run]) -> None:
        """Called once the consumer has taken every record of the batch."""
