"""Prefixes of natural sentences up to a verb, and the number of that verb.

Source: 7,489 sentences of Wikipedia from T. Linzen, E. Dupoux and Y. Goldberg, "Assessing the
Ability of LSTMs to Learn Syntax-Sensitive Dependencies", TACL 2016, as selected by K. Gulordava et
al., "Colorless green recurrent networks dream hierarchically", NAACL 2018. CC BY-NC 4.0.

A line of ``.text`` is a sentence, with words separated by spaces. A line of ``.gold`` has the index
of the verb, its correct form, its wrong form, and the number of attractors, separated by tabs.
Attractors are nouns between subject and verb that have the other number.
"""

import functools
import pathlib
from typing import NamedTuple

import numpy as np

from seqjax.data import texts
from seqjax.data.folder import find

FILES = (
    "subject_verb_agreement/subj_agr_filtered.text",
    "subject_verb_agreement/subj_agr_filtered.gold",
)
UNDECIDED = 4
"""Excluded lines, whose two forms do not determine the number: wherein, lie, edit, en."""
PARTS = {"train": 5000, "validation": 489 - UNDECIDED, "test": 2000}
VOCABULARY = 1000
UNKNOWN = 0
"""Symbol of words outside the vocabulary and of padding."""
MOST_ATTRACTORS = 4
SINGULAR = {"are": "is", "were": "was", "have": "has"}


class Prefixes(NamedTuple):
    """Sentences up to their verb.

    Attributes:
      words: (n, T) int32, ``UNKNOWN`` or the rank of a frequent word, from 1.
      lengths: (n,) int32, number of words, 1 … T.
      classes: (n,) int32, 0 singular and 1 plural.
      attractors: (n,) int32, 0 … MOST_ATTRACTORS.
    """

    words: np.ndarray
    lengths: np.ndarray
    classes: np.ndarray
    attractors: np.ndarray


class Line(NamedTuple):
    """The words of a sentence before its verb; ``plural`` is None if the forms do not show it."""

    words: list[str]
    plural: bool | None
    attractors: int


def agreement() -> dict[str, Prefixes]:
    """Return the prefixes of each of ``PARTS``.

    The split is fixed: the lines with a number are permuted by NumPy's legacy generator with seed 0
    and cut. The vocabulary is the ``VOCABULARY`` most frequent words of the training prefixes, with
    ties in alphabetical order.

    Raises:
      DataError: a file is missing or differs from the published one.
    """
    return _read(*(find(name, exact=True) for name in FILES))


@functools.cache
def _read(text: pathlib.Path, gold: pathlib.Path) -> dict[str, Prefixes]:
    rows = (path.read_text("utf-8").removesuffix("\n").split("\n") for path in (text, gold))
    every = (_line(*pair) for pair in zip(*rows, strict=True))
    lines = [line for line in every if line.plural is not None]
    order = np.random.RandomState(0).permutation(len(lines))  # its stream is frozen
    ends = np.cumsum(list(PARTS.values()))
    chosen = dict(zip(PARTS, np.split(order, ends[:-1]), strict=True))
    words = (word for n in chosen["train"] for word in lines[n].words)
    frequent = texts.frequent(words, VOCABULARY)
    ranks = {word: rank for rank, word in enumerate(frequent, start=1)}
    longest = max(len(line.words) for line in lines)
    return {part: _as_arrays([lines[n] for n in chosen[part]], ranks, longest) for part in PARTS}


def _as_arrays(lines: list[Line], ranks: dict[str, int], longest: int) -> Prefixes:
    words = np.full((len(lines), longest), UNKNOWN, np.int32)
    for row, line in zip(words, lines, strict=True):
        row[: len(line.words)] = [ranks.get(word, UNKNOWN) for word in line.words]
    rest = [(len(line.words), line.plural, line.attractors) for line in lines]
    return Prefixes(words, *np.array(rest, np.int32).T)


def _line(sentence: str, answer: str) -> Line:
    """Return a line of both files, whose checksums ``find`` has verified."""
    verb, right, wrong, attractors = answer.split("\t")
    return Line(sentence.split(" ")[: int(verb)], is_plural(right, wrong), int(attractors))


def is_plural(right: str, wrong: str) -> bool | None:
    """Return True if the correct form of a verb is the plural, None if the forms do not show it.

    The singular adds -s or -es to the plural, replaces -y by -ies, or is one of is, was, has.

    >>> is_plural("are", "is"), is_plural("carries", "carry"), is_plural("passes", "pass")
    (True, False, False)
    """
    right, wrong = right.lower(), wrong.lower()
    if _is_singular_of(wrong, right):
        return True
    return False if _is_singular_of(right, wrong) else None


def _is_singular_of(form: str, plural: str) -> bool:
    singulars = {plural + "s", plural + "es", SINGULAR.get(plural)}
    if plural.endswith("y"):
        singulars.add(plural[:-1] + "ies")
    return form in singulars
