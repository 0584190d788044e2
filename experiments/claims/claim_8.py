"""Claim 8: in a trained LSTM nearly all gate values are very near 0 or 1.

Four tasks; all biases start at 0, so that no gate is saturated by its initialisation. Gates are i,
f and o, as in the tutorial: the candidate g is what they let through, and is left out. Their values
are those of the first 512 validation sequences (of a text: of its first stretches), valid steps
alone. Of a run that failed they are counted as they are.

Training takes four times the steps of the registered rule and is observed after 1, 2 and 4 times.
So rates are tuned by what validation says at the end, after 4 times the steps.
"""

import dataclasses

import numpy as np

from experiments.claims.evidence import PROTOCOL, by_arm, complete, observed, on_tasks
from experiments.experiment import Subject
from seqjax.diagnostics.gates import EDGES
from seqjax.reporting.plots.claims import Curves
from seqjax.stats.decisions import CLAIMS
from seqjax.sweeps.study import Arm, Axis, Study

GATES = ("i", "f", "o")
TIMES = (1, 2, 4)
LAYERS = {"adding": 1, "agreement": 1, "digits_rows": 1, "characters": 2}
STEPS = {"adding": 400, "agreement": 200, "digits_rows": 200, "characters": 200}
LSTM = "lstm"


def subject(full: bool) -> Subject:
    tasks = {
        "adding": {"task.name": "adding", "task.length": 200 if full else 50},
        "agreement": {"task.name": "agreement"},
        "digits_rows": {"task.name": "digits_rows"},
        "characters": {"task.name": "unicode_names", "task.length": 140 if full else 35},
    }
    for task, own in tasks.items():
        steps = STEPS[task] * (10 if full else 1)
        own |= {"train.steps": TIMES[-1] * steps, "train.eval_every": steps}
        own["model.layers"] = LAYERS[task]
    study = Study(
        name="claim_8_full" if full else "claim_8",
        question="Are the gates of a trained LSTM nearly always open or shut?",
        base={**PROTOCOL.base(full), "model.cell": LSTM, "train.observe": "gates"},
        arms=on_tasks(tasks, [Arm(LSTM)]),
        axes=(Axis("optim.learning_rate", PROTOCOL.rates(full)),),
        **PROTOCOL.study(full),
    )
    return Subject(study, decide=decide, curves=curves)


def decide(recorded, points):
    del points
    runs = complete(by_arm(recorded), LAYERS, [LSTM])
    shares = {
        (cut, times): _shares(runs, edge, times)
        for times in TIMES
        for edge, cut in enumerate(EDGES)
    }
    before = max(float(x.mean()) for x in _shares(runs, 0, 0).values())
    more = f"; before training at most {before:.1%} of a gate's values"
    return [
        dataclasses.replace(verdict, because=verdict.because + more)
        for verdict in CLAIMS["8"](shares)
    ]


def _of_gates(runs, field: str):
    """By (task, layer, gate) an array (n, times, ...), the first time being before training."""
    return {
        (task, layer, gate): np.stack(
            [observed(record, f"gates.layer{layer}_forward.{gate}.{field}") for record in own]
        )
        for (task, _), own in runs.items()
        for layer in range(LAYERS[task])
        for gate in GATES
    }


def _shares(runs, edge: int, time: int) -> dict[tuple[str, int, str], np.ndarray]:
    """(n,) shares of values below a cut-off or above 1 minus it."""
    low, high = _of_gates(runs, "low"), _of_gates(runs, "high")
    return {place: (low[place] + high[place])[:, time, edge] for place in low}


def curves(recorded, points):
    del points
    found = _of_gates(by_arm(recorded), "histogram")
    lines = {
        gate: np.mean([rows[:, 1] for place, rows in found.items() if place[-1] == gate], axis=0)
        for gate in GATES
    }
    title = "gate values after training, mean of tasks and layers"
    width = 1 / len(next(iter(lines.values())).T)
    return Curves(lines, title, "gate value", "share", first=width / 2, step=width)
