"""Does an LSTM expect the next character better than an n-gram model? Tiny Shakespeare, in bits.

The n-gram models have interpolated Kneser-Ney smoothing, learn from the same training part and are
asked for the same characters of the test part. Which order is best is decided on the validation
part; a unigram and a trigram stand beside it. Another text takes the place of the plays by
task.file; where they are not there, names that Python brings do: ``text_small.flags``.
"""

import math

import numpy as np

from experiments.claims.evidence import SAVED, by_arm, by_point, gains
from seqjax.baselines import ngrams
from seqjax.reporting.plots.claims import Curves
from seqjax.stats.decisions import CLAIMS
from seqjax.sweeps.measurement import Measurement, task_of
from seqjax.sweeps.study import Arm, Study
from seqjax.tasks.base import PARTS
from seqjax.tasks.streams.characters import UnicodeNames
from seqjax.tasks.streams.text import WrittenText

QUESTION = "Does an LSTM expect the next character better than an n-gram model?"
TASK_NAMES = (WrittenText.name, UnicodeNames.name)
TEXT = {"task.name": WrittenText.name, "task.file": WrittenText.file, "task.vocabulary": 65}
"""What is read; all of its characters have symbols of their own."""
ORDERS = (1, 2, 3, 4, 5, 6, 7, 8)
SHOWN = (1, 3)
"""Orders that stand beside the best one."""

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


def measure(point):
    """Bits a character of both parts, as an n-gram model expects it from those before it."""
    task = task_of(point)
    if task.inputs ** point["order"] >= 2**63:
        return dict.fromkeys(PARTS, math.inf)  # so many n-grams cannot be numbered
    parts = task.read()
    model = ngrams.fit([parts["train"].symbols_N], point["order"], task.inputs)
    nats = {part: -np.mean(model.log_probabilities(parts[part].symbols_N)) for part in PARTS}
    return {part: value / math.log(2) for part, value in nats.items()}


MEASUREMENT = Measurement(
    STUDY.name, QUESTION, tuple({**TEXT, "order": n} for n in ORDERS), measure
)


def baselines(points) -> dict[str, float]:
    """Bits a character of the test part, by name."""
    found = by_point(points, "order")
    ((best,),) = [min(found, key=lambda place: found[place]["validation"])]
    named = {order: f"{order}-gram" for order in (*SHOWN, best)}
    named[best] += ", the best on validation data"
    return {name: float(found[order,]["test"]) for order, name in named.items()}


def _bits(run) -> float:
    """A character of the test part; where a run failed, those of characters one by one."""
    if run["failed"] is not None:
        return run["chance"]["loss"] / math.log(2)
    return run["test"]["bits"]


def decide(recorded, points):
    runs = by_arm(recorded)["", "lstm"]
    errors = np.array([_bits(run) for run in runs])
    others = baselines(points)
    return CLAIMS["13"](
        "13t", {f"lstm over {name}": gains(runs, errors, own) for name, own in others.items()}
    )


def curves(recorded, points):
    runs = by_arm(recorded)["", "lstm"]
    lines = {"lstm": np.array([[_bits(run)] for run in runs])}
    lines |= {name: np.array([[own]]) for name, own in baselines(points).items()}
    return Curves(
        lines, "the next character", "", "bits, test part", categories=("",), compared=SAVED
    )
