"""Scalars of runs for TensorBoard, written while they train (``--log=tensorboard``)."""

import pathlib
import shutil
from collections.abc import Iterable, Mapping

import jax
import numpy as np

from experiments.cli.workdir import folder_name
from seqjax.records.record import Record
from seqjax.sweeps.record_builder import curve_of, mask_after_failure
from seqjax.sweeps.study import Run
from seqjax.training.state import BatchState
from seqjax.training.step import Trace

TAGS = {
    "training_loss": "training/loss",
    "gradient_norm": "training/gradient_norm",
    "clipped_fraction": "training/clipped_fraction",
}
"""Names of the curves of training; "validation_NAME" is "validation/NAME"."""


class TensorBoard:
    """Writes the curves of each run to a folder of its own.

    A run that starts, again or for the first time, replaces its folder, so nothing is there twice.

    Args:
      folder: folder of all runs.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.writers = {}

    def path(self, run: str) -> pathlib.Path:
        """Folder of the run with this id."""
        return self.folder / folder_name(run)

    def add_recorded(self, records: Iterable[Record]) -> None:
        """Write the curves of runs that were recorded before scalars were asked for."""
        for record in records:
            if not self.path(record.id).exists():
                self._write(record.id, record.curve)
                self._close(record.id)

    def on_chunk(self, batch: list[Run], state: BatchState) -> None:
        """Write the scalars that a chunk of steps has added; all of them for a resumed batch."""
        failed_at = jax.device_get(state.state.failed_at)
        trace = state.trace()
        for row, run in enumerate(batch):
            failed = int(failed_at[row])
            own = mask_after_failure(Trace(*(values[row] for values in trace)), failed)
            validations = [{n: values[row] for n, values in m.items()} for m in state.metrics]
            self._write(run.id, curve_of(run.config, own, validations, failed))
            if state.ended or state.step == run.config.train.steps:
                self._close(run.id)

    def _write(self, run: str, curve: Mapping[str, np.ndarray]) -> None:
        """Write the entries of a curve that are not written yet."""
        from tensorboardX import SummaryWriter

        if run not in self.writers:
            shutil.rmtree(self.path(run), ignore_errors=True)
            self.writers[run] = SummaryWriter(str(self.path(run)), flush_secs=5), 0
        writer, written = self.writers[run]
        for name, values in curve.items():
            tag = TAGS.get(name, name.replace("validation_", "validation/", 1))
            for step, value in list(zip(curve["step"], values, strict=True))[written:]:
                if name != "step" and np.isfinite(value):
                    writer.add_scalar(tag, float(value), int(step))
        self.writers[run] = writer, len(curve["step"])

    def _close(self, run: str) -> None:
        writer, _ = self.writers.pop(run)
        writer.close()
