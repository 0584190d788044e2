"""The arithmetic task of Jozefowicz, Zaremba and Sutskever 2015: read a sum, write its digits."""

import dataclasses
import functools
import string

import numpy as np

from seqjax.tasks.streams.base import StreamTask, Text, encoded
from seqjax.types import check_most

ALPHABET = string.ascii_lowercase + string.digits + "+-=."
DISTRACTED = 0.3
MOST_DIGITS = 18
"""What is larger does not fit 64 bits."""
SIZES = {"train": 2**20, "validation": 2**15, "test": 2**15}


@dataclasses.dataclass(frozen=True)
class Arithmetic(StreamTask):
    """Samples such as 3e36d9-h1h39f94eeh43keg3c=-13991064. one after the other.

    Without its letters a sample reads a±b= and then the value of that and a full stop. The past
    digits of the answer are visible when the next one is predicted.

    Where the paper is silent: each of a and b has 1 to ``digits`` digits, each number of them
    equally likely, and is uniform among the numbers of so many digits (0 has one). Then a is
    negated with probability 1/2, so that a minus may stand before it; + and - are equally likely.
    Before each character of a±b= but its first stand n random letters, n geometric:

        P(n) = .3 · .7^n, n = 0, 1, … (7/3 in the mean).

    The characters of the answer are scored, its sign and its full stop among them, and no others.
    """

    digits: int = 8

    name = "arithmetic"
    inputs = outputs = len(ALPHABET)
    sizes = SIZES

    def __post_init__(self):
        super().__post_init__()
        if self.digits < 1:
            raise ValueError(f"digits: expected at least 1, got {self.digits}")
        check_most(digits=(self.digits, MOST_DIGITS))

    def read(self):
        return _texts(self.digits)


@functools.cache
def _texts(digits: int) -> dict[str, Text]:
    return {part: _text(seed, size, digits) for seed, (part, size) in enumerate(SIZES.items())}


def _text(seed: int, size: int, digits: int) -> Text:
    random = np.random.RandomState(seed)  # the legacy generator, whose stream is frozen
    made, samples, scored = 0, [], []
    while made < size:
        question, answer = _sample(random, digits)
        samples += question, answer
        scored += np.zeros(len(question), bool), np.ones(len(answer), bool)
        made += len(question) + len(answer)
    return Text(encoded("".join(samples)[:size], ALPHABET), np.concatenate(scored)[:size])


def _sample(random: np.random.RandomState, digits: int) -> tuple[str, str]:
    """A question, with its distractors, and its answer."""
    a, b = _number(random, digits), _number(random, digits)
    a, sign = (1 - 2 * random.randint(2)) * a, "+-"[random.randint(2)]
    first, *rest = f"{a}{sign}{b}="
    counts = random.geometric(DISTRACTED, len(rest)) - 1
    letters = iter(random.randint(0, 26, counts.sum()))
    question = [first]
    for count, character in zip(counts, rest, strict=True):
        question += [string.ascii_lowercase[next(letters)] for _ in range(count)]
        question.append(character)
    return "".join(question), f"{a + b if sign == '+' else a - b}."


def _number(random: np.random.RandomState, digits: int) -> int:
    count = int(random.randint(1, digits + 1))
    least = 10 ** (count - 1) if count > 1 else 0
    return int(random.randint(least, 10**count, dtype=np.int64))
