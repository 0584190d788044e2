"""Written texts, character by character."""

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from seqjax.data import texts
from seqjax.tasks.base import PARTS
from seqjax.tasks.streams.base import StreamTask, Text, encoded


def sizes_of(symbols: int) -> dict[str, int]:
    """The first 90 % train, the next 5 % are for validation, the last 5 % for the test."""
    train, validation = symbols * 9 // 10, symbols // 20
    return dict(
        zip(("train", *PARTS), (train, validation, symbols - train - validation), strict=True)
    )


class _Written(StreamTask):
    """The next character of a text, of which every character is scored."""

    alphabet: ClassVar[str]

    @staticmethod
    def text() -> str:
        """All of it."""
        raise NotImplementedError

    def read(self):
        return _parts(type(self))


@functools.cache
def _parts(task: type[_Written]) -> dict[str, Text]:
    symbols_N = encoded(task.text(), task.alphabet)
    parts = np.split(symbols_N, np.cumsum([*task.sizes.values()])[:-1])
    made = (Text(part, np.ones(len(part), bool)) for part in parts)
    return dict(zip(task.sizes, made, strict=True))


@dataclasses.dataclass(frozen=True)
class Characters(_Written):
    """Tiny Shakespeare, 1,115,394 characters of 65 kinds, read from the folder of data sets.

    The first 90 % are for training, the next 5 % for validation, the last 5 % for the test.
    """

    name = "characters"
    alphabet = texts.SHAKESPEARE_ALPHABET
    inputs = outputs = len(alphabet)
    sizes = sizes_of(texts.SHAKESPEARE_SIZE)
    text = staticmethod(texts.tiny_shakespeare)


@dataclasses.dataclass(frozen=True)
class UnicodeNames(_Written):
    """Names of characters, a line each, 352,132 characters of 39 kinds, which Python brings along.

    A text for machines without Tiny Shakespeare: English words, few and repeated, but no prose. The
    parts are 90, 5 and 5 %; a name stands in one of them.
    """

    name = "unicode_names"
    alphabet = texts.NAMES_ALPHABET
    inputs = outputs = len(alphabet)
    sizes = sizes_of(texts.NAMES_SIZE)
    text = staticmethod(texts.unicode_names)
