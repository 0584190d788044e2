"""Claim 5: vanishing gradients cannot be handled by a threshold from below.

An Elman network recalls the first of ten symbols, or of 31. Its recurrent matrix is initialised as
an orthogonal matrix times a gain: with 1 gradients reach the first step, with .5 they vanish on the
way. A floor raises small values of (a) the back-propagated signal, (b) the contribution of each
step to the weight gradient, or (c) the gradient of all weights.

The levels of a floor are the 50 and 90 % quantiles of the norms that it raises, over the steps of a
run without a floor (seed 1000, rate .01; at full size its first 500 steps), for a and b also over
examples and steps of the sequence. The first level raises half of the norms; the second raises
nearly all norms to the size of norms that have not vanished. Norms under 1e-20 are not raised and
not counted in the quantiles. The levels of the LSTM are 15 to 30 % above these quantiles.

Two comparisons are reported but decide nothing: clipping at the 50 % quantile of the gradient norm,
and an LSTM without a floor and with floors on the signals of h and of C.

The x-ratio is the largest ‖∂L/∂x_t‖ of t2…t8 over ‖∂L/∂x_t‖ of t1, each the mean over 64 held-out
sequences. It is measured after training, because the claim is about a network in which t9 reads t1;
before training it depends on the initialisation alone.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.claims.evidence import Evidence, observed
from experiments.claims.protocol import PLAIN, on_tasks
from experiments.claims.words import in_words
from experiments.experiment import Experiment
from seqjax.records.record import Record
from seqjax.reporting.plots.claims import ClaimPanel, Margin, Place, Quantity
from seqjax.stats.decisions import CLAIMS, Verdict
from seqjax.stats.decisions.analysis import Analysis
from seqjax.stats.decisions.base import MARGINS, scores_of
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
"""Levels by (lag, model) and floor, at ``QUANTILES``; for an LSTM over the signals of h and C."""
UNKNOWN = 1e6
"""The x-ratio if the gradient at t1 is 0 or not finite, which counts against the claim."""

KEY = (
    "Floors raise small values of (a) the back-propagated signal, (b) the contribution of each "
    "step to the weight gradient, (c) the gradient of all weights, to the 50 or 90 % quantile of "
    "their norms. Gain: the recurrent matrix of the Elman network starts as an orthogonal matrix "
    "times that number. Clipped: at the median gradient norm."
)
"""Names in the figure."""
EFFECT = (
    Margin(-MARGINS.yes, MARGINS.yes, f"no effect (under {MARGINS.yes:g})"),
    Margin(MARGINS.floor_effect, MARGINS.floor_effect, "smallest effect that counts"),
)
COMPARED = {
    "taken": Quantity("score lost by a floor", EFFECT),
    "added": Quantity("score gained by a floor", EFFECT),
    "x-ratio": Quantity(
        "largest ‖∂L/∂x‖ of steps 2 to 8\nover that of step 1",
        (Margin(0.5, 0.5, "limit of the claim"),),
    ),
    "score": Quantity("score (0 chance, 1 best); listed, decides nothing"),
}
"""Quantities of the figure."""
MODELS = {"gain_1": "Elman, gain 1", "gain_0.5": "Elman, gain 0.5", "lstm": "LSTM"}
TASKS = {f"recall_{lag}": f"recall {lag} steps back" for lags in LAGS.values() for lag in lags}
SIGNALS = {"x": "‖∂L/∂x(t)‖", "h": "‖∂L/∂h(t)‖", "c": "‖∂L/∂C(t)‖"}
LEVEL = {"q50": "50 %", "q90": "90 %"}
"""Models, tasks, gradients and levels in words."""


def experiment(full: bool) -> Experiment:
    """Return claim 5 at CPU size, or at full size."""
    arms = []
    for lag in LAGS[full]:
        task = {f"recall_{lag}": {"task.lag": lag, "task.length": lag + 1}}
        arms += on_tasks(task, _arms(lag))
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
    return Experiment(study, decide=decide, curves=curves)


def _arms(lag: int) -> list[Arm]:
    """Each model without a floor, with its gradients observed, with each floor, and clipped."""
    models = {
        name: {"model.cell": "elman", "init.recurrent_gain": gain} for name, gain in GAINS.items()
    }
    models["lstm"] = {"model.cell": "lstm", "init.bias.f": 1.0}
    arms = []
    for model, settings in models.items():
        arms.append(_floored(model, "none", "", {**settings, "train.observe": "gradients"}))
        for floor, levels in LEVELS[lag, model].items():
            for quantile, level in zip(QUANTILES, levels, strict=True):
                raised = {"floor.kind": FLOORS[floor], "floor.level": level}
                arms.append(_floored(model, floor, quantile, {**settings, **raised}))
        if model in GAINS:
            clip = {"clip.kind": "norm", "clip.threshold": LEVELS[lag, model]["c"][0]}
            arms.append(Arm(f"{model} clip", {**settings, **clip}, tags={"clipped": model}))
    return arms


def _floored(model: str, floor: str, level: str, settings: Mapping[str, Any]) -> Arm:
    tags = {"model": model, "floor": floor, "level": level}
    return Arm(_label(model, floor, level), settings, tags=tags)


def _label(model: str, floor: str, level: str) -> str:
    return f"{model} {floor} {level}".strip()


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 5 on the Elman networks, with the scores of the LSTM and of clipping added."""
    scores = evidence.scores_by("model", "floor", "level")
    elman = {key: scores[key] for key in scores if key[1] in GAINS}
    others = {
        (task, f"{model} clip"): clipped
        for (task, model), clipped in evidence.scores_by("clipped").items()
    }
    others |= {
        (task, _label(model, floor, level)): scores[task, model, floor, level]
        for task, model, floor, level in scores
        if model == "lstm"
    }
    verdicts = []
    for verdict in CLAIMS["5"](elman, _ratios(evidence)):
        m = len(verdict.comparisons)
        levels = (
            Analysis().mean(f"{arm} on {task}", scores_of(others, task, arm), m)
            for task, arm in sorted(others)
        )
        verdicts.append(dataclasses.replace(verdict, comparisons=(*verdict.comparisons, *levels)))
    return verdicts


