"""The callbacks by which a sweep is checkpointed and resumed."""

from typing import Any

from seqjax.sweeps.study import Run
from seqjax.training.state import Progress


class Keeper:
    """Who keeps progress. This one keeps none."""

    def begun(self, group: list[Run], together: int) -> tuple[list[Run], Progress | None]:
        """Runs of the group that stand side by side in a progress kept before, and that progress.

        At most ``together`` of them; none where nothing was kept.
        """
        return [], None

    def offer(self, batch: list[Run], progress: Progress) -> None:
        """Called after every chunk. May raise, to stop there."""

    def trained(self, run: Run, params: Any) -> None:
        """Called with what a run ended with, before its record is given out."""

    def recorded(self, batch: list[Run]) -> None:
        """Called when every record of the batch has been taken."""
