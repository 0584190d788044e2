"""Writes classical Chinese poems with a model that a study has kept.

    python -m experiments.poem --checkpoint="runs/poems/models/lstm seed=0" --first_line=牀前明月光
    python -m experiments.poem --checkpoint="runs/poems/models/lstm seed=0" --acrostic=春夏秋冬

The folder is all it needs. Every poem has its form: a character, a mark or the end is drawn from
what may stand at its place alone. A line that stands in a poem the model was trained on, or in a
longer line of one, has a * behind it, unless it was given. Poem n of a seed is the same whatever
--num is.
Exit codes: 0 done; 2 a mistake in the command, told in one line; 75 stopped by a signal.
"""

from experiments.cli import program

if __name__ == "__main__":
    program.begin()  # before what follows, which takes its time

import logging
import sys
from collections.abc import Iterator

import jax
import numpy as np

from experiments.cli import environment, flags, poem_prompt
from seqjax.models import sampling
from seqjax.sweeps import saved_models
from seqjax.tasks.datasets import poetry
from seqjax.tasks.datasets.poems import Poems
from seqjax.training.checkpoint import CheckpointError

flags.define_poem_flags()
FLAGS = flags.FLAGS
COPIED = " *"


def main(argv: list[str]) -> None:
    del argv
    environment.prepare(deterministic=False)
    try:
        found = _model()
        script = poetry.Script(found.facts["characters"], found.config.task.vocabulary)
        given = poem_prompt.given(FLAGS.form, FLAGS.first_line, FLAGS.acrostic)
    except (CheckpointError, poem_prompt.PromptError) as error:
        flags.fail(error)
    _check_terminal(script)
    if missing := poem_prompt.missing(given, script):
        said = f"not in the vocabulary, and read as unknown: {' '.join(missing)}"
        print(f"{said} (the poems learnt from are {found.config.task.writing})", file=sys.stderr)
    sampler = sampling.Sampler(found.model, FLAGS.temperature, FLAGS.top_k)
    copied = lines = 0
    for number in range(FLAGS.num):
        if number:
            print()
        for line, drawn in _written(sampler, script, given, number):
            lines += 1
            mark = drawn and poetry.among(line, found.arrays["passages"])
            copied += mark
            print(COPIED if mark else "", flush=True)
    if copied:
        print(
            f"*: {copied} of {lines} lines stand in the poems of the training set", file=sys.stderr
        )


def _model() -> saved_models.Kept:
    if not FLAGS.checkpoint:
        raise CheckpointError("--checkpoint: not given; expected a folder of WORKDIR/models")
    try:
        found = saved_models.load(flags.path_of("--checkpoint", FLAGS.checkpoint))
    except CheckpointError as error:
        raise CheckpointError(f"--checkpoint: {error}") from None
    except OSError as error:
        said = f"--checkpoint: cannot read {FLAGS.checkpoint!r}: {error.strerror}"
        raise CheckpointError(said) from None
    if not isinstance(found.config.task, Poems):
        name = found.config.task.name
        raise CheckpointError(f"--checkpoint: expected a model of poems, got one of {name}")
    return found


def _check_terminal(script: poetry.Script) -> None:
    """Ends the program where the characters cannot be printed."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        "".join(script.symbols).encode(encoding)
    except UnicodeEncodeError as error:
        sign = error.object[error.start]
        flags.fail(
            f"standard output is {encoding}, which has no {sign!a}; PYTHONIOENCODING=utf-8 makes "
            "it UTF-8"
        )


def _written(
    sampler: sampling.Sampler, script: poetry.Script, given: poem_prompt.Given, number: int
) -> Iterator[tuple[str, bool]]:
    """Prints a poem character by character, and gives each line once its mark is printed.

    With a line goes whether any of it was drawn.
    """
    allowed_TV = given.allowed(script)
    key = jax.random.fold_in(jax.random.key(FLAGS.seed), number)
    drawn = sampler.stream(np.array([poetry.FORM[given.form]]), key[None], allowed_TV)
    line, own = "", False
    kinds = poetry.places(given.form)
    for place, ((symbol,), kind) in enumerate(zip(drawn, kinds, strict=True)):
        if kind == poetry.THE_END:
            return
        sign = given.signs.get(place) or script.shown(int(symbol))
        print(sign, end="", flush=True)
        if kind == poetry.A_CHARACTER:
            line, own = line + sign, own or place not in given.signs
        else:
            yield line, own
            line, own = "", False


if __name__ == "__main__":
    logging.disable()  # Orbax tells every step of its reading
    program.run(main, flags.parser)
