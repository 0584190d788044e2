"""Claim 5: vanishing gradients cannot be handled by a threshold from below.

Recall of the first of ten symbols, and of 31, by an Elman network whose recurrent matrix starts
orthogonal times a gain: 1, where gradients reach the first step, and .5, where they vanish on the
way. Small gradients are raised in three places: (a) the back-propagated signal, (b) each step's
contribution to the weight gradient, (c) the whole gradient. Levels are the 50 and 90 % quantiles of
what is raised, over the steps of a run without a floor at the same place (seed 1000, rate .01; at
full size its first 500 steps), for a and b also over examples and steps of the sequence. At the
first half of it is raised, at the second nearly all becomes as large as what has not vanished.
Norms under 1e-20 are left alone, and out of the quantiles. ``python -m experiments.claims.levels``
measures them again. Those of the LSTM lie 15 to 30 % over the quantiles that it finds.

Clipping, at the 50 % quantile of the whole gradient, and an LSTM, with no floor and with floors on
the signals of h and of C, stand beside these and decide nothing.

The x-ratio is taken after training, as the claim is about a network in which t9 reads t1: the
largest ‖∂L/∂x_t‖ of t2…t8 over that of t1, each the mean over 64 held-out sequences. Before
training it says how the weights were drawn.
"""

import dataclasses
import itertools

import numpy as np

from experiments.claims.evidence import PLAIN, by_arm, is_full, observed, on_tasks, outcomes
from experiments.experiment import Subject
from seqjax.reporting.plots.claims import Curves
from seqjax.stats.decisions import CLAIMS
from seqjax.stats.decisions.analysis import Analysis
from seqjax.stats.decisions.base import lookup, scores_of
from seqjax.sweeps.study import Arm, Axis, Study

FLOORS = {"a": "signal", "b": "contribution", "c": "norm"}
QUANTILES = ("q50", "q90")
GAINS = {"gain_1": 1.0, "gain_0.5": 0.5}
LAGS = {False: (9, 30), True: (39, 123)}
LEVELS = {
    (9, "gain_1"): {"a": (4.5e-4, 0.012), "b": (8.7e-4, 0.027), "c": (0.078, 1.4)},
    (9, "gain_0.5"): {"a": (5.9e-4, 0.017), "b": (0.0012, 0.035), "c": (0.48, 0.56)},
    (9, "lstm"): {"a": (0.0044, 0.023)},
    (30, "gain_1"): {"a": (1.4e-5, 0.0058), "b": (3.4e-5, 0.014), "c": (0.76, 0.98)},
    (30, "gain_0.5"): {"a": (9.8e-8, 0.0025), "b": (2.1e-7, 0.0053), "c": (0.48, 0.56)},
    (30, "lstm"): {"a": (0.0021, 0.011)},
    (39, "gain_1"): {"a": (4.8e-4, 0.011), "b": (0.0021, 0.048), "c": (1.3, 1.5)},
    (39, "gain_0.5"): {"a": (3.9e-9, 0.0016), "b": (1.4e-8, 0.006), "c": (0.93, 1.0)},
    (39, "lstm"): {"a": (0.0016, 0.0072)},
    (123, "gain_1"): {"a": (1e-7, 0.002), "b": (4.5e-7, 0.0089), "c": (1.3, 1.5)},
    (123, "gain_0.5"): {"a": (2e-11, 5.1e-4), "b": (4.6e-10, 0.0037), "c": (0.94, 1.0)},
    (123, "lstm"): {"a": (2e-5, 0.0017)},
}
"""By lag, model and floor, at ``QUANTILES``; of an LSTM over the signals of h and of C together."""
UNKNOWN = 1e6
"""The ratio where the gradient at t1 is 0, or is not finite: it speaks against the claim."""


