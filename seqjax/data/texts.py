"""Written texts, as one string each, and the numbers of their characters.

Two of them, named here, have ASCII characters alone.
"""

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
    """40,000 lines of Shakespeare's plays, 65 different characters.

    Source: A. Karpathy's char-rnn, commit 6f9487a, data/tinyshakespeare/input.txt; the repository
    is under the MIT licence, the plays are in the public domain.

    Raises:
      DataError: the file is missing or damaged.
    """
    path = find("tinyshakespeare/input.txt", exact=True)
    return path.read_text(encoding="ascii")


@functools.cache
def unicode_names() -> str:
    """The names of 12,771 characters, a line each: "greek small letter alpha with tonos".

    All names of Unicode 3.2.0 but those of Chinese characters and Korean syllables, which are
    numbered, in lower case, and in an order drawn once, as neighbours in the standard differ in a
    word. Python keeps this version beside its newest one, and names never change once given, so
    that every Python has the same text.

    Source: unicodedata.ucd_3_2_0 (Unicode, Inc., Unicode Licence).

    Raises:
      DataError: this Python has another text.
    """
    numbered = ("CJK ", "HANGUL SYLLABLE ")
    named = (unicodedata.ucd_3_2_0.name(chr(point), "") for point in range(0x110000))
    lines = [name.lower() for name in named if name and not name.startswith(numbered)]
    if hashlib.sha256("\n".join(lines).encode()).hexdigest() != NAMES:
        raise DataError("unicode_names: this Python has other names for the characters of Unicode")
    order = np.random.RandomState(0).permutation(len(lines))  # the legacy generator, frozen
    return "".join(f"{lines[k]}\n" for k in order)


def written(name: str) -> str:
    """Any UTF-8 text from the folder of data sets, its lines ended as they are in the file.

    Args:
      name: as for ``find``: the data set, a slash, the file.

    Raises:
      DataError: the file is missing or too large, or a line, which is named, is not UTF-8.
    """
    return raw.text(find(name))


class Vocabulary(NamedTuple):
    """Numbers for characters (code points); whatever has none of its own has the last one.

    Attributes:
      symbols: character k has the number k; ``unknown`` follows them.
    """

    symbols: tuple[str, ...]

    @property
    def unknown(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> np.ndarray:
        """(N,) int32, the number of each character."""
        numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        return np.fromiter((numbers.get(sign, self.unknown) for sign in text), np.int32, len(text))

    def decode(self, numbers: np.ndarray) -> str:
        """The characters; � for the unknown."""
        signs = (*self.symbols, "\N{REPLACEMENT CHARACTER}")
        return "".join(signs[number] for number in numbers)


def vocabulary(text: str, most: int) -> Vocabulary:
    """The ``most`` commonest characters of a text, equals in the order of their code points.

    >>> vocabulary("banana!", 2).encode("band").tolist()
    [2, 0, 1, 2]
    """
    counts = collections.Counter(text)
    return Vocabulary(tuple(sorted(counts, key=lambda sign: (-counts[sign], sign))[:most]))
