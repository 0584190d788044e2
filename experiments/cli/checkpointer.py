"""Checkpointing of one shard: saving, stopping and resuming."""

import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from experiments.cli import signals
from seqjax.sweeps import saved_models
from seqjax.sweeps.checkpointer import Checkpointer
from seqjax.sweeps.study import Run
from seqjax.training import state
from seqjax.training.checkpoint import Checkpoints, Metadata, Shapes
from seqjax.training.state import BatchState


class ShardCheckpointer(Checkpointer):
    """Saves the training state of one shard, and resumes from it.

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
        self.every = every
        self.pending = {run.id: run for run in pending}
        self.environment = dict(environment)
        self.log = log
        self.model_folder = model_folder
        self.checkpoints = Checkpoints(folder, log)
        self.restored = self.checkpoints.restore_latest(self._expected_shapes)
        self.last_save = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        signals.has_unsaved_work.clear()
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
        ids = {run.id for run in group}
        rows = [row for row, name in enumerate(metadata["runs"]) if name in ids]
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
        """Save a checkpoint if one is due or a stop is requested.

        Raises:
          StoppedError: a stop was requested, and everything is saved.
          CheckpointError: a checkpoint could not be written.
        """
        signals.has_unsaved_work.set()
        stop = signals.stop_requested.is_set()
        if stop or time.monotonic() - self.last_save >= self.every:
            metadata = {
                "runs": [run.id for run in batch],
                "step": batch_state.step,
                "seconds": batch_state.seconds,
                "environment": self.environment,
            }
            self.checkpoints.save(batch_state.to_arrays(), metadata)
            self.last_save = time.monotonic()
        if stop:
            self.checkpoints.wait()
            raise signals.StoppedError

    def on_trained(self, run: Run, params: Any) -> None:
        """Save the model of a reported run, if models are to be saved."""
        if self.model_folder is not None and run.purpose == "evaluation":
            saved_models.save(self.model_folder(run.id), run, params)

    def on_recorded(self, batch: list[Run]) -> None:
        """Raise StoppedError if a stop was requested; there is nothing left to save."""
        signals.has_unsaved_work.clear()
        if signals.stop_requested.is_set():
            raise signals.StoppedError
