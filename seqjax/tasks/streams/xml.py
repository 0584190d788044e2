"""Nested XML tags (Jozefowicz, Zaremba and Sutskever 2015)."""

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
    """Predict the next character of nested tags: <to><pqzra></pqzra></to><kemwp></kemwp>…

    A document is generated in iterations. With probability 1/2, and always after 50 iterations, the
    newest open tag is closed, or the document ends if none is open; otherwise a tag is opened.

    The paper leaves some choices open; here they are as follows. A name has 2 to 10 lowercase
    letters; their number and the letters are uniform. The first iteration always opens a tag;
    otherwise half of all documents would be empty. Documents follow each other without a separator.
    Every character is scored. The letters of a new name are random, so the accuracy of any
    predictor is well below 1. Metrics as in ``StreamTask``.
    """

    name = "xml"
    inputs = outputs = len(ALPHABET)
    sizes = SIZES

    def read(self) -> dict[str, Text]:
        return _texts()


@functools.cache
def _texts() -> dict[str, Text]:
    return {part: _text(seed, size) for seed, (part, size) in enumerate(SIZES.items())}


def _text(seed: int, size: int) -> Text:
    random = np.random.RandomState(seed)  # the legacy generator, whose stream is frozen
    count, documents = 0, []
    while count < size:
        documents.append(_document(random))
        count += len(documents[-1])
    return Text(encoded("".join(documents)[:size], ALPHABET), np.ones(size, bool))


def _document(random: np.random.RandomState) -> str:
    open_tags, pieces = [], []
    for iteration in itertools.count():
        if iteration == 0 or (iteration < ITERATIONS and random.random_sample() < 0.5):
            letters = random.randint(0, 26, random.randint(SHORTEST, LONGEST + 1))
            open_tags.append("".join(string.ascii_lowercase[k] for k in letters))
            pieces.append(f"<{open_tags[-1]}>")
        elif open_tags:
            pieces.append(f"</{open_tags.pop()}>")
        else:
            return "".join(pieces)
