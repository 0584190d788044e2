"""Le, Jaitly and Hinton 2015: tanh network, IRNN and LSTM on the adding problem.

An IRNN has ReLU units, U = I, and other weights N(0, .001²). Every row is trained by plain gradient
descent, with rate, clip threshold and, for the LSTM, forget bias selected together on validation
data. The paper shows curves; it prints the error of a constant prediction alone. Its text is
compared: the IRNN adds over 150 to 300 steps where the tanh network struggles.

At CPU size sequences have 50 steps, training has 20,000 updates, and the grid has two rates and two
thresholds. Pilots at seed 5000, which is not reported, set these: at 100 steps an LSTM at rate .1
reached an error of .004 in 10,000 updates, but IRNNs none below .159 in 30,000 at rate .01, and at
rate .1 one failed in its third update with threshold 100; at 50 steps and rate .01 an IRNN reached
.009 in 20,000.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.experiment import Experiment
from seqjax.published.figures import Figure, Source
from seqjax.published.table import AS_PUBLISHED, Deviation, Effect, Measure, PublishedTable
from seqjax.records.record import Record
from seqjax.sweeps.study import Arm, Axis, Study

RATE, THRESHOLD, BIAS = "optim.learning_rate", "clip.threshold", "init.bias.f"
NAMES = {RATE: "rate", THRESHOLD: "clip threshold", BIAS: "forget bias"}
TANH, IRNN, LSTM, CONSTANT = "tanh", "IRNN", "LSTM", "always 1"
PAPER = Source(
    "Le 2015",
    "Le, Jaitly and Hinton 2015. A simple way to initialize recurrent networks of rectified linear "
    "units.",
    "section 4.1",
    version="arXiv 1504.00941",
    confidence="S",
    note="The printed error of the constant prediction 1 is .1767; the variance of the sum of two "
    "numbers from U(0, 1) is 1/6 = .1667, which is chance here.",
)
SMALL = {"init.input": "normal_fixed", "init.readout": "normal_fixed"}
SMALL |= {"init.input_gain": 0.001, "init.readout_gain": 0.001}
ROWS: dict[str, dict[str, Any]] = {
    TANH: {"model.cell": "elman"},
    IRNN: {"model.cell": "elman_relu", "init.recurrent": "identity", **SMALL},
    LSTM: {"model.cell": "lstm"},
}
LENGTHS = (150, 200, 300, 400)
"""Published lengths. Every row struggles at the last one."""
REDUCED = 50
WHY = "the IRNN adds over lengths at which the tanh network struggles"


def lengths(full: bool) -> dict[str, int]:
    """Steps of the sequences by label of the task."""
    return {f"adding {T}": T for T in (LENGTHS if full else (REDUCED,))}


def grid(full: bool) -> dict[str, tuple[float, ...]]:
    """Values of the selected fields."""
    if full:
        rates, thresholds = (0.001, 0.01, 0.1), (1.0, 10.0, 100.0, 1000.0)
    else:
        rates, thresholds = (0.01, 0.1), (1.0, 100.0)
    return {RATE: rates, THRESHOLD: thresholds, BIAS: (1.0, 4.0, 10.0, 20.0)}


def deviations(full: bool) -> tuple[Deviation, ...]:
    """Differences between the paper's settings and ours."""
    kind, why = ("same", "") if full else ("reduced", "minutes on two cores")
    unprinted = "not printed for this network"
    return (
        *(
            Deviation("task.length", T if full else " to ".join(map(str, LENGTHS[::3])), kind, why,
                      task=label, label="steps of a sequence")
            for label, T in lengths(full).items()
        ),
        Deviation("model.hidden", 100, "same", "", label="units"),
        Deviation("optim.name", "sgd", "same", "", label="optimiser"),
        Deviation("train.batch_size", 16, "same", ""),
        Deviation("train.steps", "millions", "reduced", "shown on the axes of curves",
                  label="updates"),
        Deviation("training sequences", "100,000", "differs", "generated when needed",
                  ours="new ones in every update"),
        Deviation(RATE, "1e-9 to 1e-1", "reduced", "lower rates learn nothing in these updates",
                  label="rate"),
        Deviation(THRESHOLD, "1 or 10 or 100 or 1000", kind, why),
        Deviation(BIAS, "1 or 4 or 10 or 20", "same", "", label="forget bias"),
        Deviation("seeds", "–", "unknown", "not printed"),
        Deviation("weights of tanh network and LSTM", "–", "unknown", unprinted,
                  ours="orthogonal U, W of variance 1 over its inputs"),
        Deviation("train.select", "curves", "differs", "one number a run", label="reported step"),
    )  # fmt: skip


