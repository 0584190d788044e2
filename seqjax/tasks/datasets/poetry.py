"""Regulated poems as symbols, and the forms that a row of symbols can have.

    x = form, c c c c c ， c c c c c 。 …           y = c c c c c ， c c c c c 。 … end

The first symbol names the form and is given, so that a form can be asked for; nothing else tells
where a line, a couplet or the poem ends. Marks and the end are symbols like any other; characters
outside the vocabulary are one symbol, ``UNKNOWN``.
"""

import collections
import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from seqjax.data.poems import FINAL, FORMS, MARKS, MIDDLE, Poem

UNKNOWN, END = 0, 1
FORM = {name: 2 + k for k, name in enumerate(FORMS)}
MARK = {mark: 2 + len(FORMS) + k for k, mark in enumerate(MARKS)}
FIRST = 2 + len(FORMS) + len(MARKS)
"""The symbol of the most frequent character."""
LONGEST = max(lines * (size + 1) for lines, size in FORMS.values()) + 1
MOST_LINES, LONGEST_LINE = (max(sizes) for sizes in zip(*FORMS.values(), strict=True))
NOT_SHOWN = "□"
A_CHARACTER, A_MIDDLE, A_FINAL, THE_END = range(4)
"""What can stand at a place: marks are those of the middle and of the end of a couplet."""


@dataclasses.dataclass(frozen=True)
class Script:
    """The characters that have a symbol of their own, the most frequent first.

    Attributes:
      characters: at most ``vocabulary`` of them.
      vocabulary: symbols that are set apart for characters.
    """

    characters: str
    vocabulary: int

    @property
    def size(self) -> int:
        """V, all symbols."""
        return FIRST + self.vocabulary

    @functools.cached_property
    def symbols(self) -> dict[str, int]:
        """The symbol of each character and mark."""
        return MARK | {character: FIRST + k for k, character in enumerate(self.characters)}

    def encoded(self, poem: Poem) -> list[int]:
        """Form, characters and marks, end."""
        text = "".join(line + mark for line, mark in zip(poem.lines, poem.marks, strict=True))
        return [FORM[poem.form], *(self.symbols.get(sign, UNKNOWN) for sign in text), END]

    def shown(self, symbol: int) -> str:
        """A character or mark; □ for what is neither."""
        signs = {number: sign for sign, number in MARK.items()}
        place = symbol - FIRST
        if 0 <= place < len(self.characters):
            return self.characters[place]
        return signs.get(symbol, NOT_SHOWN)

    def allowed(self, form: str, unknown: bool = True) -> np.ndarray:
        """(T, V) booleans: what may stand at each place behind the form's symbol, the end included.

        ``unknown`` is whether characters outside the vocabulary may.
        """
        kinds = np.zeros((4, self.size), bool)
        kinds[A_CHARACTER, FIRST : FIRST + len(self.characters)] = True
        kinds[A_CHARACTER, UNKNOWN] = unknown
        kinds[A_MIDDLE, [MARK[mark] for mark in MIDDLE]] = True
        kinds[A_FINAL, [MARK[mark] for mark in FINAL]] = True
        kinds[THE_END, END] = True
        return kinds[places(form)]


def script_of(poems: Iterable[Poem], vocabulary: int) -> Script:
    """The most frequent characters of some poems, equals in the order of Unicode."""
    counts = collections.Counter(sign for poem in poems for line in poem.lines for sign in line)
    ranked = sorted(counts, key=lambda sign: (-counts[sign], sign))
    return Script("".join(ranked[:vocabulary]), vocabulary)


def places(form: str) -> np.ndarray:
    """What stands at each place: a character, a mark, the end.

    >>> places("4x5")[:12].tolist()
    [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2]
    """
    lines, size = FORMS[form]
    line = [A_CHARACTER] * size
    return np.array([*line, A_MIDDLE, *line, A_FINAL] * (lines // 2) + [THE_END])


def line_places(form: str) -> np.ndarray:
    """Where the characters of each line stand, (MOST_LINES, LONGEST_LINE); -1 for none."""
    lines, size = FORMS[form]
    found = np.full((MOST_LINES, LONGEST_LINE), -1, np.int32)
    first_L1 = np.arange(lines)[:, None] * (size + 1)
    found[:lines, :size] = first_L1 + np.arange(size)
    return found


def passages(line: Sequence) -> list[Sequence]:
    """What counts as copied from a line: the line, and any five characters in a row of it.

    >>> passages("日照香爐生紫煙")
    ['日照香爐生', '照香爐生紫', '香爐生紫煙', '日照香爐生紫煙']
    """
    sizes = sorted({size for _, size in FORMS.values() if size <= len(line)})
    return [line[k : k + size] for size in sizes for k in range(len(line) - size + 1)]


def fingerprints(texts: Iterable[str]) -> np.ndarray:
    """64 bits of BLAKE2 of each text, (N, 2) uint32, in ascending order."""
    found = sorted(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(found), ">u4").astype(np.uint32).reshape(-1, 2)


def among(text: str, passages: np.ndarray) -> bool:
    """Whether the fingerprint of a text is one of these."""
    return bool(np.any(np.all(passages == fingerprints([text]), axis=1)))
