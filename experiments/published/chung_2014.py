"""Chung, Gulcehre, Cho and Bengio 2014, table 2: tanh network, GRU and LSTM on polyphonic music.

Three protocols. "As published" is the text of the paper: RMSProp, gradients bounded at norm 1,
weight noise, and a rate from exp U(-12, -6) selected on validation data. "As the authors' code" is
that of jych/librnn, in which settings were changed after the paper. "Tuned equally" is the paper's
protocol with the rates e⁻⁶ and e⁻⁵, and up to two powers beyond if the best is at the edge, since a
row whose best rate lies beyond the published range is a weak baseline. The loss is summed over time
under all three, as in the code; the paper does not say.

At CPU size JSB alone is trained, with batches of 8 pieces and fewer epochs. At full size Nottingham
is added, with ten drawn rates, as in the paper.

A pilot of tanh and GRU at rate e⁻⁶, at seed 5000, which is not reported, fixed the epochs: the
validation NLL was lowest after 78 and 94 of 120. Gradients were clipped at every step.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.experiment import Experiment
from seqjax.published.figures import Source, figures
from seqjax.published.table import AS_PUBLISHED, Deviation, Effect, Measure, PublishedTable
from seqjax.records.record import Record
from seqjax.sweeps.axes import parse_axes
from seqjax.sweeps.study import Arm, Axis, Study

CODE, TUNED = "as the authors' code", "tuned equally"
JSB, NOTTINGHAM = "JSB", "Nottingham"
RATE, METRIC = "optim.learning_rate", "frame_nll_later"

PAPER = Source(
    "Chung 2014",
    "Chung, Gulcehre, Cho and Bengio 2014. Empirical evaluation of gated recurrent neural networks "
    "on sequence modeling.",
    "table 2",
    version="arXiv 1412.3555",
    confidence="P",
    note="Clipping is of the gradient in the text; the authors' code (jych/librnn, 47c460b) leaves "
    "gradients as they are and bounds the update. Its LSTM file names the class of the GRU.",
)
PUBLISHED = {
    JSB: {"tanh": ("9.10", "8.82"), "GRU": ("8.54", "6.94"), "LSTM": ("8.67", "8.15")},
    NOTTINGHAM: {"tanh": ("3.13", "3.22"), "GRU": ("3.23", "2.79"), "LSTM": ("3.20", "3.08")},
}
"""Negative log-likelihood of a frame, test and training."""
ROWS = {
    "tanh": {"model.cell": "elman", "model.hidden": 100},
    "GRU": {"model.cell": "gru_reset_before", "model.hidden": 46},
    "LSTM": {"model.cell": "lstm_peephole", "model.hidden": 36},
}
GATED, BEST, SIMPLE = "gates help on JSB", "the GRU is best on JSB", "tanh is best on Nottingham"
EFFECTS = (
    Effect("GRU", "tanh", None, GATED, task=JSB),
    Effect("LSTM", "tanh", None, GATED, task=JSB),
    Effect("GRU", "LSTM", None, BEST, task=JSB),
    Effect("tanh", "GRU", None, SIMPLE, task=NOTTINGHAM),
    Effect("tanh", "LSTM", None, SIMPLE, task=NOTTINGHAM),
)

COMMON = {
    "init.input": "uniform_fixed",
    "init.input_gain": 0.1,
    "init.recurrent": "orthogonal",
    "init.readout": "uniform_fixed",
    "init.readout_gain": 0.1,
    "reg.kinds": "weight_noise",
    "reg.weight_noise": 0.075,
    "clip.threshold": 1.0,
    "train.reduction": "sum",
    "train.batch_size": 8,
    "train.select": "best",
    "train.training_metrics": True,
}
TEXT = {"optim.name": "rmsprop", "clip.kind": "norm"}
PROTOCOLS: dict[str, dict[str, Any]] = {
    AS_PUBLISHED: TEXT,
    CODE: {
        "optim.name": "rmsprop_momentum",
        "optim.decay": 0.95,
        "optim.root_floor": 0.01,
        "optim.momentum": 0.9,
        "optim.schedule": "linear",
        "optim.final": 0.01,
        RATE: 0.001,
        "clip.kind": "update",
    },
    TUNED: TEXT,
}
SUFFIXES = {AS_PUBLISHED: "", CODE: " (code)", TUNED: " (tuned)"}
UNITS_OF_CODE = {"GRU": 48}
REDUCED_RATES, WIDER_RATES = (0.000911, 0.00247), (0.00247, 0.00673)
"""e⁻⁷, e⁻⁶ and e⁻⁵, rounded down, so that none of the first is beyond the published range."""
TASKS = {JSB: "jsb", NOTTINGHAM: "nottingham"}
EPOCH = {JSB: 28, NOTTINGHAM: 86}
"""Updates of an epoch."""


def epochs(full: bool) -> dict[str, int]:
    """Epochs by data set."""
    return {JSB: 200, NOTTINGHAM: 30} if full else {JSB: 100}


def deviations(full: bool) -> tuple[Deviation, ...]:
    """Differences between the paper's settings and ours."""
    minutes, unprinted = "minutes on two cores", "not printed; that of the authors' code"
    speed = "fewer epochs, and fewer and faster updates in each"
    steps = {JSB: 114_500, NOTTINGHAM: 347_000}
    at_code = {"protocol": CODE}
    drawn = ("same", "") if full else ("reduced", "the two highest powers of e in the range")
    return (
        Deviation("train.batch_size", 1, "reduced", speed, **at_code),
        *(
            Deviation("train.steps", steps[task], "reduced", speed, task=task, label="updates",
                      **at_code)
            for task in epochs(full)
        ),
        Deviation("model.hidden", "36 or 46 or 100", "same", "", protocol=AS_PUBLISHED,
                  label="units"),
        Deviation("clip.kind", "norm", "same", "", protocol=AS_PUBLISHED, label="clipping"),
        Deviation("trials", 10, *drawn, protocol=AS_PUBLISHED),
        Deviation("seeds", 1, "differs", "a mean, instead of the best of ten trials on validation"),
        Deviation("keys", "96", "differs", "no piece uses another key", ours="88", task=JSB),
        Deviation("optim.decay", "–", "unknown", "RMSProp in the paper's sense is not defined",
                  protocol=AS_PUBLISHED, label="decay of RMSProp"),
        Deviation("train.batch_size", "–", "unknown", "not printed", protocol=AS_PUBLISHED),
        Deviation("train.steps", "–", "unknown", f"not printed; {minutes}", protocol=AS_PUBLISHED,
                  label="updates"),
        Deviation("train.reduction", "–", "unknown", unprinted, protocol=AS_PUBLISHED),
        Deviation("init.input", "–", "unknown", unprinted, protocol=AS_PUBLISHED, label="W"),
        Deviation("init.recurrent", "–", "unknown", unprinted, protocol=AS_PUBLISHED, label="U"),
        Deviation("averaging of NLL", "–", "unknown", "frames 2 … T are those of the code",
                  ours="over frames 2 … T"),
        Deviation("optim.learning_rate", 0.001, "same", "", label="rate", **at_code),
        Deviation("optim.final", 0.01, "same", "", label="last rate over first", **at_code),
        Deviation("optim.decay", 0.95, "same", "", label="decay of RMSProp", **at_code),
        Deviation("optim.root_floor", 0.01, "same", "", label="floor of the root", **at_code),
        Deviation("optim.momentum", 0.9, "same", "", label="momentum", **at_code),
        Deviation("clip.kind", "update", "same", "", label="clipping", **at_code),
        Deviation("train.reduction", "sum", "same", "", **at_code),
        Deviation("units of the GRU", "46", "differs", "48 in the code", ours="48", **at_code),
        Deviation("schedule", "linear by epoch", "differs", "linear by update", ours="by update",
                  **at_code),
        Deviation("tanh", "no file", "unknown", "the code has GRU and LSTM alone",
                  ours="their protocol", **at_code),
        Deviation("reg.weight_noise", 0.075, "same", "", label="weight noise"),
        Deviation("clip.threshold", 1.0, "same", ""),
        Deviation("optim.learning_rate", "exp U(-12, -6)", "differs",
                  "rates beyond the range, if they are best", protocol=TUNED, label="rate"),
    )  # fmt: skip


