"""Claim 12: LSTMs write classical Chinese poems.

Told the form, an LSTM predicts regulated poems character by character. A gain is the share that it
saves of the perplexity, on the same test poems and over the same symbols, of a unigram and of a
trigram with interpolated Kneser-Ney smoothing. The trigram is also told the form, at every place:
what it expects there is shared out among the symbols that the form allows. Lines that a model
copies are to be compared with the lines of the test poems that the training poems have too.

The rate is the better of .002 and .004 on the validation poems at seed 1000. Batches are small
because the form comes with the number of updates: in pilots, at seed 0 and with a vocabulary of 50,
half the batch and twice the steps took the rate of form from .1 to .8.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.claims.evidence import accuracies, by_arm, by_point, gains
from seqjax.baselines import ngrams
from seqjax.data.poems import FORMS, collected
from seqjax.reporting.plots.claims import Curves
from seqjax.stats.decisions import CLAIMS
from seqjax.sweeps.measurement import Measurement, Point, task_of
from seqjax.sweeps.study import Arm, Study
from seqjax.tasks import POEMS
from seqjax.tasks.datasets import poetry
from seqjax.tasks.datasets.poems import Poems

BASELINES = {"unigram": (1, False), "trigram": (3, False), "trigram told the form": (3, True)}
"""Symbols at a time, and whether the form says what may stand at a place."""
REAL = "poems"
"""The point at which the poems themselves are looked at."""
READ = {"task.name": "poems", "task.vocabulary": 2500}
TASK_NAMES = tuple(task.name for task in POEMS)

Record = Mapping[str, Any]

DATA = "1e9a4117b507316d"
STUDY = Study(
    name="poems",
    question="Does an LSTM learn to write regulated poems?",
    base={
        **READ,
        "model.embed": 128,
        "model.hidden": 160,
        "optim.name": "adam",
        "optim.learning_rate": 0.004,
        "optim.schedule": "exponential",
        "clip.kind": "norm",
        "clip.threshold": 1.0,
        "train.batch_size": 16,
        "train.steps": 6000,
        "train.eval_every": 1000,
    },
    arms=(Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0}),),
    seeds=8,
    columns="",
    keep=True,
)


def measure(point: Point) -> dict[str, Any]:
    """The perplexities of a baseline, or what there is to know of the poems themselves."""
    task = task_of(point)
    return _of_poems(task) if point["of"] == REAL else _of_baseline(task, *BASELINES[point["of"]])


MEASUREMENT = Measurement(
    name="poems",
    question="What do models of one and three symbols expect of regulated poems?",
    points=tuple({**READ, "of": name} for name in (*BASELINES, REAL)),
    measure=measure,
)


def _of_baseline(task: Poems, order: int, told: bool) -> dict[str, Any]:
    script, _, sequences = task.prepared()
    model = ngrams.fit(sequences["train"], order, script.size)
    allowed = {poetry.FORM[form]: script.allowed(form) for form in FORMS}
    nats = [
        told_the_form(model, symbols, allowed[symbols[0]])
        if told
        else -model.log_probabilities(symbols)
        for symbols in sequences["test"]
    ]
    nats_N = np.concatenate(nats)
    symbol_N = np.concatenate([symbols[1:] for symbols in sequences["test"]])
    character_N = (symbol_N == poetry.UNKNOWN) | (symbol_N >= poetry.FIRST)
    return {
        "perplexity": np.exp(np.mean(nats_N)),
        "perplexity_characters": np.exp(np.mean(nats_N[character_N])),
    }


def told_the_form(model: ngrams.NGrams, symbols: np.ndarray, allowed_TV: np.ndarray) -> np.ndarray:
    """-ln p of each symbol but the first, p shared out among what is allowed at its place."""
    context = max(1, len(model.levels) - 1)
    shares = [
        model.distribution(symbols[max(0, k + 1 - context) : k + 1])[allowed_V].sum()
        for k, allowed_V in enumerate(allowed_TV)
    ]
    return np.log(shares) - model.log_probabilities(symbols)


def _of_poems(task: Poems) -> dict[str, Any]:
    """How many were read and left out, and how much of the test is known from training."""
    script, parts, _ = task.prepared()
    collection = collected(task.files())
    lines = {part: [line for poem in own for line in poem.lines] for part, own in parts.items()}
    known = {passage for line in lines["train"] for passage in poetry.passages(line)}
    return {
        "read": collection.read,
        **{f"left out: {reason}": count for reason, count in collection.left_out.items()},
        **{f"poems: {part}": len(own) for part, own in parts.items()},
        "copied": np.mean([line in known for line in lines["test"]]),
        "coverage": np.mean([sign in script.symbols for sign in "".join(lines["test"])]),
    }


def decide(recorded, points):
    runs, baselines = _evidence(recorded, points)
    perplexities = accuracies(runs)
    formed = [0.0 if run["failed"] else run["test"]["formed"] for run in runs]
    saved = {name: gains(runs, perplexities, value) for name, value in baselines.items()}
    return CLAIMS["12"](saved, np.array(formed))


def curves(recorded, points):
    runs, baselines = _evidence(recorded, points)
    perplexities = [np.full(len(runs), value) for value in baselines.values()]
    lines = {"median, least and largest": np.stack([accuracies(runs), *perplexities], axis=1)}
    names = (STUDY.arms[0].name, *baselines)
    return Curves(
        lines,
        "perplexity",
        "",
        "on the test poems",
        categories=names,
        compared="share of the perplexity saved, rate of form",
    )


def _evidence(recorded, points) -> tuple[list[Record], dict[str, float]]:
    """The runs by seed, and the perplexity of each baseline."""
    measured = by_point(points, "of")
    (runs,) = by_arm(recorded).values()
    return runs, {name: float(measured[name,]["perplexity"]) for name in BASELINES}
