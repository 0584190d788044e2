"""Claim 13m: translation of the messages of programs, compared with a translation memory.

A translation memory answers with the translation of the nearest training source; the second
baseline copies the source. Translations are compared with the French of the catalogues by chrF, and
the error is 1 - chrF. An exploratory verdict compares bits per character, given the characters
before, with an n-gram model that does not read the source.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.claims.evidence import Evidence, gains
from experiments.experiment import Experiment
from experiments.studies.panels import with_baselines
from seqjax.baselines import ngrams
from seqjax.data.messages import messages
from seqjax.metrics.chrf import chrf
from seqjax.records.record import Record
from seqjax.reporting.plots.claims import ClaimPanel
from seqjax.stats import rules
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.sweeps.measurement import Measurement, Point
from seqjax.sweeps.study import Arm, Study
from seqjax.tasks.datasets.translation import END, Translation, encoded

QUESTION = "Does a small LSTM translate messages better than a translation memory?"
TASK = Translation()
ORDERS = (1, 2, 3, 4, 5, 6, 7, 8)
COPY, MEMORY, NGRAM = "copy", "memory", "n-gram"
PARTS = ("validation", "test")
"""Parts on which baselines are measured."""

DATA = "677eef309947142d"
STUDY = Study(
    name="translation",
    question=QUESTION,
    base={
        "task.name": TASK.name,
        "model.embed": 64,
        "model.hidden": 192,
        "init.recurrent": "orthogonal",
        "optim.name": "adam",
        "optim.schedule": "cosine",
        "optim.learning_rate": 0.015,
        "clip.kind": "norm",
        "clip.threshold": 1.0,
        "train.batch_size": 32,
        "train.steps": 1500,
        "train.eval_every": 500,
    },
    arms=(Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0}),),
    seeds=10,
)


def edits(text: str, others: Sequence[str]) -> np.ndarray:
    """(N,) Levenshtein distances from a text to each of ``others``.

    >>> edits("kitten", ["sitting", "kitten", ""]).tolist()
    [3, 0, 6]
    """
    lengths = np.array([len(other) for other in others])
    position = np.arange(lengths.max() + 1)
    sign_NR = np.array(
        [[*map(ord, other), *[0] * (lengths.max() - len(other))] for other in others]
    )
    row_NR = np.tile(position, (len(others), 1))
    for number, sign in enumerate(text, start=1):
        changed = np.minimum(row_NR[:, 1:] + 1, row_NR[:, :-1] + (sign_NR != ord(sign)))
        row_NR = np.concatenate([np.full((len(others), 1), number), changed], axis=1)
        row_NR = (
            np.minimum.accumulate(row_NR - position[None], axis=1) + position[None]
        )  # insertions
    return row_NR[np.arange(len(others)), lengths]


def from_memory(source: str, known: Sequence[tuple[str, str]]) -> str:
    """Translation of the known source with the fewest edits per character, ignoring case."""
    others = [other.casefold() for other, _ in known]
    longer = np.maximum([len(other) for other in others], len(source))
    return known[int(np.argmin(edits(source.casefold(), others) / longer))][1]


def translations(baseline: str, part: str) -> list[str]:
    """Translations of the messages of a part by a baseline."""
    sources = [source for source, _ in messages()[part]]
    if baseline == COPY:
        return sources
    return [from_memory(source, messages()["train"]) for source in sources]


def measure(point: Point) -> dict[str, Any]:
    """chrF and share of exact translations, or bits per character, on validation and test."""
    if point["baseline"] == NGRAM:
        return bits(point["order"])
    scores = {}
    for part in PARTS:
        targets = [target for _, target in messages()[part]]
        texts = translations(point["baseline"], part)
        score_B = chrf(*(jnp.array([encoded(t) for t in column]).T for column in (texts, targets)))
        exact = np.mean([a == b for a, b in zip(texts, targets, strict=True)])
        scores |= {part: np.mean(score_B), f"{part}_exact": exact}
    return scores


def bits(order: int) -> dict[str, float]:
    """Bits per character of the targets, ends included, of an n-gram model, by part."""

    def sequences(part: str) -> list[np.ndarray]:
        return [np.array([END, *encoded(t)[: len(t)], END]) for _, t in messages()[part]]

    model = ngrams.fit(sequences("train"), order, TASK.outputs)
    nats = {
        part: np.concatenate([*map(model.log_probabilities, sequences(part))]) for part in PARTS
    }
    return {part: -np.mean(nats_N) / math.log(2) for part, nats_N in nats.items()}


MEASUREMENT = Measurement(
    STUDY.name,
    QUESTION,
    (
        {"baseline": COPY},
        {"baseline": MEMORY},
        *({"baseline": NGRAM, "order": order} for order in ORDERS),
    ),
    measure,
)


def _measured(evidence: Evidence, baseline: str) -> list[Mapping[str, np.ndarray]]:
    """Measurements of a baseline."""
    return [p.measured for p in evidence.points if p.point["baseline"] == baseline]


def _errors(runs: Sequence[Record]) -> np.ndarray:
    """(n,) errors 1 - chrF of runs."""
    return np.array([1 - (run.test["chrf"] or 0.0) for run in runs])


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 13m in chrF; an exploratory one in bits per character."""
    runs = evidence.runs_of("lstm")
    copy, memory = (1 - float(_measured(evidence, name)[0]["test"]) for name in (COPY, MEMORY))
    errors = _errors(runs)
    registered = CLAIMS["13"](
        "13m",
        {
            "lstm over copying the source": gains(runs, errors, copy),
            "lstm over a translation memory": gains(runs, errors, memory),
        },
    )
    best = min(_measured(evidence, NGRAM), key=lambda ngram: float(ngram["validation"]))
    run_bits = np.array([rules.metric_or_chance(run, "test") for run in runs])
    bits_verdict, *_ = CLAIMS["13"](
        "13m", {"lstm over an n-gram model": gains(runs, run_bits, float(best["test"]))}
    )
    how = "bits a character, those before it given, beside the best n-gram of the target alone"
    return [*registered, bits_verdict.as_exploratory(how)]


def curves(evidence: Evidence) -> ClaimPanel:
    """chrF of the LSTM and of the baselines."""
    scores = {"lstm": 1 - _errors(evidence.runs_of("lstm"))}
    others = {name: float(_measured(evidence, name)[0]["test"]) for name in (COPY, MEMORY)}
    return with_baselines(scores, others, "translations of the test messages", "chrF")


EXPERIMENT = Experiment(STUDY, MEASUREMENT, decide, curves, DATA)
