"""Callbacks that checkpoint and resume the training of a sweep."""

import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from seqjax.sweeps.study import Run
from seqjax.training import state
from seqjax.training.checkpoint import Checkpoints, Metadata, Shapes
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


class FolderCheckpointer(Checkpointer):
    """Saves the training state to a folder from time to time, and resumes from it.

    Args:
      folder: folder of the checkpoints.
      every: seconds between two checkpoints; a chunk of steps is never interrupted.
      pending: runs without a record, by a name that tells them from all others.
      environment: versions and hardware that must not change in the middle of a run.
      log: function that prints a line for the user.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        every: float,
        pending: Mapping[str, Run],
        environment: Mapping[str, Any],
        log: Callable[[str], None],
    ):
        self.every = every
        self.pending = dict(pending)
        self.names = {run.id: name for name, run in pending.items()}
        self.environment = dict(environment)
        self.log = log
        self.checkpoints = Checkpoints(folder, log)
        self.restored = self.checkpoints.restore_latest(self._expected_shapes)
        self.last_save = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.checkpoints.close()

    def _expected_shapes(self, metadata: Metadata) -> Shapes | None:
        """Shapes of a checkpoint's arrays; None if no pending run can resume from it."""
        runs = [self.pending[name] for name in metadata["runs"] if name in self.pending]
        if not runs:
            return None
        if metadata["environment"] != self.environment:
            self.log(
                f"the checkpoint of {len(runs)} runs was saved on {metadata['environment']}, but "
                f"this command runs on {self.environment}; the runs start again"
            )
            return None
        config, step = runs[0].config, metadata["step"]
        if not 0 < step <= config.train.steps:
            raise ValueError(f"step: expected 1 to {config.train.steps}, got {step}")
        return state.abstract_arrays(config, len(metadata["runs"]), step)

    def restore(self, group: list[Run], max_runs: int) -> tuple[list[Run], BatchState | None]:
        """Return runs of the group from the newest checkpoint; see ``Checkpointer``."""
        if self.restored is None:
            return [], None
        arrays, metadata = self.restored
        names = {self.names[run.id] for run in group}
        rows = [row for row, name in enumerate(metadata["runs"]) if name in names]
        if not rows:
            return [], None
        self.restored = None
        if len(rows) > max_runs:
            self.log(f"{len(rows)} runs were started on more devices and start again")
            return [], None
        runs = [self.pending[metadata["runs"][row]] for row in rows]
        arrays = {name: array[rows] for name, array in arrays.items()}
        batch_state = BatchState.from_arrays(
            runs[0].config, metadata["step"], metadata["seconds"], arrays
        )
        self.log(f"{len(runs)} run(s) resume from step {batch_state.step:,}")
        return runs, batch_state

    def save_if_due(self, batch: list[Run], batch_state: BatchState) -> None:
        """Save a checkpoint if one is due.

        Raises:
          CheckpointError: a checkpoint could not be written.
        """
        if time.monotonic() - self.last_save >= self.every:
            self.save(batch, batch_state)

    def save(self, batch: list[Run], batch_state: BatchState) -> None:
        """Start to write a checkpoint.

        Raises:
          CheckpointError: the previous one could not be written.
        """
        metadata = {
            "runs": [self.names[run.id] for run in batch],
            "step": batch_state.step,
            "seconds": batch_state.seconds,
            "environment": self.environment,
        }
        self.checkpoints.save(batch_state.to_arrays(), metadata)
        self.last_save = time.monotonic()
