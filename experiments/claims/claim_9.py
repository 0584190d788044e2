"""Claim 9: a bias of mean 1 makes an LSTM about as good as a GRU, and which bias?

The tutorial says b_o; Jozefowicz et al. 2015 say b_f. All other biases are 0. The tutorial speaks
of a mean, so each bias is also drawn, from N(1, .1²). Text is that of ``unicode_names``, which
needs no download. Exploratory biases (-2, -1, 2, 4, and b_z = ±1 of the GRU) are left out at this
size: ``gate_bias`` has a table of them.
"""

import numpy as np

from experiments.claims.evidence import PROTOCOL, complete, is_full, on_tasks, outcomes
from experiments.subject import Subject
from seqjax.decisions import CLAIMS
from seqjax.plots_claims import Curves
from seqjax.study import Arm, Axis, Study

BIASES = ("f", "i", "o")
SPREAD = 0.1
STEPS = {"adding": 300, "temporal_order": 200, "xml": 200, "characters": 300}
ARMS = (
    Arm("gru", {"model.cell": "gru"}, matched="lstm_0"),
    Arm("lstm_0", {"model.cell": "lstm"}),
    *(Arm(f"lstm_{x}", {"model.cell": "lstm", f"init.bias.{x}": 1.0}) for x in BIASES),
    *(
        Arm(
            f"lstm_{x}_drawn",
            {"model.cell": "lstm", f"init.bias.{x}": 1.0, "init.bias_spread": SPREAD},
        )
        for x in BIASES
    ),
)


def tasks(full: bool) -> dict[str, dict]:
    """Each with a width for which the GRU has a match within 1 %."""
    length = 200 if full else 50
    window = 140 if full else 35
    found = {
        "adding": {"task.name": "adding", "task.length": length, "model.hidden": 32},
        "temporal_order": {
            "task.name": "temporal_order", "task.length": length, "model.hidden": 31,
        },
        "xml": {"task.name": "xml", "task.length": window, "model.hidden": 30},
        "characters": {
            "task.name": "unicode_names", "task.length": window, "model.hidden": 32,
        },
    }  # fmt: skip
    if full:
        found["arithmetic"] = {"task.name": "arithmetic", "task.length": window}
    for task, own in found.items():
        steps = 4000 if full else STEPS[task]
        own |= {"train.steps": steps, "train.eval_every": steps // 2}
        own |= {"model.hidden": 128} if full else {}
    return found


def subject(full: bool) -> Subject:
    study = Study(
        name="claim_9_full" if full else "claim_9",
        question="Which bias of 1 brings an LSTM level with a GRU, if any?",
        base=PROTOCOL.base(full),
        arms=on_tasks(tasks(full), ARMS),
        axes=(Axis("optim.learning_rate", PROTOCOL.rates(full)),),
        **PROTOCOL.study(full),
    )
    return Subject(study, decide=decide, curves=curves)


def _scores(recorded):
    return complete(outcomes(recorded), tasks(is_full(recorded)), [arm.name for arm in ARMS])


def decide(recorded, points):
    del points
    return CLAIMS["9"](_scores(recorded))


def curves(recorded, points):
    del points
    given, arms = _scores(recorded), [arm.name for arm in ARMS]
    lines = {
        task: np.stack([given[task, arm].scores for arm in arms], axis=1)
        for task in tasks(is_full(recorded))
    }
    across = ", ".join(f"{number} {arm}" for number, arm in enumerate(arms, start=1))
    return Curves(lines, "score of each arm", across, "score")
