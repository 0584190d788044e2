"""Checkpointing of one shard: saving, stopping and resuming."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from experiments.cli import signals
from seqjax.sweeps import saved_models
from seqjax.sweeps.checkpointer import FolderCheckpointer
from seqjax.sweeps.study import Run
from seqjax.training.state import BatchState


class ShardCheckpointer(FolderCheckpointer):
    """Saves the training state of one shard, also when a stop is requested, and resumes from it.

    Args:
      folder: folder of the checkpoints.
      every: seconds between two checkpoints; a chunk of steps is never interrupted.
      pending: runs without a record.
      environment: versions and hardware that must not change in the middle of a run.
      log: function that prints a line for the user.
      model_folder: function from a run's id to the folder of its trained model; None to save no
        models.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        every: float,
        pending: list[Run],
        environment: Mapping[str, Any],
        log: Callable[[str], None],
        model_folder: Callable[[str], pathlib.Path] | None = None,
    ):
        super().__init__(folder, every, {run.id: run for run in pending}, environment, log)
        self.model_folder = model_folder

    def __exit__(self, *exception: object) -> None:
        signals.has_unsaved_work.clear()
        super().__exit__(*exception)

    def save_if_due(self, batch: list[Run], batch_state: BatchState) -> None:
        """Save a checkpoint if one is due or a stop is requested.

        Raises:
          StoppedError: a stop was requested, and everything is saved.
          CheckpointError: a checkpoint could not be written.
        """
        signals.has_unsaved_work.set()
        if signals.stop_requested.is_set():
            self.save(batch, batch_state)
            self.checkpoints.wait()
            raise signals.StoppedError
        super().save_if_due(batch, batch_state)

    def on_trained(self, run: Run, params: Any) -> None:
        """Save the model of a reported run, if models are to be saved."""
        if self.model_folder is not None and run.purpose == "evaluation":
            saved_models.save(self.model_folder(run.id), run, params)

    def on_recorded(self, batch: list[Run]) -> None:
        """Raise StoppedError if a stop was requested; there is nothing left to save."""
        signals.has_unsaved_work.clear()
        if signals.stop_requested.is_set():
            raise signals.StoppedError
