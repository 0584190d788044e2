"""English messages of free programs and their French translations, from two packages' catalogues.

Source: Django 5.2.19, (c) Django Software Foundation and individual contributors, and
jupyterlab-language-pack-fr-FR 4.5.post3, (c) Project Jupyter Contributors; both BSD 3-Clause. They
are the extra "data" of pyproject.toml. Nothing of them is imported: their files are read.
"""

import functools
import hashlib
import pathlib
import string
import warnings
from collections.abc import Iterable, Iterator

import numpy as np

from seqjax.data import raw
from seqjax.data.folder import DataError, DataWarning, installed

PACKAGES = {
    "django": ("django==5.2.19", "fr"),
    "jupyterlab_language_pack_fr_FR": ("jupyterlab-language-pack-fr-FR==4.5.post3", "fr_FR"),
}
"""Requirement, and name of the language, by the module whose folder holds the catalogues."""
KNOWN = "66c584a21637da9ff1a69e73b9e7607bcf82059c2def9bed46d5f4e1d66ce3e2"
"""SHA-256 of the pairs in these versions."""
LONGEST = 60
ALPHABET = (
    " "
    + string.ascii_letters
    + string.digits
    + string.punctuation
    + "ÀÂÇÈÉÊËÎÏÔÙÛŒàâçèéêëîïôùûüœ«»’“”…"
)
PARTS = {"train": 2603, "validation": 331, "test": 353}
"""Pairs in these versions."""

_MAGIC = 0x950412DE
_SPACES = str.maketrans({"\xa0": " ", "\u202f": " "})

Pair = tuple[str, str]


@functools.cache
def messages() -> dict[str, list[Pair]]:
    """(English, French) for each of ``PARTS``: about 80, 10 and 10 % of some 3,300 pairs.

    Messages of 1 to 60 characters that ``ALPHABET`` has, on both sides; places to fill in, such as
    %(name)s, stand as they are, no-break spaces are spaces, and the two forms of a plural are two
    messages. Of messages that differ in case alone the first counts. The part is decided by the
    English text, so that none is in two parts, and another version of a package moves none.

    Raises:
      DataError: a package is not installed, or a catalogue is damaged.
    """
    pairs = usable(pair for path in catalogues() for pair in catalogue(path))
    found = hashlib.sha256("\n".join(f"{a}\t{b}" for a, b in pairs).encode()).hexdigest()
    if found != KNOWN:
        said = " and ".join(requirement for requirement, _ in PACKAGES.values())
        warnings.warn(
            f"the messages are not those of {said}: their SHA-256 is {found}",
            DataWarning,
            stacklevel=2,
        )
    parts = {part: [] for part in PARTS}
    for pair in pairs:
        parts[part_of(pair[0])].append(pair)
    return parts


def catalogues() -> list[pathlib.Path]:
    """The catalogues of all packages, in the order of packages and names."""
    found = []
    for module, (requirement, language) in PACKAGES.items():
        folder = installed(module)
        if folder is None:
            raise DataError(f"{module}: not installed: pip install {requirement}")
        found += sorted(folder.rglob(f"locale/{language}/LC_MESSAGES/*.mo"))
    return found


def catalogue(path: pathlib.Path) -> Iterator[Pair]:
    """The messages of a compiled catalogue of GNU gettext (.mo) and their translations.

    Context is left out. Of a plural come the forms for one and for many.

    Raises:
      DataError: it is no such file, or damaged.
    """
    content = raw.content(path)
    try:
        for source, target in _entries(content):
            sources = source.decode("utf-8").rpartition("\4")[2].split("\0")
            targets = target.decode("utf-8").split("\0")
            yield from zip(sources, (targets[0], targets[-1]), strict=False)
    except ValueError as error:
        raise DataError(f"{path}: not a catalogue of GNU gettext: {error}") from None


def _entries(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each message and its translation, but the header, which translates the empty message."""
    if len(content) < 20:
        raise ValueError("it ends in its head")
    order = "<" if int.from_bytes(content[:4], "little") == _MAGIC else ">"
    magic, revision, count, *tables = np.frombuffer(content, f"{order}u4", 5).tolist()
    if magic != _MAGIC or revision >> 16:
        raise ValueError("another format")
    columns = []
    for start in tables:
        if start + 8 * count > len(content):
            raise ValueError(f"it ends before its {count:,} messages")
        places = np.frombuffer(content, f"{order}u4", 2 * count, start).reshape(-1, 2).tolist()
        if any(first + length > len(content) for length, first in places):
            raise ValueError("a message lies beyond its end")
        columns.append([content[first : first + length] for length, first in places])
    return ((source, target) for source, target in zip(*columns, strict=True) if source)


def usable(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that ``messages`` keeps, in their order."""
    kept = {}
    for pair in pairs:
        source, target = (text.translate(_SPACES).strip() for text in pair)
        fits = all(0 < len(t) <= LONGEST and not set(t) - set(ALPHABET) for t in (source, target))
        if fits:
            kept.setdefault(source.casefold(), (source, target))
    return list(kept.values())


def part_of(source: str) -> str:
    """The part of a message: one tenth each is for validation and test."""
    tenth = int.from_bytes(hashlib.sha256(source.casefold().encode()).digest()[:8], "big") % 10
    return {0: "test", 1: "validation"}.get(tenth, "train")
