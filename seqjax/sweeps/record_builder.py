"""From a run's numbers to everything that its record says about them."""

from typing import Any

import numpy as np

from seqjax.stats import rules
from seqjax.sweeps.study import Run
from seqjax.training.config import Config, as_settings
from seqjax.training.step import Trace

QUANTILES = (0.1, 0.5, 0.9, 1.0)

Metrics = dict[str, np.ndarray]


def mask_after_failure(trace: Trace, failed_at: int) -> Trace:
    """Trace of the steps that a run took, NaN after the one that failed."""
    over = (failed_at >= 0) & (np.arange(len(trace.loss)) > failed_at)
    return Trace(*(np.where(over, np.nan, values).astype(np.float32) for values in trace))


def identity(run: Run) -> dict[str, Any]:
    """What a record says of its run before it is trained."""
    return {
        "id": run.id,
        "study": run.study,
        "arm": run.arm,
        "point": dict(run.point),
        "seed": run.seed,
        "paired": run.paired,
        "compared": run.compared,
        "purpose": run.purpose,
        "settings": as_settings(run.config),
        "rules": rules.VERSION,
    }


def outcome(
    config: Config, trace: Trace, validations: list[Metrics], test: Metrics, failed_at: int
) -> dict[str, Any]:
    """Everything that a run's numbers say about it."""
    task, steps = config.task, config.train.steps
    taken = steps if failed_at < 0 else failed_at
    final = [*validations[-1].values(), *test.values()]
    nonfinite = None if failed_at < 0 else failed_at
    if nonfinite is None and not np.all(np.isfinite(final)):
        nonfinite = steps
    scores = [_score(config, metrics) for metrics in validations]
    failed = rules.failure(nonfinite, trace.loss, task.chance_loss(config.link), scores)
    norms = trace.norm[: max(taken, 1)]  # without that of the step that failed, which has no size
    hide = nonfinite is not None
    return {
        "metric": task.metric,
        "higher_is_better": task.higher_is_better,
        "chance": {"metric": task.chance_metric(), "loss": task.chance_loss(config.link)},
        "best_loss": task.best_loss(config.link),
        "reduction": "mean over the batch and the valid steps",
        "failed": failed,
        "validation": {name: None if hide else value for name, value in validations[-1].items()},
        "test": {name: None if hide else value for name, value in test.items()},
        "score": 0.0 if failed else _score(config, test),
        "gradient_norm": {
            **_spread(norms),
            "at_failure": trace.norm[failed_at] if failed_at >= 0 else None,
        },
        "gradient_norm_after": _spread(trace.after[: max(taken, 1)]),
        "clipped_fraction": float(np.mean(trace.clipped[:taken])) if taken else 0.0,
        "curve": _curve(config, trace, validations, failed_at),
    }


def _score(config: Config, metrics: Metrics) -> float:
    task = config.task
    scale = task.higher_is_better, task.chance_metric(), task.best_loss(config.link)
    return rules.metric_score(float(metrics[task.metric]), *scale)


def _spread(norms: np.ndarray) -> dict[str, np.float32]:
    mean = np.mean(norms, dtype=np.float64).astype(np.float32)
    return {"mean": mean, **{f"q{round(100 * q)}": _quantile(norms, q) for q in QUANTILES}}


def _quantile(norms: np.ndarray, q: float) -> np.float32:
    """The quantile by rank, so that an infinite norm stays one value among others."""
    return (
        np.float32(np.nan)
        if np.isnan(norms).any()
        else np.quantile(norms, q, method="inverted_cdf")
    )


def _curve(
    config: Config, trace: Trace, validations: list[Metrics], failed_at: int
) -> dict[str, list]:
    """What the learning curves show: one entry for each validation, none after a failure."""
    every = min(config.train.eval_every, config.train.steps)
    pieces = [slice(k * every, (k + 1) * every) for k in range(len(validations))]
    ends = [min(piece.stop, config.train.steps) for piece in pieces]
    return {
        "step": ends,
        "training_loss": [np.mean(trace.loss[piece]) for piece in pieces],
        "gradient_norm": [np.mean(trace.norm[piece]) for piece in pieces],
        "clipped_fraction": [np.mean(trace.clipped[piece]) for piece in pieces],
        **{
            f"validation_{name}": [
                metrics[name] if failed_at < 0 or end <= failed_at else None
                for metrics, end in zip(validations, ends, strict=True)
            ]
            for name in validations[0]
        },
    }
