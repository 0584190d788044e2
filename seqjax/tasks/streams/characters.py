"""Prediction of two fixed texts, character by character."""

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from seqjax.data import texts
from seqjax.tasks.base import PARTS
from seqjax.tasks.streams.base import StreamTask, Text, encoded


def sizes_of(symbols: int) -> dict[str, int]:
    """Return the sizes of the parts: the first 90 % train, 5 % validation, 5 % test."""
    train, validation = symbols * 9 // 10, symbols // 20
    return dict(zip(PARTS, (train, validation, symbols - train - validation), strict=True))


def split(symbols_N: np.ndarray) -> dict[str, Text]:
    """Return the parts of a text in which every character is scored."""
    sizes = sizes_of(len(symbols_N))
    parts = np.split(symbols_N, np.cumsum([*sizes.values()])[:-1])
    return {p: Text(own, np.ones(len(own), bool)) for p, own in zip(sizes, parts, strict=True)}


class _Written(StreamTask):
    """Prediction of the next character of a text in which every character is scored."""

    alphabet: ClassVar[str]

    @staticmethod
    def text() -> str:
        """Return the whole text."""
        raise NotImplementedError

    def read(self) -> dict[str, Text]:
        return _parts(type(self))


@functools.cache
def _parts(task: type[_Written]) -> dict[str, Text]:
    return split(encoded(task.text(), task.alphabet))


@dataclasses.dataclass(frozen=True)
class Characters(_Written):
    """Tiny Shakespeare, 1,115,394 characters of an alphabet of 65 (``seqjax.data.texts``).

    The first 90 % are training data, the next 5 % validation, the last 5 % test. Metrics as in
    ``StreamTask``.
    """

    name = "characters"
    alphabet = texts.SHAKESPEARE_ALPHABET
    inputs = outputs = len(alphabet)
    sizes = sizes_of(texts.SHAKESPEARE_SIZE)
    text = staticmethod(texts.tiny_shakespeare)


@dataclasses.dataclass(frozen=True)
class UnicodeNames(_Written):
    """Names of Unicode characters, 352,132 characters of an alphabet of 39.

    Python includes this text (``seqjax.data.texts``), so it needs no download. It has few English
    words and no prose. The parts are 90, 5 and 5 %; no name is in two parts.
    """

    name = "unicode_names"
    alphabet = texts.NAMES_ALPHABET
    inputs = outputs = len(alphabet)
    sizes = sizes_of(texts.NAMES_SIZE)
    text = staticmethod(texts.unicode_names)
