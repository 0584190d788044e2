"""Natural sentences up to a verb, and whether that verb is singular or plural.

Source: 7,489 sentences of Wikipedia from T. Linzen, E. Dupoux and Y. Goldberg, "Assessing the
Ability of LSTMs to Learn Syntax-Sensitive Dependencies", TACL 2016, as selected by K. Gulordava et
al., "Colorless green recurrent networks dream hierarchically", NAACL 2018. CC BY-NC 4.0.

``.text`` has a sentence a line, its words separated by spaces; ``.gold`` has, separated by tabs,
the verb's place counted from 0, its right form, its wrong form, and the number of attractors:
nouns between subject and verb that have the other number.
"""

import collections
import functools
import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from seqjax.data import raw
from seqjax.data.folder import DataError, find

FILES = (
    "subject_verb_agreement/subj_agr_filtered.text",
    "subject_verb_agreement/subj_agr_filtered.gold",
)
UNDECIDED = 4
"""Lines whose two forms do not tell the number: wherein, lie, edit, en. They are left out."""
PARTS = {"train": 5000, "validation": 489 - UNDECIDED, "test": 2000}
VOCABULARY = 1000
UNKNOWN = 0
"""The symbol of words outside the vocabulary, and of what stands after the last word."""
MOST_ATTRACTORS = 4
MOST_WORDS = 64
ANSWER = re.compile(r"([0-9]{1,9})\t([^\t]+)\t([^\t]+)\t([0-9]{1,9})")
SINGULAR = {"are": "is", "were": "was", "have": "has"}


class Prefixes(NamedTuple):
    """Sentences up to their verb.

    Attributes:
      words: (n, T) int32, ``UNKNOWN`` or a rank among the frequent words, from 1.
      lengths: (n,) int32, 1 … T words.
      classes: (n,) int32, 0 singular and 1 plural.
      attractors: (n,) int32, 0 … MOST_ATTRACTORS.
    """

    words: np.ndarray
    lengths: np.ndarray
    classes: np.ndarray
    attractors: np.ndarray


class Line(NamedTuple):
    """A sentence up to its verb, as read; ``plural`` is None where the forms do not tell."""

    words: list[str]
    plural: bool | None
    attractors: int


def agreement() -> dict[str, Prefixes]:
    """The prefixes of each of ``PARTS``.

    The split is fixed: the lines that have a number, in their order, permuted by NumPy's legacy
    generator at seed 0, then cut. The vocabulary is the ``VOCABULARY`` most frequent words of the
    training prefixes, equals in alphabetical order.

    Raises:
      DataError: a file is missing or damaged, or a line is not what it should be.
    """
    return _read(*(find(name, exact=True) for name in FILES))


@functools.cache
def _read(text: pathlib.Path, gold: pathlib.Path) -> dict[str, Prefixes]:
    lines = [line for line in _lines(text, gold) if line.plural is not None]
    if len(lines) != sum(PARTS.values()):
        said = f"{len(lines)} lines tell a number, expected {sum(PARTS.values())}"
        raise DataError(f"{gold}: {said}")
    order = np.random.RandomState(0).permutation(len(lines))  # its stream is frozen
    ends = np.cumsum(list(PARTS.values()))
    chosen = dict(zip(PARTS, np.split(order, ends[:-1]), strict=True))
    counts = collections.Counter(word for n in chosen["train"] for word in lines[n].words)
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:VOCABULARY]
    ranks = {word: rank for rank, word in enumerate(frequent, start=1)}
    longest = max(len(line.words) for line in lines)
    return {part: _as_arrays([lines[n] for n in chosen[part]], ranks, longest) for part in PARTS}


def _as_arrays(lines: list[Line], ranks: dict[str, int], longest: int) -> Prefixes:
    words = np.full((len(lines), longest), UNKNOWN, np.int32)
    for row, line in zip(words, lines, strict=True):
        row[: len(line.words)] = [ranks.get(word, UNKNOWN) for word in line.words]
    rest = [(len(line.words), line.plural, line.attractors) for line in lines]
    return Prefixes(words, *np.array(rest, np.int32).T)


def _lines(text: pathlib.Path, gold: pathlib.Path) -> Iterator[Line]:
    """Every line of both files together.

    Raises:
      DataError: naming the first line that does not fit.
    """
    sentences, answers = raw.lines(text), raw.lines(gold)
    if len(sentences) != len(answers):
        said = f"{len(answers)} lines for the {len(sentences)} of {text.name}"
        raise DataError(f"{gold}: {said}")
    for number, (sentence, answer) in enumerate(zip(sentences, answers, strict=True), start=1):
        where, words = f"{gold}:{number}", sentence.split(" ")
        fields = ANSWER.fullmatch(answer)
        if not fields:
            raise DataError(f"{where}: expected place, form, form, attractors, got {answer!r:.200}")
        place, right, wrong, attractors = int(fields[1]), fields[2], fields[3], int(fields[4])
        if not 1 <= place < min(len(words), MOST_WORDS) or words[place] != right.lower():
            said = f"expected {right!r:.100} as word {place} of {text.name}:{number}"
            raise DataError(f"{where}: {said}, of which {MOST_WORDS} words are read")
        if attractors > MOST_ATTRACTORS:
            said = f"expected at most {MOST_ATTRACTORS} attractors, got {attractors}"
            raise DataError(f"{where}: {said}")
        yield Line(words[:place], is_plural(right, wrong), attractors)


def is_plural(right: str, wrong: str) -> bool | None:
    """Whether the right one of a verb's two forms is the plural; None if the forms do not tell.

    The singular is the plural and -s or -es, or with -ies for its last -y, or is, was or has.

    >>> is_plural("are", "is"), is_plural("carries", "carry"), is_plural("passes", "pass")
    (True, False, False)
    """
    right, wrong = right.lower(), wrong.lower()
    if _is_singular_of(wrong, right):
        return True
    return False if _is_singular_of(right, wrong) else None


def _is_singular_of(form: str, plural: str) -> bool:
    made = {plural + "s", plural + "es", SINGULAR.get(plural)}
    if plural.endswith("y"):
        made.add(plural[:-1] + "ies")
    return form in made
