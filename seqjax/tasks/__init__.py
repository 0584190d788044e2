"""The tasks by name. ``TASKS["adding"](length=100)`` is a task."""

from seqjax.tasks.adding import Adding
from seqjax.tasks.arithmetic import Arithmetic
from seqjax.tasks.base import Batch, DataSetTask, GeneratedTask, Task
from seqjax.tasks.characters import Characters, UnicodeNames
from seqjax.tasks.copying import Copying
from seqjax.tasks.digits import DigitsPixels, DigitsRows
from seqjax.tasks.stream import StreamTask
from seqjax.tasks.temporal_order import TemporalOrder
from seqjax.tasks.xml import Xml

GENERATED = (Adding, Copying, TemporalOrder)
DATA_SETS = (DigitsRows, DigitsPixels)
STREAMS = (Arithmetic, Xml, Characters, UnicodeNames)
TASKS: dict[str, type[Task]] = {task.name: task for task in GENERATED + DATA_SETS + STREAMS}

__all__ = ["TASKS", "Batch", "DataSetTask", "GeneratedTask", "StreamTask", "Task"]
