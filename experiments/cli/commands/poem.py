"""``python -m experiments.poem``: write poems with a saved model of the study ``poems``."""

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
    """Print the poems that the flags ask for, and mark lines copied from the training set."""
    del argv
    environment.prepare(deterministic=False)
    try:
        saved = _load_model()
        script = poetry.Script(saved.task_metadata["characters"], saved.config.task.vocabulary)
        prompt = poem_prompt.from_flags(FLAGS.form, FLAGS.first_line, FLAGS.acrostic)
    except (CheckpointError, poem_prompt.PromptError) as error:
        flags.fail(error)
    if missing := poem_prompt.missing(prompt, script):
        print(
            f"not in the vocabulary, and read as unknown: {' '.join(missing)} (the model was "
            "trained on traditional characters)",
            file=sys.stderr,
        )
    sampler = sampling.Sampler(saved.model, FLAGS.temperature, FLAGS.top_k)
    copied = lines = 0
    for number in range(FLAGS.num):
        if number:
            print()
        for line, sampled in _print_poem(sampler, script, prompt, number):
            lines += 1
            is_copy = sampled and poetry.among(line, saved.task_arrays["passages"])
            copied += is_copy
            print(COPIED if is_copy else "", flush=True)
    if copied:
        print(f"*: {copied} of {lines} lines occur in poems of the training set", file=sys.stderr)


def _load_model() -> saved_models.SavedModel:
    if not FLAGS.checkpoint:
        raise CheckpointError("--checkpoint: not given; expected a folder of WORKDIR/models")
    try:
        saved = saved_models.load(flags.path_of("--checkpoint", FLAGS.checkpoint))
    except CheckpointError as error:
        raise CheckpointError(f"--checkpoint: {error}") from None
    except OSError as error:
        raise CheckpointError(
            f"--checkpoint: cannot read {FLAGS.checkpoint!r}: {error.strerror}"
        ) from None
    if not isinstance(saved.config.task, Poems):
        name = saved.config.task.name
        raise CheckpointError(f"--checkpoint: expected a model of poems, got one of {name}")
    return saved


def _print_poem(
    sampler: sampling.Sampler, script: poetry.Script, prompt: poem_prompt.Prompt, number: int
) -> Iterator[tuple[str, bool]]:
    """Print a poem character by character, and yield each line once its mark is printed.

    Yields:
      The line, and whether any of its characters was sampled.
    """
    allowed_TV = prompt.allowed(script)
    key = jax.random.fold_in(jax.random.key(FLAGS.seed), number)
    symbols = sampler.stream(np.array([poetry.FORM[prompt.form]]), key[None], allowed_TV)
    line, sampled = "", False
    kinds = poetry.places(prompt.form)
    for place, ((symbol,), kind) in enumerate(zip(symbols, kinds, strict=True)):
        if kind == poetry.THE_END:
            return
        character = prompt.signs.get(place) or script.decoded(int(symbol))
        print(character, end="", flush=True)
        if kind == poetry.A_CHARACTER:
            line += character
            sampled = sampled or place not in prompt.signs
        else:
            yield line, sampled
            line, sampled = "", False
