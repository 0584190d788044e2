"""The tasks by name. ``TASKS["adding"](length=100)`` is a task."""

from seqjax.tasks.adding import Adding
from seqjax.tasks.agreement import Agreement
from seqjax.tasks.agreement_natural import AgreementNatural
from seqjax.tasks.arithmetic import Arithmetic
from seqjax.tasks.base import Batch, DataSetTask, GeneratedTask, Task, digest_of_data
from seqjax.tasks.characters import Characters, UnicodeNames
from seqjax.tasks.copying import Copying
from seqjax.tasks.digits import DigitsPixels, DigitsRows
from seqjax.tasks.forecast import Forecast
from seqjax.tasks.japanese_vowels import JapaneseVowels
from seqjax.tasks.lag_recall import LagRecall
from seqjax.tasks.memorization import Memorization
from seqjax.tasks.mnist import (
    FashionPixels,
    FashionPixelsPermuted,
    FashionRows,
    MnistPixels,
    MnistPixelsPermuted,
    MnistRows,
)
from seqjax.tasks.music import Jsb, Nottingham
from seqjax.tasks.poems import Poems, PoemsFortunes, PoemsThreeHundred
from seqjax.tasks.stream import StreamTask
from seqjax.tasks.temporal_order import TemporalOrder
from seqjax.tasks.text import WrittenText
from seqjax.tasks.translation import Translation
from seqjax.tasks.xml import Xml

GENERATED = (Adding, Agreement, Copying, LagRecall, Memorization, TemporalOrder)
MNIST = (MnistRows, MnistPixels, MnistPixelsPermuted)
FASHION = (FashionRows, FashionPixels, FashionPixelsPermuted)
POEMS = (Poems, PoemsThreeHundred, PoemsFortunes)
SERIES = (JapaneseVowels, Forecast)
MUSIC = (Jsb, Nottingham)
DATA_SETS = (
    AgreementNatural,
    DigitsRows,
    DigitsPixels,
    *MNIST,
    *FASHION,
    *POEMS,
    *SERIES,
    *MUSIC,
    Translation,
)
STREAMS = (Arithmetic, Xml, Characters, UnicodeNames, WrittenText)
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
