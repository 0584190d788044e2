"""Claim 8: in a trained LSTM nearly all gate values are very near 0 or 1.

An LSTM is trained on four tasks. All biases start at 0, so initialisation saturates no gate. The
gates are i, f and o, as in the tutorial; the candidate g is not a gate and is left out. Values are
observed at the valid steps of the first 512 validation sequences (for a text, of its first
windows), in failed runs too.

Training takes four times the steps of the registered rule; gates are observed after 1, 2 and 4
times these steps. Learning rates are tuned on validation data after 4 times the steps.
"""

import dataclasses

import numpy as np

from experiments.claims.evidence import Evidence, observed
from experiments.claims.protocol import PROTOCOL, on_tasks
from experiments.claims.words import in_words
from experiments.experiment import Experiment
from seqjax.diagnostics.gates import EDGES
from seqjax.reporting.plots.claims import ClaimPanel, Margin, Place, Quantity
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.sweeps.study import Arm, Axis, Study

GATES = ("i", "f", "o")
TIMES = (1, 2, 4)
LAYERS = {"adding": 1, "agreement": 1, "digits_rows": 1, "characters": 2}
STEPS = {"adding": 400, "agreement": 200, "digits_rows": 200, "characters": 200}
LSTM = "lstm"

GATE_WORDS = {"i": "input gate", "f": "forget gate", "o": "output gate"}
SHARE = Quantity(
    "share of gate values below 0.1 or above 0.9",
    (
        Margin(0.8, 1.0, "nearly all (above 0.8)"),
        Margin(0.5, 0.5, "limit below which the claim is contradicted"),
    ),
)


def experiment(full: bool) -> Experiment:
    """Return claim 8 at CPU size, or at full size."""
    tasks = {
        "adding": {"task.name": "adding", "task.length": 200 if full else 50},
        "agreement": {"task.name": "agreement"},
        "digits_rows": {"task.name": "digits_rows"},
        "characters": {"task.name": "unicode_names", "task.length": 140 if full else 35},
    }
    for task, settings in tasks.items():
        steps = STEPS[task] * (10 if full else 1)
        settings |= {"train.steps": TIMES[-1] * steps, "train.eval_every": steps}
        settings["model.layers"] = LAYERS[task]
    study = Study(
        name="claim_8_full" if full else "claim_8",
        question="Are the gates of a trained LSTM nearly always open or shut?",
        base={**PROTOCOL.base(full), "model.cell": LSTM, "train.observe": "gates"},
        arms=on_tasks(tasks, [Arm(LSTM)]),
        axes=(Axis("optim.learning_rate", PROTOCOL.rates(full)),),
        **PROTOCOL.study(full),
    )
    return Experiment(study, decide=decide, curves=curves)


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 8 at the registered cut-off and time, and exploratory verdicts at all others."""
    shares = {
        (cut, times): _shares(evidence, edge, times)
        for times in TIMES
        for edge, cut in enumerate(EDGES)
    }
    before = max(float(x.mean()) for x in _shares(evidence, 0, 0).values())
    at_start = f"; before training at most {before:.1%} of a gate's values"
    return [
        dataclasses.replace(verdict, because=verdict.because + at_start)
        for verdict in CLAIMS["8"](shares)
    ]


def _gate_values(evidence: Evidence, field: str) -> dict[tuple[str, int, str], np.ndarray]:
    """(n, times, ...) values of a field by (task, layer, gate); time 0 is before training."""
    return {
        (task, layer, gate): np.stack(
            [observed(record, f"gates.layer{layer}_forward.{gate}.{field}") for record in records]
        )
        for (task, _), records in evidence.runs_by().items()
        for layer in range(LAYERS[task])
        for gate in GATES
    }


def _shares(evidence: Evidence, edge: int, time: int) -> dict[tuple[str, int, str], np.ndarray]:
    """(n,) shares of values below a cut-off or above 1 minus it, by (task, layer, gate)."""
    low, high = _gate_values(evidence, "low"), _gate_values(evidence, "high")
    return {key: (low[key] + high[key])[:, time, edge] for key in low}


def _place(name: str) -> Place:
    """A row for each gate in the panel of its task and layer."""
    task, layer, gate = name.split(" ")
    several = LAYERS.get(task, 1) > 1
    return Place(GATE_WORDS[gate], in_words(task) + f", layer {int(layer) + 1}" * several)


def curves(evidence: Evidence) -> ClaimPanel:
    """Histogram of the values of each gate after the registered number of steps."""
    histograms = _gate_values(evidence, "histogram").items()
    lines = {
        gate: np.mean([rows[:, 1] for key, rows in histograms if key[-1] == gate], axis=0)
        for gate in GATES
    }
    title = "gate values after training, mean of tasks and layers"
    width = 1 / len(next(iter(lines.values())).T)
    return ClaimPanel(
        lines,
        title,
        "gate value",
        f"share of gate values in a bin of {width:g}",
        first=width / 2,
        step=width,
        compared=SHARE,
        place=_place,
        words=GATE_WORDS.__getitem__,
        legend="gate",
    )
