"""Does an LSTM learn to write regulated poems? Told the form, it predicts character by character.

Beside it stand, on the same test poems and over the same symbols, a unigram and a trigram with
interpolated Kneser-Ney smoothing, the latter also told the form at every place: what it expects
there is shared out among the symbols that the form allows. How many lines a model copies is to be
compared with the lines of the test poems that stand in the training poems too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.claims.evidence import by_arm
from seqjax import ngrams, rules
from seqjax.data import poems
from seqjax.data.poems import FORMS
from seqjax.decisions import CLAIMS, EvidenceError
from seqjax.decisions.uses import gain
from seqjax.plots_claims import Curves
from seqjax.study import Arm, Metrics, Study
from seqjax.survey import Survey
from seqjax.tasks import poetry
from seqjax.tasks.poems import Poems

TASK = Poems()
BASELINES = {"unigram": (1, False), "trigram": (3, False), "trigram told the form": (3, True)}
"""Symbols at a time, and whether the form says what may stand at a place."""
REAL = "test poems"

STUDY = Study(
    name="poems",
    question="Does an LSTM learn to write regulated poems?",
    base={
        "task.name": TASK.name,
        "model.embed": 128,
        "model.hidden": 128,
        "optim.name": "adam",
        "optim.learning_rate": 0.005,
        "optim.schedule": "exponential",
        "clip.kind": "norm",
        "clip.threshold": 1.0,
        "train.steps": 2400,
        "train.eval_every": 300,
    },
    arms=(Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0}),),
    seeds=10,
    metrics=Metrics(
        "perplexity",
        {"of all symbols": "perplexity", "of characters alone": "perplexity_characters"},
        "Marks and the end count as symbols; their places follow from the form.",
    ),
    keep=True,
)


def measure(point: Mapping[str, Any]) -> dict[str, Any]:
    """The perplexities of a baseline, or what there is to know of the poems themselves."""
    return _of_test_poems() if point["of"] == REAL else _of_baseline(*BASELINES[point["of"]])


SURVEY = Survey(
    STUDY.name, STUDY.question, tuple({"of": name} for name in (*BASELINES, REAL)), measure
)


def _of_baseline(order: int, told: bool) -> dict[str, Any]:
    script, _, sequences = TASK.prepared()
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


def _of_test_poems() -> dict[str, Any]:
    """How many there are, what was left out, and what is known of their lines and characters."""
    script, parts, _ = TASK.prepared()
    collection = poems.collected(TASK.files())
    lines = {part: [line for poem in own for line in poem.lines] for part, own in parts.items()}
    known = {passage for line in lines["train"] for passage in poetry.passages(line)}
    characters = "".join(lines["test"])
    return {
        "read": collection.read,
        **{f"left out: {reason}": count for reason, count in collection.left_out.items()},
        **{f"poems: {part}": len(own) for part, own in parts.items()},
        "copied": np.mean([line in known for line in lines["test"]]),
        "in the vocabulary": np.mean([sign in script.symbols for sign in characters]),
    }


def _runs(recorded: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that are reported, by seed.

    Raises:
      EvidenceError: they read other poems than the baselines did.
    """
    runs = by_arm(recorded)["", STUDY.arms[0].name]
    other = {run["settings"]["task.name"] for run in runs} - {TASK.name}
    if other:
        raise EvidenceError(f"the baselines read {TASK.name}, the runs {min(other)}")
    return runs


def _baselines(points: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The perplexity of each by its name."""
    found = {made["point"]["of"]: made["measured"] for made in points}
    return {name: float(found[name]["perplexity"]) for name in BASELINES}


def decide(recorded, points):
    runs = _runs(recorded)
    failed = np.array([run["failed"] is not None for run in runs])
    formed = [run["test"]["formed"] or 0.0 for run in runs]
    perplexities = [rules.entered(run, "test") for run in runs]
    gains = {
        name: np.where(failed, 0.0, gain(perplexities, baseline))
        for name, baseline in _baselines(points).items()
    }
    return CLAIMS["12"](gains, np.where(failed, 0.0, formed))


def curves(recorded, points):
    runs = _runs(recorded)
    lines = {name: np.full((len(runs), 1), value) for name, value in _baselines(points).items()}
    lines["lstm"] = np.array([[rules.entered(run, "test")] for run in runs])
    return Curves(lines, "beside n-gram models", "", "perplexity", categories=(REAL,))
