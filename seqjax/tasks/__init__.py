"""The tasks by name. ``TASKS["adding"](length=100)`` is a task.

Imports ``types``, ``models``, ``metrics``, ``data``, ``baselines``.
"""

from seqjax.tasks.base import Batch, DataSetTask, GeneratedTask, Task, digest_of_data
from seqjax.tasks.datasets.agreement_natural import AgreementNatural
from seqjax.tasks.datasets.digits import DigitsPixels, DigitsPixelsPermuted, DigitsRows
from seqjax.tasks.datasets.forecast import Forecast
from seqjax.tasks.datasets.japanese_vowels import JapaneseVowels
from seqjax.tasks.datasets.mnist import (
    FashionRows,
    MnistPixels,
    MnistPixelsPermuted,
    MnistRows,
)
from seqjax.tasks.datasets.music import Jsb, Nottingham
from seqjax.tasks.datasets.poems import Poems
from seqjax.tasks.datasets.translation import Translation
from seqjax.tasks.files.file import File
from seqjax.tasks.streams.arithmetic import Arithmetic
from seqjax.tasks.streams.base import StreamTask
from seqjax.tasks.streams.characters import Characters, UnicodeNames
from seqjax.tasks.streams.reber import Reber
from seqjax.tasks.streams.text import WrittenText
from seqjax.tasks.streams.words import WikiText2
from seqjax.tasks.streams.xml import Xml
from seqjax.tasks.synthetic.adding import Adding, AddingBai
from seqjax.tasks.synthetic.agreement import Agreement
from seqjax.tasks.synthetic.copying import Copying, CopyingBai, VariableCopying
from seqjax.tasks.synthetic.lag_recall import LagRecall
from seqjax.tasks.synthetic.memorization import Memorization
from seqjax.tasks.synthetic.temporal_order import TemporalOrder

GENERATED = (
    Adding,
    AddingBai,
    Agreement,
    Copying,
    CopyingBai,
    VariableCopying,
    LagRecall,
    Memorization,
    TemporalOrder,
)
MNIST = (MnistRows, MnistPixels, MnistPixelsPermuted)
SERIES = (JapaneseVowels, Forecast)
MUSIC = (Jsb, Nottingham)
DATA_SETS = (
    AgreementNatural,
    DigitsRows,
    DigitsPixels,
    DigitsPixelsPermuted,
    *MNIST,
    FashionRows,
    Poems,
    *SERIES,
    *MUSIC,
    Translation,
    File,
)
STREAMS = (Arithmetic, Xml, Reber, Characters, UnicodeNames, WrittenText, WikiText2)
TASKS: dict[str, type[Task]] = {task.name: task for task in GENERATED + DATA_SETS + STREAMS}

__all__ = [
    "TASKS",
    "Batch",
    "DataSetTask",
    "GeneratedTask",
    "StreamTask",
    "Task",
    "digest_of_data",
]
