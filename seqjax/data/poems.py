"""Regulated poems of the Tang: four or eight lines of five or seven characters.

Read are the JSON files of github.com/chinese-poetry/chinese-poetry (commit 99ebbef; MIT, the poems
are in the public domain; traditional script), lists of objects with "author", "title" and
"paragraphs", and ``tang300`` of Debian's package fortunes-zh (GPL-3+; simplified script): poems
between lines of %, each with a line 《title》 and one 作者：author, in colours.
"""

import collections
import functools
import hashlib
import pathlib
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from seqjax.data import files, raw
from seqjax.data.folder import DataError, DataWarning, find, folder
from seqjax.data.releases import RELEASES, File

FORMS = {"4x5": (4, 5), "4x7": (4, 7), "8x5": (8, 5), "8x7": (8, 7)}
"""Lines and characters a line, by name."""
MIDDLE, FINAL = "，？！；、", "。？！；"
"""What may stand behind the first and the second line of a couplet."""
MARKS = "".join(dict.fromkeys(MIDDLE + FINAL))
PARTS = ("train", "validation", "test")
HELD_OUT = {0: "test", 1: "validation"}
EVERY = 20
TANG300 = File(
    "fortunes_zh/tang300", 88927, "b69cab0cb84c49dc1808d95aea7156c8911a7022ec630e194eecf360b78feff5"
)
"""Of fortunes-zh 2.98."""
DEBIAN = pathlib.Path("/usr/share/games/fortunes/tang300")
"""Where that package has it."""

TANG = re.compile(r"poet\.tang\.([0-9]{1,9})\.json")
HAN = r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
SOUND = re.compile(f"(?:{HAN}|[{MARKS}：\\s])*")
REGULATED = re.compile(
    "|".join(
        f"(?:{HAN}{{{size}}}[{MIDDLE}]{HAN}{{{size}}}[{FINAL}]){{{count // 2}}}"
        for count, size in FORMS.values()
    )
)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
HALF_WIDTH = str.maketrans(",?!;", "，？！；")


class Poem(NamedTuple):
    """A regulated poem: its lines without marks, and the mark behind each."""

    lines: tuple[str, ...]
    marks: str

    @property
    def form(self) -> str:
        return f"{len(self.lines)}x{len(self.lines[0])}"

    @property
    def couplets(self) -> list[str]:
        return ["".join(self.lines[k : k + 2]) for k in range(0, len(self.lines), 2)]


class Collection(NamedTuple):
    """Poems of each of ``PARTS``, and how many were left out for each reason, of how many read."""

    parts: dict[str, list[Poem]]
    left_out: dict[str, int]
    read: int


def is_written(sign: str) -> bool:
    """Whether a sign is a Chinese character.

    >>> is_written("月"), is_written("。"), is_written("a")
    (True, False, False)
    """
    return bool(re.fullmatch(HAN, sign))


def tang() -> tuple[pathlib.Path, ...]:
    """All ``poet.tang.*.json`` in the folder ``tang_poems``, in numerical order.

    18 of the 58 published files are a known release; whichever are there are used, and a warning
    names those of the release that are not.

    Raises:
      DataError: there is none, or one cannot be read.
    """
    place = folder() / "tang_poems"
    names = _numbered(path.name for path in place.glob("poet.tang.*.json"))
    known = _numbered(file.name for file in RELEASES["tang_poems"].files)
    if names and (missing := [str(number) for number in known if number not in names]):
        warnings.warn(
            f"{place}: {len(missing)} of the {len(known)} files of the known release are missing: "
            f"poet.tang.N.json for N = {', '.join(missing)}; "
            "python -m experiments.data get tang_poems fetches them",
            DataWarning,
            stacklevel=2,
        )
    return tuple(find(f"tang_poems/{name}") for name in names.values() or ["poet.tang.0.json"])


def _numbered(names: Iterable[str]) -> dict[int, str]:
    """Those that are files of Tang poems, in the order of their numbers."""
    found = filter(None, map(TANG.fullmatch, names))
    return dict(sorted((int(match[1]), match[0]) for match in found))


def three_hundred() -> tuple[pathlib.Path, ...]:
    """The anthology of three hundred poems, ``tang_poems/唐诗三百首.json``."""
    return (find("tang_poems/唐诗三百首.json"),)


