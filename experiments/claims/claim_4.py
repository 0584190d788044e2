"""Claim 4: exploding gradients are handled by clipping, here by norm and by value.

An Elman network learns temporal order, and digits read pixel by pixel. The thresholds are the 10,
50 and 90 % quantiles of the quantity that each kind bounds, the joint norm or the largest entry,
over the steps of an unclipped run (seed 1000, rate .01). At equal quantiles both kinds clip equally
many of these steps.

The learning rate of each arm is tuned. For each kind the rule selects the threshold with the best
mean validation metric on the tuning seeds; ties go to the lowest threshold. Failures are counted on
the reported seeds at every rate and at every threshold, because the selected threshold is not known
before training.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.claims.evidence import Evidence, seed_scores
from experiments.claims.protocol import PLAIN, on_tasks
from experiments.claims.words import DIFFERENCE, FEWER_FAILURES, WORDS, in_words
from experiments.experiment import Experiment
from seqjax.records.record import Record
from seqjax.reporting.plots.claims import ClaimPanel, Place
from seqjax.stats import rules
from seqjax.stats.decisions import CLAIMS, EvidenceError, Verdict
from seqjax.sweeps.study import Arm, Axis, Study

RATE = "optim.learning_rate"
KINDS = ("norm", "value")
QUANTILES = ("q10", "q50", "q90")
THRESHOLDS = {
    False: {
        "temporal_order": {"norm": (0.054, 0.34, 1.7), "value": (0.0066, 0.047, 0.25)},
        "digits_pixels": {"norm": (0.95, 2.0, 4.7), "value": (0.11, 0.26, 0.65)},
    },
    True: {
        "temporal_order": {"norm": (0.72, 0.9, 1.2), "value": (0.094, 0.12, 0.18)},
        "digits_pixels": {"norm": (2.0, 2.9, 5.4), "value": (0.097, 0.16, 0.38)},
    },
}
"""Thresholds by full size or not, task and kind, at ``QUANTILES``."""

KEY = "Clipping by norm and by value: at the thresholds selected on validation data."
"""Names in the figure."""
COMPARED = {"failures": FEWER_FAILURES, "score": DIFFERENCE}
"""Quantities of the figure."""
CLIPPING = {"none": "no clipping", "norm": "clipping by norm", "value": "clipping by value"}


def experiment(full: bool) -> Experiment:
    """Return claim 4 at CPU size, or at full size."""
    arms = []
    for task, thresholds in THRESHOLDS[full].items():
        settings = {"task.name": task}
        if task == "temporal_order":
            settings["task.length"] = 80 if full else 20
        arms += on_tasks({task: settings}, _arms(thresholds, full))
    study = Study(
        name="claim_4_full" if full else "claim_4",
        question="Does clipping keep training from failing, and does it cost anything?",
        base={
            **PLAIN.base(full),
            "model.cell": "elman",
            "train.steps": 2000 if full else 400,
            "train.eval_every": 1000 if full else 200,
        },
        arms=tuple(arms),
        axes=(Axis(RATE, PLAIN.rates(full)),),
        **PLAIN.study(full),
    )
    return Experiment(study, decide=decide, curves=curves)


def _arms(thresholds: Mapping[str, Sequence[float]], full: bool) -> list[Arm]:
    """No clipping, and each kind at each threshold, with the tuned rate and at every fixed rate."""
    tuned = [Arm("none", {"clip.kind": "none"}, tags={"kind": "none", "quantile": ""})]
    for kind in KINDS:
        for quantile, threshold in zip(QUANTILES, thresholds[kind], strict=True):
            settings = {"clip.kind": kind, "clip.threshold": threshold}
            tags = {"kind": kind, "quantile": quantile}
            tuned.append(Arm(_label(kind, quantile), settings, tags=tags))
    fixed = [
        Arm(
            f"{arm.name} at {rate:g}", {**arm.settings, RATE: rate}, tags={**arm.tags, "rate": rate}
        )
        for arm in tuned
        for rate in PLAIN.rates(full)
    ]
    return tuned + fixed


def _label(kind: str, quantile: str) -> str:
    return f"{kind}_{quantile}" if quantile else kind


def decide(evidence: Evidence) -> list[Verdict]:
    """Verdict 4 at the thresholds selected on the tuning seeds."""
    tuned, chosen = evidence.runs_by("kind", "quantile"), _chosen(evidence)
    scores = {(task, kind): seed_scores(tuned[task, kind, q]) for (task, kind), q in chosen.items()}
    clipped = [
        f"{_label(kind, quantile)} on {task} ({_clipped(tuned[task, kind, quantile])})"
        for (task, kind), quantile in chosen.items()
        if kind in KINDS
    ]
    choice = f"; chosen on the tuning seeds: {', '.join(clipped)}"
    return [
        dataclasses.replace(verdict, because=verdict.because + choice)
        for verdict in CLAIMS["4"](scores, _failures(evidence, chosen))
    ]


def _clipped(runs: Sequence[Record]) -> str:
    """The fraction of clipped steps, with a remark if it is very small or very large."""
    fraction = float(np.mean([record.clipped_fraction for record in runs]))
    marks = ", no evidence about clipping" * (fraction < rules.RARELY)
    marks += ", normalised SGD" * (fraction > rules.ALWAYS)
    return f"clipped {fraction:.2f}{marks}"


def _chosen(evidence: Evidence) -> dict[tuple[str, str], str]:
    """The quantile of the threshold by (task, kind), chosen on the tuning seeds."""
    tried: dict[tuple[str, str], dict[tuple[str, float], list[Record]]] = {}
    for (task, kind, quantile), runs in evidence.runs_by(
        "kind", "quantile", purpose="tuning"
    ).items():
        by_setting = tried.setdefault((task, kind), {})
        for record in runs:
            by_setting.setdefault((quantile, record.point[RATE]), []).append(record)
    return {
        pair: rules.select_best(dict(sorted(by_setting.items())))[0]
        for pair, by_setting in tried.items()
    }


def _failures(
    evidence: Evidence, chosen: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], np.ndarray]:
    """(rates, n) bools that mark failed runs, by (task, kind), at the chosen thresholds."""
    rows: dict[tuple[str, str], list[np.ndarray]] = {pair: [] for pair in chosen}
    for (task, kind, quantile, _), scores in evidence.scores_by("kind", "quantile", "rate").items():
        if chosen[task, kind] == quantile:
            rows[task, kind].append(scores.failed)
    for (task, kind), failed in rows.items():
        if len({len(row) for row in failed}) > 1:
            raise EvidenceError(f"{kind} on {task}: expected the same seeds at every rate")
    return {pair: np.array(failed) for pair, failed in rows.items()}


def _place(name: str) -> Place:
    """A row for each kind of clipping in the panel of its task."""
    head, _, task = name.rpartition(" on ")
    if head.startswith("failures avoided by "):
        kind = head.removeprefix("failures avoided by ")
        return Place(CLIPPING[kind], in_words(task), "failures")
    return Place(in_words(head, CLIPPING), in_words(task), "score")


def curves(evidence: Evidence) -> ClaimPanel:
    """Share of failed runs over learning rates, at the chosen thresholds."""
    failed = _failures(evidence, _chosen(evidence))
    rates = dict.fromkeys(rate for *_, rate in evidence.runs_by("kind", "quantile", "rate"))
    shares = {f"{task}, {kind}": rows_RN.mean(axis=1) for (task, kind), rows_RN in failed.items()}
    at = tuple(f"{rate:.2g}" for rate in rates)
    return ClaimPanel(
        shares,
        "how often runs fail",
        "learning rate",
        "share of runs that fail",
        categories=at,
        compared=COMPARED,
        key=KEY,
        place=_place,
        words=lambda name: in_words(name, WORDS | CLIPPING),
        legend="task, clipping",
    )
