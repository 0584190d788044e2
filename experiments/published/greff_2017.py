"""Greff, Srivastava, Koutník, Steunebrink and Schmidhuber 2017: eight variants of the LSTM on JSB.

Every variant has a random search over rate, momentum, input noise and, at full size, units. Its
best trials on validation data are compared with those of the vanilla LSTM, which has peepholes, by
Welch's t-test with Bonferroni's correction for eight comparisons. The paper has box plots and no
table: its figures are the signs that are significant, and one number.

At CPU size the draws are those of all variants, so that variants differ in nothing else, and rates
are from the upper decade of the paper's range. Pilots of the vanilla LSTM on seed 5000 with 64
units, momentum .9 and no noise fixed the rest: with the loss summed over the frames of a piece,
rate .01 is best after 8 of 10 epochs (8.86 nats on validation data), and .001 still improves
(9.50); with the mean over frames .01, the largest rate of the range, has 11.10 after 10 epochs.
"""

import functools
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from experiments.experiment import Experiment
from seqjax.published.figures import Source, figures
from seqjax.published.join import best_trials, value_of
from seqjax.published.table import AS_PUBLISHED, Deviation, Effect, Measure, PublishedTable
from seqjax.records.record import Record
from seqjax.sweeps.axes import parse_axes
from seqjax.sweeps.study import Arm, Axis, Study

VANILLA = "vanilla"
CELLS = {
    VANILLA: "lstm_peephole",
    "NIG": "lstm_peephole_nig",
    "NFG": "lstm_peephole_nfg",
    "NOG": "lstm_peephole_nog",
    "NIAF": "lstm_peephole_niaf",
    "NOAF": "lstm_peephole_noaf",
    "CIFG": "lstm_peephole_cifg",
    "NP": "lstm",
    "FGR": "lstm_fgr",
}
WORSE, SAME, BETTER = "worse", "no effect", "better"
PATTERN = {
    "NIG": SAME,
    "NFG": WORSE,
    "NOG": SAME,
    "NIAF": SAME,
    "NOAF": WORSE,
    "CIFG": SAME,
    "NP": SAME,
    "FGR": WORSE,
}
"""Significant differences from the vanilla LSTM on JSB in the paper."""
LEVEL = 0.05
EPOCH = 229
"""Training pieces; a piece is an update."""
WIDTHS = (20, 32, 50, 80, 126, 200)
"""Units at full size: six values for the paper's range, since each width is a program."""

PAPER = Source(
    key="Greff 2017",
    citation=(
        "K. Greff, R. K. Srivastava, J. Koutník, B. R. Steunebrink and J. Schmidhuber. LSTM: a "
        "search space odyssey. IEEE TNNLS 28, 2017"
    ),
    where="figure 3 and section V",
    version="TNNLS 28(10)",
    note=(
        "8.38 is the best on validation data of all 1,800 trials on JSB, not a mean of the best "
        "trials of its variant."
    ),
)
MEASURE = Measure("frame_nll", "test NLL, nats a frame", higher_is_better=False)
EFFECTS = (
    Effect(VANILLA, "NFG", None, "the forget gate is critical", source=PAPER),
    Effect(VANILLA, "NOAF", None, "the output activation is critical", source=PAPER),
    Effect(VANILLA, "FGR", None, "full gate recurrence is worse on JSB alone", source=PAPER),
)


def deviations(full: bool) -> tuple[Deviation, ...]:
    """Differences between the paper's settings and ours."""
    kind, minutes = ("same", "") if full else ("reduced", "minutes on two cores")
    rates = "log-uniform on [1e-6, 1e-2]"
    units = "log-uniform on [20, 200]"
    return (
        Deviation("trials", 200, kind, minutes),
        Deviation(
            "trials compared",
            "the best 20 of 200",
            kind,
            "" if full else "the same share of 16 trials allows no test",
            ours="the best 20 of 200" if full else "the best 4 of 16",
        ),
        Deviation(
            "units",
            units,
            "differs" if full else "reduced",
            "a width is a program" if full else minutes,
            ours="one of six values from 20 to 200" if full else "32",
        ),
        Deviation(
            "rates",
            rates,
            kind,
            "" if full else "25 epochs are too few for smaller rates",
            ours=rates if full else "log-uniform on [1e-3, 1e-2]",
        ),
        Deviation("1 - momentum", "log-uniform on [.01, 1]", "same", "",
                  ours="log-uniform on [.01, 1]"),
        Deviation("sd of input noise", "uniform on [0, 1]", "same", "", ours="uniform on [0, 1]"),
        Deviation(
            "draws",
            "for each variant",
            "differs",
            "variants differ in nothing else",
            ours="the same for all variants, as are seeds of weights",
        ),
        Deviation("train.steps", 150 * EPOCH, kind, minutes, label="updates at most"),
        Deviation("train.patience", 15, "same", "", label="epochs without gain"),
        Deviation("train.batch_size", 1, "same", "", label="pieces an update"),
        Deviation("init.recurrent_gain", 0.1, "same", "", label="sd of weights"),
        Deviation("peepholes", "N(0, .1²)", "differs", "cells of the library", ours="0 at first"),
        Deviation("biases", "–", "unknown", "not printed apart from weights", ours="0"),
        Deviation(
            "train.reduction",
            "–",
            "unknown",
            "with the mean over frames no rate of the range learns fast enough, see the module",
            label="loss of a piece",
        ),
        Deviation("reported epoch", "–", "unknown", "not printed", ours="best on validation data"),
        Deviation("averaging of NLL", "–", "unknown", "not printed", ours="over all frames"),
    )  # fmt: skip


