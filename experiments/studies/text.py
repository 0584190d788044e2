"""Claim 13t: prediction of the next character of Tiny Shakespeare, compared with n-gram models.

The n-gram models have interpolated Kneser-Ney smoothing, learn from the same training part and
predict the same characters of the test part. The validation part selects the best order; a unigram
and a trigram are compared too. ``task.file`` selects another text. ``text_small.flags`` needs no
download: it runs on the names of Unicode characters, which come with Python.
"""

import math

import numpy as np

from experiments.claims.evidence import Evidence, gains
from experiments.experiment import Experiment
from experiments.studies.panels import with_baselines
from seqjax.baselines import ngrams
from seqjax.records.record import Record
from seqjax.reporting.plots.claims import ClaimPanel
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.sweeps.measurement import Measurement, Point, task_of
from seqjax.sweeps.study import Arm, Study
from seqjax.tasks.base import HELD_OUT
from seqjax.tasks.streams.characters import UnicodeNames
from seqjax.tasks.streams.text import WrittenText

QUESTION = "Does an LSTM expect the next character better than an n-gram model?"
TASK_NAMES = (WrittenText.name, UnicodeNames.name)
TEXT = {"task.name": WrittenText.name, "task.file": WrittenText.file, "task.vocabulary": 65}
"""Settings of the text; each of its 65 characters is a symbol."""
ORDERS = (1, 2, 3, 4, 5, 6, 7, 8)
FURTHER_ORDERS = (1, 3)
"""Orders that are compared in addition to the best order."""

DATA = "abefab1bfb7accac"
STUDY = Study(
    name="text",
    question=QUESTION,
    base={
        **TEXT,
        "task.length": 64,
        "model.embed": 64,
        "model.hidden": 192,
        "init.recurrent": "orthogonal",
        "optim.name": "adam",
        "optim.schedule": "cosine",
        "optim.learning_rate": 0.006,
        "clip.kind": "norm",
        "clip.threshold": 1.0,
        "train.batch_size": 8,
        "train.steps": 20000,
        "train.eval_every": 2000,
    },
    arms=(Arm("lstm", {"model.cell": "lstm", "init.bias.f": 1.0}),),
    seeds=10,
)


def measure(point: Point) -> dict[str, float]:
    """Bits per character of an n-gram model, by part."""
    task = task_of(point)
    if task.inputs ** point["order"] >= 2**63:
        return dict.fromkeys(HELD_OUT, math.inf)  # n-grams are numbered in int64
    parts = task.read()
    model = ngrams.fit([parts["train"].symbols_N], point["order"], task.inputs)
    nats = {part: -np.mean(model.log_probabilities(parts[part].symbols_N)) for part in HELD_OUT}
    return {part: value / math.log(2) for part, value in nats.items()}


MEASUREMENT = Measurement(
    STUDY.name, QUESTION, tuple({**TEXT, "order": n} for n in ORDERS), measure
)


def baselines(evidence: Evidence) -> dict[str, float]:
    """Bits per character of the test part, by n-gram model."""
    bits = evidence.measured_by("order")
    (best,) = min(bits, key=lambda order: bits[order]["validation"])
    named = {order: f"{order}-gram" for order in (*FURTHER_ORDERS, best)}
    named[best] += ", the best on validation data"
    return {name: float(bits[order,]["test"]) for order, name in named.items()}


def _bits(run: Record) -> float:
    """Bits per character of the test part; at chance, a unigram, for a failed run."""
    if run.failed is not None:
        return run.chance.loss / math.log(2)
    return run.test["bits"]


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 13t from the gains of the LSTM over the n-gram models."""
    runs = evidence.runs_of("lstm")
    errors = np.array([_bits(run) for run in runs])
    others = baselines(evidence)
    return CLAIMS["13"](
        "13t", {f"lstm over {name}": gains(runs, errors, bits) for name, bits in others.items()}
    )


def curves(evidence: Evidence) -> ClaimPanel:
    """Bits per character of the LSTM and of the n-gram models."""
    bits = {"lstm": np.array([_bits(run) for run in evidence.runs_of("lstm")])}
    title, y_label = "prediction of the next character", "bits per character, test part"
    return with_baselines(bits, baselines(evidence), title, y_label)


EXPERIMENT = Experiment(STUDY, MEASUREMENT, decide, curves, DATA, TASK_NAMES)
