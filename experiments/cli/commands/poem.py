"""``python -m experiments.poem``: write poems with a saved model of the study ``poems``."""

import functools
import sys
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from experiments.cli import environment, flags, poem_prompt
from seqjax.models import sampling
from seqjax.models.sequence import SequenceModel
from seqjax.sweeps import saved_models
from seqjax.tasks.datasets import poetry
from seqjax.tasks.datasets.poems import Poems
from seqjax.training.checkpoint import CheckpointError
from seqjax.types import Array

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
    sampler = jax.jit(functools.partial(_sample, saved.model, prompt.allowed(script)))
    copied = lines = 0
    for number in range(FLAGS.num):
        if number:
            print()
        for line, mark, sampled in _lines(sampler, script, prompt, number):
            lines += 1
            is_copy = sampled and poetry.among(line, saved.task_arrays["passages"])
            copied += is_copy
            print(line + mark + (COPIED if is_copy else ""), flush=True)
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


def _sample(model: SequenceModel, allowed_TV: np.ndarray, first: Array, key: Array) -> Array:
    """Return the symbols (T,) of one poem after its first symbol, the form."""
    steps, options = len(allowed_TV), {"temperature": FLAGS.temperature, "top_k": FLAGS.top_k}
    return sampling.sample(model, first[None], key[None], steps, allowed=allowed_TV, **options)[
        :, 0
    ]


def _lines(
    sampler: Callable[[Array, Array], Array],
    script: poetry.Script,
    prompt: poem_prompt.Prompt,
    number: int,
) -> Iterator[tuple[str, str, bool]]:
    """Yield each line of a poem, the mark after it, and True if any of its characters was sampled.

    Args:
      sampler: function from the first symbol and a key to the symbols of the poem.
      script: symbols of the model.
      prompt: form and given characters.
      number: index of the poem, from which its key is folded.
    """
    key = jax.random.fold_in(jax.random.key(FLAGS.seed), number)
    symbols = np.asarray(sampler(jnp.int32(poetry.FORM[prompt.form]), key))
    line, sampled = "", False
    kinds = poetry.places(prompt.form)
    for position, (symbol, kind) in enumerate(zip(symbols, kinds, strict=True)):
        if kind == poetry.THE_END:
            return
        character = prompt.signs.get(position) or script.decoded(int(symbol))
        if kind == poetry.A_CHARACTER:
            line += character
            sampled = sampled or position not in prompt.signs
        else:
            yield line, character, sampled
            line, sampled = "", False
