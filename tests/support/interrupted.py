"""Runs that are interrupted and resumed, and what they leave."""

import jax
import numpy as np

from seqjax.sweeps import executor
from seqjax.sweeps.checkpointer import Keeper
from seqjax.training.state import Progress, shapes


def bits(arrays):
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}


class Stopping(Keeper):
    """Stops a batch at a step and hands on what it knows then."""

    def __init__(self, at=None, kept=None):
        self.at, self.kept = at, kept

    def begun(self, group, together):
        if self.kept is None:
            return [], None
        runs, step, seconds, arrays = self.kept
        assert {name: (a.shape, a.dtype) for name, a in arrays.items()} == {
            name: (a.shape, a.dtype) for name, a in shapes(runs[0].config, len(runs), step).items()
        }
        return runs, Progress.from_arrays(runs[0].config, step, seconds, arrays)

    def offer(self, batch, progress):
        if progress.step == self.at:
            self.kept = batch, progress.step, progress.seconds, progress.to_arrays()
            raise InterruptedError


def left(runs, per_device, devices, keeper=None):
    return {
        record["id"]: ({**record, "seconds": 0}, np.stack(trace).tobytes())
        for record, trace in executor.execute(
            runs, per_device, jax.devices()[:devices], keeper=keeper
        )
    }
