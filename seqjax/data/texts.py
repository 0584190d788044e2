"""Written texts, as one string each; the two that are named here have ASCII characters alone."""

import functools
import hashlib
import string
import unicodedata

import numpy as np

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


def written(name: str) -> str:
    """A text in UTF-8 from the folder of data sets; lines end as they do in the file.

    Raises:
      DataError: the file is missing, too large, or not UTF-8.
    """
    path = find(name)
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: {path} is not UTF-8: byte {error.start:,}") from None


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
