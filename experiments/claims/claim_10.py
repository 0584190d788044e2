"""Claim 10: gates matter in the order forget > input > output.

An LSTM (b_f = 1) and the same without one gate, which is then fixed at 1; equal units, as in Greff
et al. 2017. On adding and temporal order nothing need be forgotten: a sequence ends before anything
is in the way. XML and text are streams without end whose state is carried on, so that something
must go. The two kinds are told apart in the verdict's reason and in the figure. Text is that of
``unicode_names``, which needs no download. JSB chorales are not among the tasks.

At full size equal parameters are the secondary comparison, judged by the same rule, exploratory.
"""

import dataclasses

import numpy as np

from experiments.claims.evidence import PROTOCOL, complete, is_full, on_tasks, outcomes
from experiments.experiment import Subject
from seqjax.reporting.plots.claims import Curves
from seqjax.stats.decisions import CLAIMS
from seqjax.stats.decisions.base import scores_of
from seqjax.sweeps.study import Arm, Axis, Study

ARMS = tuple(
    Arm(name, {"model.cell": cell})
    for name, cell in {
        "lstm": "lstm", "nfg": "lstm_nfg", "nig": "lstm_nig", "nog": "lstm_nog",
    }.items()
)  # fmt: skip
REMOVED = ("nfg", "nig", "nog")
EQUAL = "_equal"
EQUALS = tuple(Arm(arm.name + EQUAL, arm.settings, matched="lstm") for arm in ARMS[1:])
"""Wider, so that they have the parameters of the LSTM within 1 %."""
KINDS = {
    "nothing need be forgotten": ("adding", "temporal_order"),
    "something must be forgotten": ("xml", "characters", "arithmetic"),
}


def tasks(full: bool) -> dict[str, dict]:
    length = 200 if full else 50
    stream = {"task.length": 140 if full else 35, "task.carried": True}
    found = {
        "adding": {"task.name": "adding", "task.length": length},
        "temporal_order": {"task.name": "temporal_order", "task.length": length},
        "xml": {"task.name": "xml", **stream},
        "characters": {"task.name": "unicode_names", **stream},
    }
    return found | ({"arithmetic": {"task.name": "arithmetic", **stream}} if full else {})


def subject(full: bool) -> Subject:
    study = Study(
        name="claim_10_full" if full else "claim_10",
        question="Which gate does an LSTM miss most?",
        base={
            **PROTOCOL.base(full),
            "init.bias.f": 1.0,  # of the arms that have it
            "train.steps": 4000 if full else 300,
            "train.eval_every": 2000 if full else 150,
        },
        arms=on_tasks(tasks(full), (*ARMS, *EQUALS) if full else ARMS),
        axes=(Axis("optim.learning_rate", PROTOCOL.rates(full)),),
        **PROTOCOL.study(full),
    )
    return Subject(study, decide=decide, curves=curves)


def _scores(recorded, suffix: str = ""):
    """Of an LSTM, and of those without a gate, with its units or its parameters."""
    names = ("lstm", *(arm + suffix for arm in REMOVED))
    found = complete(outcomes(recorded), tasks(is_full(recorded)), names)
    return {(task, arm.removesuffix(EQUAL)): scores for (task, arm), scores in found.items()}


def _losses(recorded) -> dict[str, np.ndarray]:
    """(n, 3) by task: what the score loses without the forget, input and output gate."""
    scores = _scores(recorded)
    return {
        task: np.stack(
            [scores_of(scores, task, "lstm") - scores_of(scores, task, arm) for arm in REMOVED],
            axis=1,
        )
        for task in dict.fromkeys(task for task, _ in scores)
    }


def decide(recorded, points):
    del points
    losses = _losses(recorded)
    parts = []
    for kind, names in KINDS.items():
        mean = np.mean([losses[task].mean(axis=0) for task in names if task in losses], axis=0)
        sizes = ", ".join(f"d_{gate} {x:.3f}" for gate, x in zip("fio", mean, strict=True))
        parts.append(f"where {kind} {sizes}")
    more = f"; {'; '.join(parts)}"
    verdicts = [
        dataclasses.replace(verdict, because=verdict.because + more)
        for verdict in CLAIMS["10"](_scores(recorded))
    ]
    return verdicts + (_at_equal_parameters(recorded) if is_full(recorded) else [])


def _at_equal_parameters(recorded):
    return [v.as_exploratory("equal parameters") for v in CLAIMS["10"](_scores(recorded, EQUAL))]


def curves(recorded, points):
    del points
    losses = _losses(recorded)
    lines = {
        f"{task}: {kind}": losses[task]
        for kind, names in KINDS.items()
        for task in names
        if task in losses
    }
    gates = ("forget", "input", "output")
    title = "what the score loses without a gate"
    return Curves(lines, title, "removed gate", "score lost", categories=gates)