def drawn(path: str, trials: int, transform: Callable[[np.ndarray], np.ndarray]) -> Axis:
    """Axis of values that ``transform`` makes of uniform draws, which are fixed for a path."""
    random = np.random.Generator(np.random.PCG64(zlib.crc32(path.encode())))
    values = transform(random.uniform(0, 1, trials)).tolist()
    values = (value if isinstance(value, int) else float(f"{value:.4g}") for value in values)
    return Axis(path, tuple(values), drawn=True)


def axes(full: bool) -> tuple[Axis, ...]:
    """The draws of all trials."""
    trials = 200 if full else 16
    rates = f"loguniform({'1e-6' if full else '1e-3'},1e-2)"
    widths = drawn(
        "model.hidden", trials, lambda u: np.array(WIDTHS)[(u * len(WIDTHS)).astype(int)]
    )
    return (
        *([widths] if full else []),
        *parse_axes({"optim.learning_rate": [rates]}, trials),
        drawn("optim.momentum", trials, lambda u: 1 - 0.01 ** (1 - u)),
        drawn("reg.input_noise", trials, lambda u: u),
    )


def table(full: bool) -> PublishedTable:
    """The published figures with the deviations at CPU size, or at full size."""
    return PublishedTable(
        name="greff_2017",
        title="Greff et al. 2017, JSB",
        measures=(MEASURE,),
        figures=figures(PAPER, {"NIAF": ("8.38",)}, ({"metric": MEASURE.name},)),
        effects=EFFECTS,
        deviations=deviations(full),
        selection="top 20 of 200",
        top=20 if full else 4,
        convention=(
            "Rows are the best trials of each variant on validation data. NIG, NFG and NOG lack "
            "the input, forget and output gate, NIAF and NOAF the tanh on input and output; CIFG "
            "couples input and forget gate, NP has no peepholes, FGR has recurrence between gates."
        ),
    )


def experiment(full: bool) -> Experiment:
    """Return the experiment at CPU size, or at full size."""
    weights = ("recurrent", "input", "readout")
    study = Study(
        name="greff_2017_full" if full else "greff_2017",
        question="Which parts of an LSTM matter for polyphonic music?",
        base={
            "task.name": "jsb",
            **({} if full else {"model.hidden": 32}),
            **{f"init.{part}": "normal_fixed" for part in weights},
            **{f"init.{part}_gain": 0.1 for part in weights},
            "optim.name": "nesterov",
            "optim.scale_rate": True,
            "reg.kinds": "input_noise",
            "clip.kind": "none",
            "train.reduction": "sum",
            "train.steps": (150 if full else 25) * EPOCH,
            "train.batch_size": 1,
            "train.eval_every": EPOCH,
            "train.patience": 15,
            "train.select": "best",
        },
        arms=tuple(
            Arm(row, {"model.cell": cell}, tags={"protocol": AS_PUBLISHED, "row": row})
            for row, cell in CELLS.items()
        ),
        axes=axes(full),
        seeds=1,
        tune="optim.learning_rate",
        columns="",
    )
    top = table(full).top
    return Experiment(study, table=table(full), remarks=functools.partial(remarks, top=top))


class Comparison(NamedTuple):
    """Comparison of a variant with the vanilla LSTM.

    Attributes:
      difference: mean of the variant's best trials less that of the vanilla LSTM.
      p: p-value of Welch's t-test, times the number of variants.
      effect: "worse", "no effect" or "better" at the level .05.
    """

    difference: float
    p: float
    effect: str


def significance(records: Sequence[Record], top: int) -> dict[str, Comparison]:
    """Comparison of each variant that has as many trials as the vanilla LSTM.

    Args:
      records: the trials.
      top: number of best trials on validation data that are compared.
    """
    trials = {row: [record for record in records if record.arm == row] for row in CELLS}
    results = {
        row: [value_of(run, MEASURE) for run in best_trials(own)[:top]]
        for row, own in trials.items()
        if own and len(own) == len(trials[VANILLA])
    }
    found = {}
    for row in PATTERN:
        if row in results and len(results[row]) > 1:
            a, b = np.array(results[row]), np.array(results[VANILLA])
            difference = float(a.mean() - b.mean())
            constant = np.ptp(a) == np.ptp(b) == 0  # as where all runs failed
            test = None if constant else stats.ttest_ind(a, b, equal_var=False)
            p = min(1.0, len(PATTERN) * float(test.pvalue)) if test else float(difference == 0)
            effect = SAME if not p < LEVEL else WORSE if difference > 0 else BETTER
            found[row] = Comparison(difference, p, effect)
    return found


def remarks(records: Sequence[Record], top: int) -> list[str]:
    """The pattern of significant differences beside that of the paper."""
    found = significance(records, top)
    if not found:
        return []
    same = sum(PATTERN[row] == one.effect for row, one in found.items())
    sentences = [
        f"Welch's t-test of the best {top} trials against those of the vanilla LSTM, p-values "
        f"times {len(PATTERN)} (Bonferroni): {same} of {len(found)} variants have the published "
        "result."
    ]
    for row, one in found.items():
        p = "p < .001" if one.p < 0.001 else f"p = {one.p:.2g}"
        sentences.append(
            f"{row}: published {PATTERN[row]}, ours {one.effect} ({one.difference:+.3f} nats, {p})."
        )
    return sentences
