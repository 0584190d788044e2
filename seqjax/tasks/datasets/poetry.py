"""Regulated poems as sequences of symbols.

    x = form, c c c c c ， c c c c c 。 …           y = c c c c c ， c c c c c 。 … end

The first symbol is the form; it is an input only, so a form can be requested. No other input marks
the ends of lines, couplets and the poem. Punctuation marks and the end are symbols; characters
outside the vocabulary share the symbol ``UNKNOWN``.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from seqjax.data import texts
from seqjax.data.poems import FINAL, FORMS, MARKS, MIDDLE, Poem

UNKNOWN, END = 0, 1
FORM = {name: 2 + k for k, name in enumerate(FORMS)}
MARK = {mark: 2 + len(FORMS) + k for k, mark in enumerate(MARKS)}
FIRST = 2 + len(FORMS) + len(MARKS)
"""Symbol of the most frequent character."""
LONGEST = max(lines * (size + 1) for lines, size in FORMS.values()) + 1
MOST_LINES, LONGEST_LINE = (max(sizes) for sizes in zip(*FORMS.values(), strict=True))
NO_CHARACTER = "□"
A_CHARACTER, A_MIDDLE, A_FINAL, THE_END = range(4)
"""Kinds of positions: a character, a mark within or at the end of a couplet, the end."""


@dataclasses.dataclass(frozen=True)
class Script:
    """Assignment of symbols to characters.

    Attributes:
      characters: characters with a symbol, the most frequent first; at most ``vocabulary``.
      vocabulary: number of symbols reserved for characters.
    """

    characters: str
    vocabulary: int

    @property
    def size(self) -> int:
        """Number of symbols, V."""
        return FIRST + self.vocabulary

    @functools.cached_property
    def symbols(self) -> dict[str, int]:
        """Symbol of each character and mark."""
        return MARK | {character: FIRST + k for k, character in enumerate(self.characters)}

    def encoded(self, poem: Poem) -> list[int]:
        """Return the symbols of a poem: form, characters and marks, end."""
        text = "".join(line + mark for line, mark in zip(poem.lines, poem.marks, strict=True))
        return [FORM[poem.form], *(self.symbols.get(sign, UNKNOWN) for sign in text), END]

    def decoded(self, symbol: int) -> str:
        """Return the character or mark of a symbol; □ for any other symbol."""
        signs = {number: sign for sign, number in MARK.items()}
        place = symbol - FIRST
        if 0 <= place < len(self.characters):
            return self.characters[place]
        return signs.get(symbol, NO_CHARACTER)

    def allowed(self, form: str, unknown: bool = True) -> np.ndarray:
        """Return (T, V) booleans: the symbols allowed at each step after the form's symbol.

        Args:
          form: key of ``FORMS``.
          unknown: allow ``UNKNOWN`` in place of a character.
        """
        kinds = np.zeros((4, self.size), bool)
        kinds[A_CHARACTER, FIRST : FIRST + len(self.characters)] = True
        kinds[A_CHARACTER, UNKNOWN] = unknown
        kinds[A_MIDDLE, [MARK[mark] for mark in MIDDLE]] = True
        kinds[A_FINAL, [MARK[mark] for mark in FINAL]] = True
        kinds[THE_END, END] = True
        return kinds[places(form)]


def script_of(poems: Iterable[Poem], vocabulary: int) -> Script:
    """Return the script of the most frequent characters of poems, ties in the order of Unicode."""
    signs = (sign for poem in poems for line in poem.lines for sign in line)
    return Script("".join(texts.frequent(signs, vocabulary)), vocabulary)


def places(form: str) -> np.ndarray:
    """Return the kind of each position of a poem, (T,).

    >>> places("4x5")[:12].tolist()
    [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2]
    """
    lines, size = FORMS[form]
    line = [A_CHARACTER] * size
    return np.array([*line, A_MIDDLE, *line, A_FINAL] * (lines // 2) + [THE_END])


def line_places(form: str) -> np.ndarray:
    """Return the positions of each line's characters, (MOST_LINES, LONGEST_LINE); -1 for none."""
    lines, size = FORMS[form]
    found = np.full((MOST_LINES, LONGEST_LINE), -1, np.int32)
    first_L1 = np.arange(lines)[:, None] * (size + 1)
    found[:lines, :size] = first_L1 + np.arange(size)
    return found


def passages(line: Sequence) -> list[Sequence]:
    """Return the passages that count as copied: the line and its runs of 5 characters.

    >>> passages("日照香爐生紫煙")
    ['日照香爐生', '照香爐生紫', '香爐生紫煙', '日照香爐生紫煙']
    """
    sizes = sorted({size for _, size in FORMS.values() if size <= len(line)})
    return [line[k : k + size] for size in sizes for k in range(len(line) - size + 1)]


def fingerprints(texts: Iterable[str]) -> np.ndarray:
    """Return (N, 2) uint32, the sorted 64-bit BLAKE2 hashes of texts."""
    found = sorted(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(found), ">u4").astype(np.uint32).reshape(-1, 2)


def among(text: str, passages: np.ndarray) -> bool:
    """Return True if the fingerprint of a text is one of ``passages``."""
    return bool(np.any(np.all(passages == fingerprints([text]), axis=1)))
