"""Regulated poems of the Tang: four or eight lines of five or seven characters.

The JSON files of github.com/chinese-poetry/chinese-poetry (commit 99ebbef; MIT, the poems are in
the public domain; traditional script) are lists of objects whose "paragraphs" are lists of strings.
"""

import collections
import functools
import hashlib
import json
import pathlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from seqjax.data.folder import find
from seqjax.data.releases import RELEASES

FORMS = {"4x5": (4, 5), "4x7": (4, 7), "8x5": (8, 5), "8x7": (8, 7)}
"""Lines and characters per line of each form."""
MIDDLE, FINAL = "，？！；、", "。？！；"
"""Marks that may follow the first and the second line of a couplet."""
MARKS = "".join(dict.fromkeys(MIDDLE + FINAL))
PARTS = ("train", "validation", "test")
HELD_OUT = {0: "test", 1: "validation"}
EVERY = 20

HAN = r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
UNDAMAGED = re.compile(f"(?:{HAN}|[{MARKS}：\\s])*")
REGULATED = re.compile(
    "|".join(
        f"(?:{HAN}{{{size}}}[{MIDDLE}]{HAN}{{{size}}}[{FINAL}]){{{count // 2}}}"
        for count, size in FORMS.values()
    )
)
HALF_WIDTH = str.maketrans(",?!;", "，？！；")


class Poem(NamedTuple):
    """A regulated poem: its lines without marks, and the mark after each line."""

    lines: tuple[str, ...]
    marks: str

    @property
    def form(self) -> str:
        """Key of ``FORMS``."""
        return f"{len(self.lines)}x{len(self.lines[0])}"

    @property
    def couplets(self) -> list[str]:
        """Consecutive pairs of lines, each pair as one string."""
        return ["".join(self.lines[k : k + 2]) for k in range(0, len(self.lines), 2)]


class Collection(NamedTuple):
    """Poems of each of ``PARTS``, the number excluded for each reason, and the number of texts."""

    parts: dict[str, list[Poem]]
    excluded: dict[str, int]
    texts: int


def is_han(sign: str) -> bool:
    """Return True for a Chinese character.

    >>> is_han("月"), is_han("。"), is_han("a")
    (True, False, False)
    """
    return bool(re.fullmatch(HAN, sign))


def tang() -> tuple[pathlib.Path, ...]:
    """Return the paths of the released files, in the order of their numbers.

    Raises:
      DataError: a file is missing or differs from the published one.
    """
    return tuple(
        find(f"tang_poems/{file.name}", exact=True) for file in RELEASES["tang_poems"].files
    )


@functools.cache
def collected(paths: tuple[pathlib.Path, ...]) -> Collection:
    """Return the poems of these files, selected and split by ``select``."""
    return select(text for path in paths for text in _texts(path))


def select(texts: Iterable[str]) -> Collection:
    """Parse, filter and split texts.

    A text is excluded as "empty"; as "damaged" if it has characters that no poem has, such as □,
    brackets, digits and letters; as "form" if it is not a regulated poem; and as "duplicate" if an
    earlier poem has the same characters.

    A hash of the characters assigns 5 % of the poems to the test, 5 % to validation and 90 % to
    training, so additional files move no poem between parts. Training poems that share a couplet
    with a held-out poem, and validation poems that share one with a test poem, are excluded as
    "shared couplet": they are the same poem in other words or an excerpt. Single lines may occur in
    several parts.
    """
    excluded: collections.Counter[str] = collections.Counter()
    parts: dict[str, list[Poem]] = {part: [] for part in PARTS}
    seen, count = set(), 0
    for text in texts:
        count += 1
        poem = _parse(text)
        if isinstance(poem, str):
            excluded[poem] += 1
        elif (characters := "".join(poem.lines)) in seen:
            excluded["duplicate"] += 1
        else:
            seen.add(characters)
            digest = int(hashlib.sha256(characters.encode()).hexdigest(), 16)
            parts[HELD_OUT.get(digest % EVERY, "train")].append(poem)
    held_out: set[str] = set()
    for part in reversed(PARTS):
        separate = [poem for poem in parts[part] if held_out.isdisjoint(poem.couplets)]
        excluded["shared couplet"] += len(parts[part]) - len(separate)
        parts[part] = separate
        held_out.update(couplet for poem in separate for couplet in poem.couplets)
    return Collection(parts, dict(excluded), count)


def _parse(text: str) -> Poem | str:
    """Return the poem, or the reason for its exclusion."""
    text = "".join(unicodedata.normalize("NFC", text).translate(HALF_WIDTH).split())
    if not text:
        return "empty"
    if not UNDAMAGED.fullmatch(text):
        return "damaged"
    if not REGULATED.fullmatch(text):
        return "form"
    pieces = re.split(f"([{MARKS}])", text)
    return Poem(tuple(pieces[:-1:2]), "".join(pieces[1::2]))


def _texts(path: pathlib.Path) -> Iterator[str]:
    """Yield the text of each poem of a file."""
    for poem in json.loads(path.read_text("utf-8")):
        yield "".join(poem["paragraphs"])