def subject(full: bool) -> Subject:
    arms = []
    for lag in LAGS[full]:
        own = {"task.lag": lag, "task.length": lag + 1}
        arms += on_tasks({_task(lag): own}, _arms(lag))
    study = Study(
        name="claim_5_full" if full else "claim_5",
        question="Does a floor under small gradients help, or does it destroy what is remembered?",
        base={
            **PLAIN.base(full),
            "task.name": "lag_recall",
            "train.steps": 4000 if full else 800,
            "train.eval_every": 2000 if full else 400,
        },
        arms=tuple(arms),
        axes=(Axis("optim.learning_rate", PLAIN.rates(full)),),
        **PLAIN.study(full),
    )
    return Subject(study, decide=decide, curves=curves)


def _task(lag: int) -> str:
    return f"recall_{lag}"


def _arms(lag: int) -> list[Arm]:
    """Of each model the runs without a floor, whose gradients are looked at, and those with."""
    models = {
        name: {"model.cell": "elman", "init.recurrent_gain": gain} for name, gain in GAINS.items()
    }
    models["lstm"] = {"model.cell": "lstm", "init.bias.f": 1.0}
    arms = []
    for model, own in models.items():
        arms.append(Arm(f"{model} none", {**own, "train.observe": "gradients"}))
        for floor, levels in LEVELS[lag, model].items():
            for quantile, level in zip(QUANTILES, levels, strict=True):
                settings = {"floor.kind": FLOORS[floor], "floor.level": level}
                arms.append(Arm(f"{model} {floor} {quantile}", {**own, **settings}))
        if model in GAINS:
            clip = {"clip.kind": "norm", "clip.threshold": LEVELS[lag, model]["c"][0]}
            arms.append(Arm(f"{model} clip", {**own, **clip}))
    return arms


def decide(recorded, points):
    del points
    given, scores = outcomes(recorded), {}
    for lag in LAGS[is_full(recorded)]:
        task = _task(lag)
        for model in GAINS:
            scores[task, model, "none", ""] = lookup(given, task, f"{model} none")
            for floor, level in itertools.product(FLOORS, QUANTILES):
                own = lookup(given, task, f"{model} {floor} {level}")
                scores[task, model, floor, level] = own
    levels = [
        (f"{arm} on {task}", scores_of(given, task, arm))
        for task, arm in sorted(given)
        if arm.startswith("lstm ") or arm.endswith(" clip")
    ]
    verdicts = []
    for verdict in CLAIMS["5"](scores, _ratios(recorded)):
        m = len(verdict.comparisons)
        beside = (Analysis().mean(name, scores_N, m) for name, scores_N in levels)
        verdicts.append(dataclasses.replace(verdict, comparisons=(*verdict.comparisons, *beside)))
    return verdicts


def _ratios(recorded) -> dict[tuple[str, str], np.ndarray]:
    """By (task, model) the (n,) largest ‖∂L/∂x_t‖ of t2…t8 over that of t1, after training."""
    ratios = {}
    for (task, arm), runs in by_arm(recorded).items():
        model, _, floor = arm.partition(" ")
        if floor == "none":
            x_NT = _after(runs, "x")
            ratio_N = _over(x_NT[:, 1:8].max(axis=1), x_NT[:, 0])
            ratios[task, model] = np.nan_to_num(ratio_N, nan=UNKNOWN, posinf=UNKNOWN)
    return ratios


def _after(runs, name: str) -> np.ndarray:
    """(n, T) norms after training."""
    return np.array([observed(record, f"gradients.{name}")[-1] for record in runs])


def _over(a, b) -> np.ndarray:
    """a / b; NaN or inf where gradients have exploded, or are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return a / b


def curves(recorded, points):
    del points
    task, lines, given = _task(LAGS[is_full(recorded)][0]), {}, by_arm(recorded)
    for model, names in {**dict.fromkeys(GAINS, "xh"), "lstm": "xhc"}.items():
        if (task, f"{model} none") not in given:
            continue
        for name in names:
            norms_NT = _after(given[task, f"{model} none"], name)
            lines[f"{model}, {name}"] = _over(norms_NT, norms_NT.max(axis=1, keepdims=True))
    title = f"gradients without a floor, after training on {task}"
    return Curves(lines, title, "step t", "‖∂L/∂(x, h, C)_t‖ over the largest", log=True)