def fortunes() -> tuple[pathlib.Path, ...]:
    """The same anthology in simplified script, ``fortunes_zh/tang300`` or where Debian has it."""
    try:
        return (find(TANG300.name, also=DEBIAN, known=TANG300),)
    except DataError as error:
        raise DataError(f"{error}; Debian's package fortunes-zh brings {DEBIAN}") from None


@functools.cache
def collected(paths: tuple[pathlib.Path, ...]) -> Collection:
    """The poems in these files, ``sorted_out``.

    Raises:
      DataError: a file is not what its name says.
    """
    return sorted_out(text for path in paths for text in _texts(path))


def sorted_out(texts: Iterable[str]) -> Collection:
    """Texts as poems in parts.

    Left out is what is no text ("empty"), has signs that no poem has, such as □, brackets, digits
    and letters ("damaged"), is no regulated poem ("form"), or has the same characters as one before
    it ("duplicate"). A poem belongs to the test, to validation or to training by a checksum of its
    characters, 5, 5 and 90 % of them, so that more files move no poem from part to part. Then the
    poems of training that share a couplet with one that is held out, and those of validation that
    share one with the test, are left out too ("shared couplet"): a poem in other words or cut from
    another. Single lines may still occur in several parts.
    """
    left_out, parts = collections.Counter(), {part: [] for part in PARTS}
    seen, read = set(), 0
    for text in texts:
        read += 1
        poem = _poem(text)
        if isinstance(poem, str):
            left_out[poem] += 1
        elif (characters := "".join(poem.lines)) in seen:
            left_out["duplicate"] += 1
        else:
            seen.add(characters)
            digest = int(hashlib.sha256(characters.encode()).hexdigest(), 16)
            parts[HELD_OUT.get(digest % EVERY, "train")].append(poem)
    held = set()
    for part in reversed(PARTS):
        kept = [poem for poem in parts[part] if held.isdisjoint(poem.couplets)]
        left_out["shared couplet"] += len(parts[part]) - len(kept)
        parts[part] = kept
        held.update(couplet for poem in kept for couplet in poem.couplets)
    return Collection(parts, dict(left_out), read)


def _poem(text: str) -> Poem | str:
    """The poem, or why there is none."""
    text = "".join(unicodedata.normalize("NFC", text).translate(HALF_WIDTH).split())
    if not text:
        return "empty"
    if not SOUND.fullmatch(text):
        return "damaged"
    if not REGULATED.fullmatch(text):
        return "form"
    pieces = re.split(f"([{MARKS}])", text)
    return Poem(tuple(pieces[:-1:2]), "".join(pieces[1::2]))


def _texts(path: pathlib.Path) -> Iterator[str]:
    """Every text of a file.

    Raises:
      DataError: the file is not what its name says.
    """
    return _of_json(path) if path.suffix == ".json" else _of_fortunes(path)


def _of_json(path: pathlib.Path) -> Iterator[str]:
    poems = raw.of_json(path)
    if not isinstance(poems, list):
        raise DataError(f"{path}: expected a list of poems, got {type(poems).__name__}")
    for number, poem in enumerate(poems):
        lines = poem.get("paragraphs") if isinstance(poem, dict) else None
        if not _is_text(lines):
            raise DataError(f"{path}: poem {number}: expected paragraphs, a list of strings")
        yield "".join(lines)


def _is_text(lines: Any) -> bool:
    return isinstance(lines, list) and all(isinstance(line, str) for line in lines)


def _of_fortunes(path: pathlib.Path) -> Iterator[str]:
    found = raw.content(path)
    for encoding in ("utf-8", "gb18030"):
        try:
            text = found.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise DataError(f"{path}: neither UTF-8 nor GB 18030")
    text = COLOUR.sub("", text)
    for poem in re.split(r"^%\n", text.removesuffix("%\n"), flags=re.MULTILINE):
        head, *rest = poem.split("\n")
        if not (head.startswith("《") and rest and rest[0].startswith("作者：")):
            place = files.printable(head[:20])
            raise DataError(
                f"{path}: expected lines 《…》 and 作者：… before a poem, got {place!r}"
            )
        yield "".join(rest[1:])
