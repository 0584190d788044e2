"""Texts, and the assignment of symbols to their characters."""

import collections
import functools
import hashlib
import string
import unicodedata
from typing import NamedTuple

import numpy as np

from seqjax.data import raw
from seqjax.data.folder import DataError, find

SHAKESPEARE_SIZE = 1_115_394
SHAKESPEARE_ALPHABET = "\n !$&',-.3:;?" + string.ascii_uppercase + string.ascii_lowercase

NAMES = "bce7e6c885a985ba1e3a0c592ee7578388e298f47a44c4df73fd456a2752e3fe"
NAMES_SIZE = 352_132
NAMES_ALPHABET = "\n -" + string.digits + string.ascii_lowercase


@functools.cache
def tiny_shakespeare() -> str:
    """Return 40,000 lines of Shakespeare's plays, with 65 different characters.

    Source: A. Karpathy's char-rnn, commit 6f9487a, data/tinyshakespeare/input.txt; the repository
    is under the MIT licence, the plays are in the public domain.

    Raises:
      DataError: the file is missing or differs from the published one.
    """
    path = find("tinyshakespeare/input.txt", exact=True)
    return path.read_text(encoding="ascii")


@functools.cache
def unicode_names() -> str:
    """Return the names of 12,771 characters, one per line: "greek small letter alpha with tonos".

    These are the names of Unicode 3.2.0 in lower case, without the numbered names of Chinese
    characters and Korean syllables. Their order is a fixed permutation, because neighbours in the
    standard differ in one word. Every Python includes this version, and names never change.

    Source: unicodedata.ucd_3_2_0 (Unicode, Inc., Unicode Licence).

    Raises:
      DataError: the names of this Python differ.
    """
    numbered = ("CJK ", "HANGUL SYLLABLE ")
    named = (unicodedata.ucd_3_2_0.name(chr(point), "") for point in range(0x110000))
    lines = [name.lower() for name in named if name and not name.startswith(numbered)]
    if hashlib.sha256("\n".join(lines).encode()).hexdigest() != NAMES:
        raise DataError(f"unicode_names: SHA-256 of the names of this Python: expected {NAMES}")
    order = np.random.RandomState(0).permutation(len(lines))  # the legacy generator, frozen
    return "".join(f"{lines[k]}\n" for k in order)


def written(name: str) -> str:
    """Return a UTF-8 text from the folder of data sets, with its line ends unchanged.

    Args:
      name: data set, slash, file.

    Raises:
      DataError: the file is missing or too large, or a line, which is named, is not UTF-8.
    """
    return raw.text(find(name))


class Vocabulary(NamedTuple):
    """Assignment of symbols to characters (code points).

    Attributes:
      symbols: the character with symbol k is ``symbols[k]``.
    """

    symbols: tuple[str, ...]

    @property
    def unknown(self) -> int:
        """Symbol of all other characters."""
        return len(self.symbols)

    def encode(self, text: str) -> np.ndarray:
        """Return (N,) int32, the symbol of each character."""
        numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        return np.fromiter((numbers.get(sign, self.unknown) for sign in text), np.int32, len(text))

    def decode(self, numbers: np.ndarray) -> str:
        """Return the characters of symbols; � for ``unknown``."""
        signs = (*self.symbols, "\N{REPLACEMENT CHARACTER}")
        return "".join(signs[number] for number in numbers)


def vocabulary(text: str, most: int) -> Vocabulary:
    """Return the ``most`` most frequent characters of a text, ties in the order of code points.

    >>> vocabulary("banana!", 2).encode("band").tolist()
    [2, 0, 1, 2]
    """
    counts = collections.Counter(text)
    return Vocabulary(tuple(sorted(counts, key=lambda sign: (-counts[sign], sign))[:most]))
