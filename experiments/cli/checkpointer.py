"""When progress is saved, when the work stops, and which checkpoint is gone on from."""

import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from experiments.cli import signals
from seqjax.sweeps import saved_models
from seqjax.sweeps.checkpointer import Keeper
from seqjax.sweeps.study import Run
from seqjax.training import state
from seqjax.training.checkpoint import Checkpoints, Facts, Shapes
from seqjax.training.state import Progress


class ShardKeeper(Keeper):
    """Keeps the progress of one shard in its checkpoints.

    Args:
      folder: of the checkpoints.
      every: seconds between two of them; a chunk is never cut short.
      todo: the runs that are not recorded.
      environment: what a run must not change in its middle.
      say: is told what people should know.
      model: the folder that the trained model of a run goes to, by its id; None to keep none.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        every: float,
        todo: list[Run],
        environment: Mapping[str, Any],
        say: Callable[[str], None],
        model: Callable[[str], pathlib.Path] | None = None,
    ):
        self.model = model
        self.checkpoints = Checkpoints(folder, say)
        self.every, self.environment, self.say = every, dict(environment), say
        self.todo = {run.id: run for run in todo}
        self.found = self.checkpoints.newest(self._shapes)
        self.saved = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        signals.unsaved.clear()
        self.checkpoints.close()

    def _shapes(self, facts: Facts) -> Shapes | None:
        """What a checkpoint must hold, or None where nobody needs it."""
        runs = [self.todo[name] for name in facts["runs"] if name in self.todo]
        if not runs:
            return None
        if facts["environment"] != self.environment:
            self.say(
                f"the checkpoint of {len(runs)} runs was made on {facts['environment']}, this is "
                f"{self.environment}; they start again"
            )
            return None
        config, step = runs[0].config, facts["step"]
        if not 0 < step <= config.train.steps:
            raise ValueError(f"expected a step of 1 to {config.train.steps}, got {step}")
        return state.shapes(config, len(facts["runs"]), step)

    def begun(self, group: list[Run], together: int) -> tuple[list[Run], Progress | None]:
        if self.found is None:
            return [], None
        arrays, facts = self.found
        ids = {run.id for run in group}
        places = [k for k, name in enumerate(facts["runs"]) if name in ids]
        if not places:
            return [], None
        self.found = None
        if len(places) > together:
            self.say(f"{len(places)} runs were begun on more devices; they start again")
            return [], None
        runs = [self.todo[facts["runs"][k]] for k in places]
        own = {name: array[places] for name, array in arrays.items()}
        begun = Progress.from_arrays(runs[0].config, facts["step"], facts["seconds"], own)
        self.say(f"{len(runs)} run(s) go on from step {begun.step:,}")
        return runs, begun

    def offer(self, batch: list[Run], progress: Progress) -> None:
        signals.unsaved.set()
        asked = signals.asked.is_set()
        if asked or time.monotonic() - self.saved >= self.every:
            facts = {
                "runs": [run.id for run in batch],
                "step": progress.step,
                "seconds": progress.seconds,
                "environment": self.environment,
            }
            self.checkpoints.save(progress.to_arrays(), facts)
            self.saved = time.monotonic()
        if asked:
            self.checkpoints.wait()
            raise signals.StoppedError

    def trained(self, run: Run, params: Any) -> None:
        if self.model is not None and run.purpose == "evaluation":
            saved_models.keep(self.model(run.id), run, params)

    def recorded(self, batch: list[Run]) -> None:
        signals.unsaved.clear()
        if signals.asked.is_set():
            raise signals.StoppedError
