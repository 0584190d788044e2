"""Claim 9: a bias of mean 1 makes an LSTM about as good as a GRU; compares b_f, b_i and b_o.

The tutorial names b_o, Jozefowicz et al. 2015 name b_f. All other biases are 0. The tutorial speaks
of a mean, so each bias is also drawn from N(1, .1²). The text is ``unicode_names``, which needs no
download. Full size adds exploratory arms: other values of b_f, under the same rule, and a GRU with
b_z = ±1, in the figure only. JSB chorales are not among the tasks.
"""

import numpy as np

from experiments.claims.evidence import Evidence
from experiments.claims.protocol import PROTOCOL, on_tasks
from experiments.claims.words import DIFFERENCE, WORDS, on_task
from experiments.experiment import Experiment
from seqjax.reporting.plots.claims import ClaimPanel, Place
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.stats.decisions.base import scores_of
from seqjax.sweeps.study import Arm, Axis, Study

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
OTHERS = tuple(
    Arm(f"lstm_f_{bias:g}", {"model.cell": "lstm", "init.bias.f": bias})
    for bias in (-2.0, -1.0, 2.0, 4.0)
)
GRUS = tuple(
    Arm(f"gru_z_{bias:g}", {"model.cell": "gru", "init.bias.z": bias}, matched="lstm_0")
    for bias in (-1.0, 1.0)
)


def tasks(full: bool) -> dict[str, dict]:
    """Settings by task, with a width at which the GRU has a match within 1 %."""
    length = 200 if full else 50
    window = 140 if full else 35
    by_task = {
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
        by_task["arithmetic"] = {"task.name": "arithmetic", "task.length": window}
    for task, settings in by_task.items():
        steps = 4000 if full else STEPS[task]
        settings |= {"train.steps": steps, "train.eval_every": steps // 2}
        settings |= {"model.hidden": 128} if full else {}
    return by_task


NAMES = {
    **WORDS,
    "lstm_0": "LSTM b=0",
    **{f"lstm_{x}": f"LSTM b_{x}=1" for x in BIASES},
    **{f"lstm_{x}_drawn": f"LSTM b_{x}~1" for x in BIASES},
    **{arm.name: f"LSTM b_f={arm.settings['init.bias.f']:g}" for arm in OTHERS},
    **{arm.name: f"GRU b_z={arm.settings['init.bias.z']:g}" for arm in GRUS},
}
"""Arms and tasks in words."""
KEY = (
    "b=0: all biases start at 0. b_f, b_i, b_o = 1: the bias of the forget, input or output gate "
    "starts at 1; ~1: each entry of that bias is drawn from N(1, 0.1²)."
)
"""Names in the figure."""


def experiment(full: bool) -> Experiment:
    """Return claim 9 at CPU size, or at full size."""
    study = Study(
        name="claim_9_full" if full else "claim_9",
        question="Which bias of 1 brings an LSTM level with a GRU, if any?",
        base=PROTOCOL.base(full),
        arms=on_tasks(tasks(full), (*ARMS, *OTHERS, *GRUS) if full else ARMS),
        axes=(Axis("optim.learning_rate", PROTOCOL.rates(full)),),
        **PROTOCOL.study(full),
    )
    return Experiment(study, decide=decide, curves=curves)


def decide(evidence: Evidence) -> list[Verdict]:
    """One verdict for each biased LSTM, against the GRU and against zero biases."""
    return CLAIMS["9"](evidence.scores_by())


def _place(name: str) -> Place:
    """A row for each difference in the panel of its task."""
    return on_task(name, NAMES)


def curves(evidence: Evidence) -> ClaimPanel:
    """Score of every arm, a line for each task."""
    scores = evidence.scores_by()
    arms = tuple(dict.fromkeys(arm for _, arm in scores))
    tasks = tuple(dict.fromkeys(task for task, _ in scores))
    lines, failed = (
        {task: np.stack([of(task, arm) for arm in arms], axis=1) for task in tasks}
        for of in (
            lambda task, arm: scores_of(scores, task, arm),
            lambda task, arm: scores[task, arm].failed,
        )
    )
    return ClaimPanel(
        lines,
        "score of each arm",
        "",
        "score (0 chance, 1 best)",
        categories=arms,
        compared=DIFFERENCE,
        key=KEY,
        place=_place,
        words=NAMES.__getitem__,
        legend="task",
        failed=failed,
    )
