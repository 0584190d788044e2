"""Texts, and the assignment of symbols to their characters."""

import collections
import functools
import hashlib
import string
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

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
    characters and Korean syllables. They are in a fixed random order, because neighbours in the
    standard differ in one word. Every Python includes this version of Unicode, and names never
    change.

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
      DataError: the file is missing, too large, or not UTF-8; the message names the line.
    """
    path = find(name)
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = 1 + content.count(b"\n", 0, error.start)
        raise DataError(f"{path}:{number}: expected UTF-8") from None


def frequent(items: Iterable[str], most: int) -> list[str]:
    """Return the ``most`` most frequent characters or words; ties are in code point order.

    >>> frequent("banana!", 2)
    ['a', 'n']
    """
    counts = collections.Counter(items)
    return sorted(counts, key=lambda item: (-counts[item], item))[:most]


def encode(text: str, characters: Sequence[str]) -> np.ndarray:
    """Return each character's index in ``characters``, (N,) int32; len(characters) if it is absent.

    >>> encode("band", "an").tolist()
    [2, 0, 1, 2]
    """
    numbers = {sign: number for number, sign in enumerate(characters)}
    return np.fromiter((numbers.get(sign, len(numbers)) for sign in text), np.int32, len(text))