def _without_floor(evidence: Evidence) -> dict[tuple[str, str], list[Record]]:
    """Runs without a floor, by (task, model)."""
    runs = evidence.runs_by("model", "floor", "level")
    return {key[:2]: records for key, records in runs.items() if key[2] == "none"}


def _ratios(evidence: Evidence) -> dict[tuple[str, str], np.ndarray]:
    """(n,) x-ratios of the runs without a floor, by (task, model)."""
    ratios = {}
    for key, runs in _without_floor(evidence).items():
        x_NT = _after(runs, "x")
        ratio_N = _over(x_NT[:, 1:8].max(axis=1), x_NT[:, 0])
        ratios[key] = np.nan_to_num(ratio_N, nan=UNKNOWN, posinf=UNKNOWN)
    return ratios


def _after(runs: Sequence[Record], name: str) -> np.ndarray:
    """(n, T) norms after training."""
    return np.array([observed(record, f"gradients.{name}")[-1] for record in runs])


def _over(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b; NaN or inf if gradients have exploded, or are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return a / b


def _place(name: str) -> Place:
    """A row for each floor and level, in the panel of its task and model."""
    if " on " in name:
        arm, _, task = name.rpartition(" on ")
        model, *rest = arm.split(" ")
        return Place(f"{MODELS[model]}, {_treatment(rest)}", TASKS[task], "score")
    head, _, setting = name.rpartition(", ")
    task, model = setting.split(" ")
    facet = f"{TASKS[task]}, {MODELS[model]}"
    if head == "x-ratio":
        return Place("no floor", facet, head)
    quantity, _, _, *floor = head.split(" ")
    return Place(_treatment(floor), facet, quantity)


def _treatment(names: Sequence[str]) -> str:
    """Floor and level, or clipping, in words."""
    if names[0] in FLOORS:
        return f"floor {names[0]} at {LEVEL[names[1]]}"
    return {"none": "no floor", "clip": "clipped"}[names[0]]


def curves(evidence: Evidence) -> ClaimPanel:
    """Gradients at each step of the sequence without a floor, on the first task."""
    runs = _without_floor(evidence)
    first, lines = next(iter(runs))[0], {}
    for (task, model), records in runs.items():
        for name in ("xhc" if model == "lstm" else "xh") * (task == first):
            norms_NT = _after(records, name)
            lines[f"{model}, {name}"] = _over(norms_NT, norms_NT.max(axis=1, keepdims=True))
    title = f"gradients without a floor, after training on {TASKS[first]}"
    return ClaimPanel(
        lines,
        title,
        "step t",
        "gradient norm over the largest",
        log=True,
        compared=COMPARED,
        key=KEY,
        place=_place,
        words=lambda name: in_words(name, MODELS | SIGNALS),
        legend="network, gradient",
    )
