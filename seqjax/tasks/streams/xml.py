"""The XML task of Jozefowicz, Zaremba and Sutskever 2015: tags that open must close, in order."""

import dataclasses
import functools
import itertools
import string

import numpy as np

from seqjax.tasks.streams.base import StreamTask, Text, encoded

ALPHABET = string.ascii_lowercase + "<>/"
SHORTEST, LONGEST = 2, 10
ITERATIONS = 50
SIZES = {"train": 2**20, "validation": 2**15, "test": 2**15}


@dataclasses.dataclass(frozen=True)
class Xml(StreamTask):
    """The next character of nested tags: <to><pqzra></pqzra></to><kemwp></kemwp>…

    A document is made in iterations. With probability 1/2, and always after 50 iterations, the
    newest open tag is closed, or the document ends if none is open; otherwise a tag opens.

    Where the paper is silent: a name has 2 to 10 lowercase letters, each number and each letter
    equally likely; the first iteration always opens a tag, since half of all documents would be
    empty; documents follow each other without a separator; every character is scored. The letters
    of a new name cannot be known, so that no predictor comes near an accuracy of 1.
    """

    name = "xml"
    inputs = outputs = len(ALPHABET)
    sizes = SIZES

    def read(self):
        return _texts()


@functools.cache
def _texts() -> dict[str, Text]:
    return {part: _text(seed, size) for seed, (part, size) in enumerate(SIZES.items())}


def _text(seed: int, size: int) -> Text:
    random = np.random.RandomState(seed)  # the legacy generator, whose stream is frozen
    made, documents = 0, []
    while made < size:
        documents.append(_document(random))
        made += len(documents[-1])
    return Text(encoded("".join(documents)[:size], ALPHABET), np.ones(size, bool))


def _document(random: np.random.RandomState) -> str:
    waiting, written = [], []
    for iteration in itertools.count():
        if iteration == 0 or (iteration < ITERATIONS and random.random_sample() < 0.5):
            letters = random.randint(0, 26, random.randint(SHORTEST, LONGEST + 1))
            waiting.append("".join(string.ascii_lowercase[k] for k in letters))
            written.append(f"<{waiting[-1]}>")
        elif waiting:
            written.append(f"</{waiting.pop()}>")
        else:
            return "".join(written)
