"""Sums with distractors, digit by digit (Jozefowicz, Zaremba and Sutskever 2015)."""

import dataclasses
import functools
import string

import numpy as np

from seqjax.tasks.streams.base import StreamTask, Text, encoded
from seqjax.types import check_size

ALPHABET = string.ascii_lowercase + string.digits + "+-=."
DISTRACTED = 0.3
MOST_DIGITS = 18
"""Larger numbers do not fit 64 bits."""
SIZES = {"train": 2**20, "validation": 2**15, "test": 2**15}


@dataclasses.dataclass(frozen=True)
class Arithmetic(StreamTask):
    """A stream of samples such as 3e36d9-h1h39f94eeh43keg3c=-13991064.

    Without its letters a sample is a±b=, its value and a full stop. The network reads the earlier
    digits of an answer when it predicts the next one.

    The paper leaves some choices open; here they are as follows. The number of digits of a and of b
    is uniform in 1 … ``digits``, and each operand is uniform among the numbers with that many
    digits (0 has one). a is negated with probability 1/2; + and - are equally likely. n random
    letters precede each character of a±b= except the first, with

        P(n) = .3 · .7^n, n = 0, 1, … (mean 7/3).

    Only the characters of the answer are scored, including its sign and full stop. Metrics as in
    ``StreamTask``.

    Attributes:
      digits: most digits of an operand.

    Raises:
      ValueError: ``digits`` is not in 1 … 18, or ``length`` is too small or too large.
    """

    digits: int = 8

    name = "arithmetic"
    inputs = outputs = len(ALPHABET)
    sizes = SIZES

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("digits", self.digits, 1, MOST_DIGITS)

    def read(self) -> dict[str, Text]:
        return _texts(self.digits)


@functools.cache
def _texts(digits: int) -> dict[str, Text]:
    return {part: _text(seed, size, digits) for seed, (part, size) in enumerate(SIZES.items())}


def _text(seed: int, size: int, digits: int) -> Text:
    random = np.random.RandomState(seed)  # the legacy generator, whose stream is frozen
    count, samples, scored = 0, [], []
    while count < size:
        question, answer = _sample(random, digits)
        samples += question, answer
        scored += np.zeros(len(question), bool), np.ones(len(answer), bool)
        count += len(question) + len(answer)
    return Text(encoded("".join(samples)[:size], ALPHABET), np.concatenate(scored)[:size])


def _sample(random: np.random.RandomState, digits: int) -> tuple[str, str]:
    """Return a question with distractors and its answer."""
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
