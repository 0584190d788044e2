"""Build the record of a trained run."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from seqjax.records.record import Chance, Failure, Norms, NormsBeforeClipping, Record
from seqjax.records.source import source_of
from seqjax.stats import rules
from seqjax.sweeps.study import Run
from seqjax.training.config import Config, as_settings
from seqjax.training.specs import REDUCTIONS
from seqjax.training.step import Trace

Metrics = Mapping[str, np.ndarray]
NAN = np.float32(np.nan)
QUANTILES = (0.1, 0.5, 0.9, 1.0)


class Ending(NamedTuple):
    """Steps at which a run ended, and the best one.

    Attributes:
      failed_at: the first step that was not finite, or -1.
      stopped_at: number of updates after which the run stopped early, or -1.
      best_step: number of updates at the best validation; 0 if no step is selected, or if no
        validation was finite.
    """

    failed_at: int = -1
    stopped_at: int = -1
    best_step: int = 0

    def taken(self, config: Config) -> int:
        """Number of updates, apart from the one that failed."""
        last = self.failed_at if self.failed_at >= 0 else self.stopped_at
        return config.train.steps if last < 0 else last

    def complete(
        self,
        config: Config,
        trace: Trace,
        validations: Sequence[Metrics],
        observed: Mapping[str, np.ndarray],
    ) -> tuple[Trace, Sequence[Metrics], Mapping[str, np.ndarray]]:
        """Fill the results with NaN up to the last step, whether or not other runs went on."""
        ends = _ends(config)
        every, missing = {}, len(ends) - len(validations)
        trace = Trace(*(_filled(values, config.train.steps) for values in trace))
        validations = [*validations, *[dict.fromkeys(validations[0], NAN)] * missing]
        if self.taken(config) < config.train.steps:
            after = np.array([False, *(ends > self.taken(config))])
            for name, values in observed.items():
                whole = _filled(values.astype(np.float32), len(after))
                whole[after] = np.nan
                every[name] = whole
            observed = every
        return trace, validations, observed


def _filled(values: np.ndarray, length: int) -> np.ndarray:
    """The array with a leading axis of this length, filled with NaN."""
    widths = [(0, length - len(values)), *[(0, 0)] * (values.ndim - 1)]
    return np.pad(values, widths, constant_values=np.nan)


def _ends(config: Config) -> np.ndarray:
    """Number of updates at each validation of a run that does not stop early."""
    every, steps = min(config.train.eval_every, config.train.steps), config.train.steps
    return np.minimum(np.arange(every, steps + every, every), steps)


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
    validations: Sequence[Metrics],
    final: Mapping[str, Metrics],
    ending: Ending,
    observed: Mapping[str, np.ndarray],
    seconds: float,
) -> Record:
    """Return the record of a run; the caller sets ``tune``, ``environment`` and ``curve_file``.

    Args:
      run: the run.
      size: result of ``models.sequence.model_size``.
      trace: result of ``mask_after_failure``.
      validations: metrics at every validation, scalars by name.
      final: scalars by name, for "test", and for "last" and "training" where they were measured.
      ending: steps at which the run ended.
      observed: arrays recorded during training.
      seconds: wall time.
    """
    config, task = run.config, run.config.task
    failed_at, taken = ending.failed_at, ending.taken(config)
    reported, nonfinite, failed = _reported(config, trace, validations, final["test"], ending)
    selected = config.train.select == "best" and nonfinite is None
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
        chance=Chance(_number(task.chance_metric()), _number(task.chance_loss(config.link))),
        best_loss=_number(task.best_loss(config.link)),
        baselines=task.baselines(),
        reduction=_reduction(config),
        failed=Failure(**failed) if failed else None,
        validation=_final(reported, nonfinite),
        test=_final(final["test"], nonfinite),
        selected_step=ending.best_step if selected else None,
        steps_taken=taken if config.train.may_stop else None,
        last=_final(final["last"], None) if selected else {},
        training=_final(final.get("training", {}), nonfinite),
        score=0.0 if failed else _score(config, final["test"]),
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


def _reported(
    config: Config,
    trace: Trace,
    validations: Sequence[Metrics],
    test: Metrics,
    ending: Ending,
) -> tuple[Metrics, int | None, dict | None]:
    """Validation metrics of the reported step.

    Returns:
      The metrics, the step that was not finite or None, and the failure or None.
    """
    taken, best, ends = ending.taken(config), config.train.select == "best", _ends(config)
    reported = validations[int(np.searchsorted(ends, ending.best_step if best else taken))]
    nonfinite = None if ending.failed_at < 0 else ending.failed_at
    if nonfinite is None and not np.all(np.isfinite([*reported.values(), *test.values()])):
        nonfinite = taken
    scores = [_score(config, m) for m, end in zip(validations, ends, strict=True) if end <= taken]
    chance_loss = config.task.chance_loss(config.link)
    failed = rules.failure(nonfinite, trace.loss[:taken], chance_loss, scores, best)
    return reported, nonfinite, failed


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
    ends = _ends(config)[: len(validations)]
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