def table(full: bool) -> PublishedTable:
    """The published statements with the deviations at CPU size, or at full size."""
    labels = tuple(lengths(full))
    compared = labels[:3]
    return PublishedTable(
        name="le_2015",
        title="Le et al. 2015, the adding problem",
        measures=(
            Measure("mse", "test mean squared error", False),
            Measure(
                "solved", "share of runs with an error below .01", True, criterion="mse < 0.01"
            ),
        ),
        figures=tuple(
            Figure(CONSTANT, 0.1767, PAPER, metric="mse", digits=4, task=label) for label in labels
        ),
        effects=tuple(Effect(IRNN, TANH, None, WHY, task=t, source=PAPER) for t in compared),
        deviations=deviations(full),
        convention="the step of the best validation error; failed runs count as chance, 1/6",
    )


def experiment(full: bool) -> Experiment:
    """Return the experiment at CPU size, or at full size."""
    arms = tuple(
        Arm(
            row,
            {"task.length": T, **settings},
            task=label,
            tags={"protocol": AS_PUBLISHED, "row": row},
        )
        for label, T in lengths(full).items()
        for row, settings in ROWS.items()
    )
    study = Study(
        name="le_2015_full" if full else "le_2015",
        question="Does the IRNN add where a tanh network cannot, as in Le et al. 2015?",
        base={
            "task.name": "adding",
            "model.hidden": 100,
            "optim.name": "sgd",
            "clip.kind": "norm",
            "train.batch_size": 16,
            "train.steps": 200_000 if full else 20_000,
            "train.eval_every": 2_000 if full else 500,
            "train.select": "best",
        },
        arms=arms,
        axes=tuple(axis for arm in arms for axis in _axes(arm, grid(full))),
        seeds=5 if full else 3,
        tune=RATE,
        tuning_seeds=1,
        columns="",
    )
    return Experiment(study, table=table(full), remarks=remarks)


def _axes(arm: Arm, values: Mapping[str, tuple[float, ...]]) -> list[Axis]:
    """Axes whose trials are all points of the grid of an arm, so that they are tuned together."""
    paths = [path for path in values if path != BIAS or arm.tags["row"] == LSTM]
    columns = zip(*itertools.product(*(values[path] for path in paths)), strict=True)
    return [
        Axis(path, column, arms=(arm.title,), label=NAMES[path], drawn=True)
        for path, column in zip(paths, columns, strict=True)
    ]


def remarks(records: Sequence[Record]) -> list[str]:
    """The lowest validation error of each arm at every value of the selected fields."""
    sentences = []
    for arm in dict.fromkeys(record.arm for record in records):
        tried = [r for r in records if r.arm == arm and r.purpose == "tuning"]
        parts = []
        for path, name in NAMES.items():
            best: dict[float, float] = {}
            for record in tried:
                if path in record.point:
                    error = record.chance.metric if record.failed else record.validation["mse"]
                    value = record.point[path]
                    best[value] = min(error, best.get(value, error))
            if best:
                listed = ", ".join(f"{value:g}: {best[value]:.4f}" for value in sorted(best))
                parts.append(f"{name} {listed}")
        if parts:
            failed = sum(record.failed is not None for record in tried)
            sentences.append(
                f"{arm}: lowest validation error of the trials by {'; by '.join(parts)}; "
                f"{failed} of {len(tried)} trials failed."
            )
    return sentences