def table(full: bool) -> PublishedTable:
    """The published table with the deviations at CPU size, or at full size."""
    return PublishedTable(
        name="chung_2014",
        title="Chung et al. 2014, table 2",
        measures=(Measure(METRIC, "NLL of frames 2 … T, nats a frame", False),),
        figures=tuple(
            figure
            for task, rows in PUBLISHED.items()
            for figure in figures(
                PAPER, rows, ({"part": "test"}, {"part": "train"}), task=task, metric=METRIC, n=1
            )
        ),
        effects=EFFECTS,
        deviations=deviations(full),
        protocols=tuple(PROTOCOLS),
        selection="best of 10",
        convention="mean over frames 2 … T of all pieces, which the authors' code scores; the step "
        "of the best validation NLL; training pieces are scored without weight noise",
    )


def experiment(full: bool) -> Experiment:
    """Return the experiment at CPU size, or at full size."""
    arms = tuple(
        Arm(
            row + SUFFIXES[protocol],
            {
                "task.name": TASKS[task],
                **ROWS[row],
                **settings,
                **_length(task, number),
                **({"model.hidden": UNITS_OF_CODE.get(row, ROWS[row]["model.hidden"])}
                   if protocol == CODE else {}),
            },
            task=task,
            tags={"protocol": protocol, "row": row},
        )
        for task, number in epochs(full).items()
        for protocol, settings in PROTOCOLS.items()
        for row in ROWS
    )  # fmt: skip
    drawn = parse_axes({RATE: [f"loguniform({math.exp(-12):.4g},{math.exp(-6):.4g})"]}, 10)
    published = tuple(sorted(drawn[0].values)) if full else REDUCED_RATES
    by_protocol = {AS_PUBLISHED: (published, True), TUNED: (WIDER_RATES, False)}
    study = Study(
        name="chung_2014_full" if full else "chung_2014",
        question="Do gated units beat tanh units on music, as in Chung et al. 2014?",
        base=COMMON,
        arms=arms,
        axes=tuple(
            Axis(
                RATE,
                rates,
                arms=tuple(arm.title for arm in arms if arm.tags["protocol"] == protocol),
                closed=closed,
            )
            for protocol, (rates, closed) in by_protocol.items()
        ),
        seeds=3 if full else 4,
        tune=RATE,
        tuning_seeds=1,
        scored=full,
        columns="",
    )
    return Experiment(study, table=table(full), remarks=remarks)


def _length(task: str, number: int) -> Mapping[str, int]:
    """Updates and distance of validations of a number of epochs."""
    every = 2 * EPOCH[task]
    return {"train.steps": number * EPOCH[task], "train.eval_every": every}


def remarks(records: Sequence[Record]) -> list[str]:
    """The other three averages of each row, and the step that is reported."""
    sentences = []
    for arm in dict.fromkeys(record.arm for record in records):
        own = [r for r in records if r.arm == arm and r.purpose == "evaluation" and not r.failed]
        means = {
            name: sum(r.test[name] for r in own) / len(own)
            for name in ("frame_nll", "piece_nll", "piece_nll_later")
            if own
        }
        if means:
            steps = sorted(r.selected_step or r.settings["train.steps"] for r in own)
            sentences.append(
                f"{arm}: {means['frame_nll']:.3f} over all frames, {means['piece_nll']:.3f} over "
                f"pieces, {means['piece_nll_later']:.3f} over pieces without their first frames; "
                f"best step {steps[0]:,} to {steps[-1]:,}."
            )
    return sentences
