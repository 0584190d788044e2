"""Build the record of a trained run."""

from collections.abc import Mapping, Sequence

import numpy as np

from seqjax.records.record import Chance, Failure, Norms, NormsBeforeClipping, Record
from seqjax.records.source import source_of
from seqjax.stats import rules
from seqjax.sweeps.study import Run
from seqjax.training.config import Config, as_settings
from seqjax.training.specs import REDUCTIONS
from seqjax.training.step import Trace

QUANTILES = (0.1, 0.5, 0.9, 1.0)


def mask_after_failure(trace: Trace, failed_at: int) -> Trace:
    """Return the trace with NaN after the step that failed; weights are frozen from that step on.

    Args:
      trace: (N,) arrays, one entry a step.
      failed_at: the first step that was not finite, or -1.
    """
    after = (failed_at >= 0) & (np.arange(len(trace.loss)) > failed_at)
    return Trace(*(np.where(after, np.nan, values).astype(np.float32) for values in trace))


def make_record(
    run: Run,
    size: Mapping[str, int],
    trace: Trace,
    validations: Sequence[Mapping[str, np.ndarray]],
    test: Mapping[str, np.ndarray],
    failed_at: int,
    observed: Mapping[str, np.ndarray],
    seconds: float,
) -> Record:
    """Return the record of a run; the caller sets ``tune``, ``environment`` and ``curve_file``.

    Args:
      run: the run.
      size: result of ``models.sequence.model_size``.
      trace: result of ``mask_after_failure``.
      validations: metrics at every validation, scalars by name.
      test: metrics on the test part, scalars by name.
      failed_at: the first step that was not finite, or -1.
      observed: arrays recorded during training.
      seconds: wall time.
    """
    config, task = run.config, run.config.task
    taken = config.train.steps if failed_at < 0 else failed_at
    nonfinite = None if failed_at < 0 else failed_at
    if nonfinite is None and not np.all(np.isfinite([*validations[-1].values(), *test.values()])):
        nonfinite = config.train.steps
    chance_loss = task.chance_loss(config.link)
    scores = [_score(config, metrics) for metrics in validations]
    failed = rules.failure(nonfinite, trace.loss, chance_loss, scores)
    norms = trace.norm[: max(taken, 1)]  # the step that failed has no norm
    at_failure = _number(trace.norm[failed_at]) if failed_at >= 0 else None
    return Record(
        id=run.id,
        study=run.study,
        arm=run.arm,
        point=dict(run.point),
        seed=run.seed,
        paired=run.paired,
        compared=run.compared,
        purpose=run.purpose,
        settings=as_settings(config),
        rules=rules.VERSION,
        source=source_of(config),
        **size,
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        chance=Chance(_number(task.chance_metric()), _number(chance_loss)),
        best_loss=_number(task.best_loss(config.link)),
        baselines=task.baselines(),
        reduction=_reduction(config),
        failed=Failure(**failed) if failed else None,
        validation=_final(validations[-1], nonfinite),
        test=_final(test, nonfinite),
        score=0.0 if failed else _score(config, test),
        gradient_norm=NormsBeforeClipping(*_statistics(norms), at_failure),
        gradient_norm_after=Norms(*_statistics(trace.after[: max(taken, 1)])),
        clipped_fraction=float(np.mean(trace.clipped[:taken])) if taken else 0.0,
        curve=curve_of(config, trace, validations, failed_at),
        observed=dict(observed),
        seconds=round(seconds, 6),
        tune=None,
        environment={},
        curve_file="",
    )


def _reduction(config: Config) -> str:
    """The reduction of the training loss in words."""
    kind = config.train.reduction
    return config.task.reduction if kind == "mean" else REDUCTIONS[kind]


def _number(value: float | np.floating | np.ndarray) -> float | None:
    """The float with the shortest decimal form of ``value``, which records store; None for NaN."""
    return None if np.isnan(value) else float(str(value))


def _final(metrics: Mapping[str, np.ndarray], nonfinite: int | None) -> dict[str, float | None]:
    missing = nonfinite is not None
    return {name: None if missing else _number(value) for name, value in metrics.items()}


def _score(config: Config, metrics: Mapping[str, np.ndarray]) -> float:
    task = config.task
    scale = task.higher_is_better, task.chance_metric(), task.best_loss(config.link)
    return rules.metric_score(float(metrics[task.metric]), *scale)


def _statistics(norms: np.ndarray) -> list[float | None]:
    """The fields of ``Norms``: mean and quantiles of (N,) norms.

    Quantiles are order statistics, so that an infinite norm does not spread to its neighbours.
    """
    mean = np.mean(norms, dtype=np.float64).astype(np.float32)
    if np.isnan(norms).any():
        return [_number(mean), *(None for _ in QUANTILES)]
    quantiles = (np.quantile(norms, q, method="inverted_cdf") for q in QUANTILES)
    return [_number(mean), *map(_number, quantiles)]


def curve_of(
    config: Config,
    trace: Trace,
    validations: Sequence[Mapping[str, np.ndarray]],
    failed_at: int,
) -> dict[str, np.ndarray]:
    """Means between the validations so far, and their metrics; NaN after a failure.

    Args:
      config: settings of the run.
      trace: result of ``mask_after_failure``.
      validations: metrics at every validation, scalars by name.
      failed_at: the first step that was not finite, or -1.
    """
    every = min(config.train.eval_every, config.train.steps)
    pieces = [slice(k * every, (k + 1) * every) for k in range(len(validations))]
    ends = np.array([min(piece.stop, config.train.steps) for piece in pieces])
    finite = (failed_at < 0) | (ends <= failed_at)
    means = {
        "training_loss": trace.loss,
        "gradient_norm": trace.norm,
        "clipped_fraction": trace.clipped,
    }
    return {
        "step": ends,
        **{
            name: np.array([np.mean(values[piece]) for piece in pieces])
            for name, values in means.items()
        },
        **{
            f"validation_{name}": np.where(
                finite, np.stack([metrics[name] for metrics in validations]), np.nan
            ).astype(np.float32)
            for name in validations[0]
        },
    }
