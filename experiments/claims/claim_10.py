"""Claim 10: gates matter in the order forget > input > output.

The arms are an LSTM with b_f = 1, and the same LSTM with one gate fixed at 1, at equal units, as in
Greff et al. 2017. Adding and temporal order require no forgetting, because each sequence starts
from the zero state. XML and text are endless streams that carry the state, so the network must
forget. The verdict's reason and the figure separate the two kinds. The text is ``unicode_names``,
which needs no download. JSB chorales are not among the tasks.

At full size the same rule gives an exploratory verdict on arms of equal parameters.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from experiments.claims.evidence import Evidence
from experiments.claims.protocol import PROTOCOL, on_tasks
from experiments.claims.words import DIFFERENCE, in_words
from experiments.experiment import Experiment
from seqjax.reporting.plots.claims import ClaimPanel, Place
from seqjax.stats.decisions import CLAIMS, SeedScores, Verdict
from seqjax.stats.decisions.base import scores_of, tasks_of
from seqjax.sweeps.study import Arm, Axis, Study

ARMS = tuple(
    Arm(name, {"model.cell": cell})
    for name, cell in {
        "lstm": "lstm", "nfg": "lstm_nfg", "nig": "lstm_nig", "nog": "lstm_nog",
    }.items()
)  # fmt: skip
REMOVED = ("nfg", "nig", "nog")
EQUALS = tuple(
    Arm(f"{arm.name}_equal", arm.settings, matched="lstm", tags={"equal_parameters": arm.name})
    for arm in ARMS[1:]
)
"""Networks without a gate that have as many parameters as the LSTM, within 1 %."""
KINDS = {
    "nothing need be forgotten": ("adding", "temporal_order"),
    "something must be forgotten": ("xml", "characters", "arithmetic"),
}


def tasks(full: bool) -> dict[str, dict]:
    """Settings by task."""
    length = 200 if full else 50
    stream = {"task.length": 140 if full else 35, "task.carried": True}
    by_task = {
        "adding": {"task.name": "adding", "task.length": length},
        "temporal_order": {"task.name": "temporal_order", "task.length": length},
        "xml": {"task.name": "xml", **stream},
        "characters": {"task.name": "unicode_names", **stream},
    }
    return by_task | ({"arithmetic": {"task.name": "arithmetic", **stream}} if full else {})


COSTS = {"nfg": "forget", "nig": "input", "nog": "output"}
"""The gate that each arm lacks."""
COMPARED = DIFFERENCE._replace(label="score lost without the first gate − without the second")


def experiment(full: bool) -> Experiment:
    """Return claim 10 at CPU size, or at full size."""
    study = Study(
        name="claim_10_full" if full else "claim_10",
        question="Which gate does an LSTM miss most?",
        base={
            **PROTOCOL.base(full),
            "init.bias.f": 1.0,  # without effect where the forget gate is removed
            "train.steps": 4000 if full else 300,
            "train.eval_every": 2000 if full else 150,
        },
        arms=on_tasks(tasks(full), (*ARMS, *EQUALS) if full else ARMS),
        axes=(Axis("optim.learning_rate", PROTOCOL.rates(full)),),
        **PROTOCOL.study(full),
    )
    return Experiment(study, decide=decide, curves=curves)


Scores = Mapping[tuple[str, str], SeedScores]
"""Scores by (task, arm) of the LSTM and of each network without a gate."""


def _losses(scores: Scores) -> dict[str, np.ndarray]:
    """Score (n, 3) that the LSTM loses without the forget, input and output gate, by task."""
    return {
        task: np.stack(
            [scores_of(scores, task, "lstm") - scores_of(scores, task, arm) for arm in REMOVED],
            axis=1,
        )
        for task in tasks_of(scores)
    }


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 10 at equal units, and an exploratory one at equal parameters at full size."""
    units, parameters = evidence.scores_by(), evidence.scores_by("equal_parameters")
    losses = _losses(units)
    parts = []
    for kind, names in KINDS.items():
        mean = np.mean([losses[task].mean(axis=0) for task in names if task in losses], axis=0)
        sizes = ", ".join(f"d_{gate} {x:.3f}" for gate, x in zip("fio", mean, strict=True))
        parts.append(f"where {kind} {sizes}")
    by_kind = f"; {'; '.join(parts)}"
    verdicts = [
        dataclasses.replace(verdict, because=verdict.because + by_kind)
        for verdict in CLAIMS["10"](units)
    ]
    if parameters:
        verdicts += [
            v.as_exploratory("equal parameters") for v in CLAIMS["10"]({**units, **parameters})
        ]
    return verdicts


def _place(name: str) -> Place:
    """A row for each pair of gates in the panel of its task: NIG − NFG is d_f − d_i."""
    arms, _, task = name.rpartition(" on ")
    second, first = arms.split(" − ")
    return Place(f"{COSTS[first]} − {COSTS[second]}", in_words(task))


def curves(evidence: Evidence) -> ClaimPanel:
    """Score that each task loses without each gate."""
    losses = _losses(evidence.scores_by())
    lines = {
        f"{task}: {kind}": losses[task]
        for kind, names in KINDS.items()
        for task in names
        if task in losses
    }
    gates = ("forget", "input", "output")
    title = "what the score loses without a gate"
    return ClaimPanel(
        lines,
        title,
        "removed gate",
        "score lost (0 none, 1 all)",
        categories=gates,
        compared=COMPARED,
        place=_place,
        words=in_words,
        legend="task",
    )
