"""The tasks by name. ``TASKS["adding"](length=100)`` is a task."""

from seqjax.tasks.adding import Adding
from seqjax.tasks.base import Batch, DataSetTask, GeneratedTask, Task
from seqjax.tasks.copying import Copying
from seqjax.tasks.digits import DigitsPixels, DigitsRows
from seqjax.tasks.temporal_order import TemporalOrder

GENERATED = (Adding, Copying, TemporalOrder)
DATA_SETS = (DigitsRows, DigitsPixels)
TASKS: dict[str, type[Task]] = {task.name: task for task in GENERATED + DATA_SETS}

__all__ = ["TASKS", "Batch", "DataSetTask", "GeneratedTask", "Task"]
