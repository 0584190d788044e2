"""Training that is interrupted and resumed in one process."""

import jax
import numpy as np
from support.made_up import replace

from seqjax.sweeps import executor
from seqjax.sweeps.checkpointer import Checkpointer
from seqjax.training.state import BatchState, abstract_arrays


def bits(arrays):
    """Arrays by name in a form that compares bit for bit."""
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}


class StopAt(Checkpointer):
    """Saves a batch and raises InterruptedError at a step; resumes from ``checkpoint``."""

    def __init__(self, step=None, checkpoint=None):
        self.step, self.checkpoint = step, checkpoint

    def restore(self, group, max_runs):
        if self.checkpoint is None:
            return [], None
        runs, step, seconds, arrays = self.checkpoint
        expected = abstract_arrays(runs[0].config, len(runs), step)
        assert {name: (a.shape, a.dtype) for name, a in arrays.items()} == {
            name: (a.shape, a.dtype) for name, a in expected.items()
        }
        return runs, BatchState.from_arrays(runs[0].config, step, seconds, arrays)

    def save_if_due(self, batch, batch_state):
        if batch_state.step == self.step:
            self.checkpoint = (
                batch,
                batch_state.step,
                batch_state.seconds,
                batch_state.to_arrays(),
            )
            raise InterruptedError


def results(runs, per_device, devices, checkpointer=None):
    """Record without its time, and the bytes of the trace, by run id."""
    return {
        record.id: (replace(record, seconds=0.0), np.stack(trace).tobytes())
        for record, trace in executor.train_group(
            runs, per_device, jax.devices()[:devices], checkpointer=checkpointer
        )
    }
