"""The record of one finished run: named, typed fields, decoded and checked in one place."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import numpy as np

from seqjax.records import codec
from seqjax.records.codec import (
    Arrays,
    Count,
    Environment,
    Finite,
    Fraction,
    MetricValues,
    Number,
    Setting,
    Settings,
    Struct,
    Text,
)
from seqjax.stats import rules

REQUIRED_SETTINGS: dict[str, type] = {
    "task.name": str,
    "clip.kind": str,
    "clip.threshold": float,
    "train.steps": int,
}
"""Settings that all tables read, with their types."""
LOSS = "loss"
ROUNDING = 1e-5
"""Bound on the rounding errors of metrics and scores in float32."""


def run_id(arm: str, point: Mapping[str, Any], seed: int | str) -> str:
    """Arm, point and seed of a run as text; unique in a study.

    >>> run_id("lstm", {"init.bias.f": 1.0}, 3)
    'lstm init.bias.f=1.0 seed=3'

    Args:
      arm: its title.
      point: values of the swept fields, by path.
      seed: the seed.
    """
    values = {**point, "seed": seed}
    return " ".join([arm, *(f"{path}={value}" for path, value in values.items())])


class Chance(Struct):
    """Metric and loss of the best constant prediction."""

    metric: Finite
    loss: Finite


class Failure(Struct):
    """Reason why a run failed, and the step at which it did."""

    reason: Literal["nonfinite", "above_chance", "collapsed"]
    step: Count


class Source(Struct):
    """Digests of the code of a run's task and cell, see ``source``; "" if unknown."""

    task: Text = ""
    cell: Text = ""


class Norms(Struct):
    """Mean and quantiles over steps of the global gradient norm; None where a norm is NaN."""

    may_be_infinite = ("mean", "q10", "q50", "q90", "q100")

    mean: Number | None
    q10: Number | None
    q50: Number | None
    q90: Number | None
    q100: Number | None


class NormsBeforeClipping(Norms):
    """Norms, and the norm at the step that was not finite, or None."""

    may_be_infinite = (*Norms.may_be_infinite, "at_failure")

    at_failure: Number | None


class Record(Struct, kw_only=True, eq=False):
    """One finished run. Two records are equal if ``codec.dumps`` of them is.

    A metric that is better when higher is at most 1, the best value; an accuracy is at least 0. Any
    other metric, and the loss, is at least 0 unless ``best_loss`` is negative.

    Attributes:
      id: arm, point and seed in words, see ``run_id``; equal for equal runs of a study.
      study, arm: names.
      point: values of the swept fields, by path.
      seed: seed of the order of the data and of the initial weights.
      paired: randomness shared with the study's first run of the same seed.
      compared: the quantity in the study's table, the task's metric or the score.
      purpose: "tuning" for runs that only select the value of a tuned field.
      settings: the whole configuration, by path.
      rules: version of the decision rules, see ``stats.rules``; an unknown hash stays text.
      source: digests of the code of the task and the cell; for models of one's own, of the loss
        and of the function that makes the model.
      parameters_recurrent: number of parameters of the recurrent layers; None if not known.
      parameters: number of all parameters.
      multiply_adds: multiply-adds of one step of the recurrent layers for one example; None if not
        known.
      metric: name of the task's metric; ``higher_is_better`` gives its direction.
      chance: metric and loss of the best constant prediction.
      best_loss: the lowest loss that any predictor can reach; the lowest published one where that
        is unknown (``tasks.lowest``).
      baselines: test metric of predictors without a network, by their names.
      reduction: reduction of the training loss, which gradients and thresholds refer to.
      failed: reason and step, or None for a run that finished well.
      validation, test: metrics of the reported step by name; None after a step that was not finite.
      selected_step: number of updates at the reported step, if that is the best validation step
        ("train.select" is "best"); None if it is the last step, or if no step was finite.
      steps_taken: number of updates of a run that could stop before "train.steps"; None if it could
        not. See ``updates``.
      last: test metrics at the last step of a run that selects its best step; empty for others.
      training: metrics on training data at the reported step; empty unless they were measured.
      score: 0 at chance and for failed runs, 1 at the best possible value, above 1 beyond the
        lowest published loss; ``rules.metric_score`` of the test metric.
      gradient_norm, gradient_norm_after: gradient norms before and after clipping.
      clipped_fraction: fraction of steps taken whose gradient was clipped.
      curve: arrays with one entry a validation, NaN after a failure and after the run stopped:
        "step", "training_loss", "gradient_norm", "clipped_fraction", and "validation_METRIC" for
        each metric.
      observed: arrays recorded during training, by name; see ``diagnostics.observers``.
      seconds: wall time; runs that were trained together share it evenly.
      tune: paths of the tuned fields, joined by commas, or None.
      environment: versions of packages, device, and digest of stored data.
      curve_file: path below the workdir of the array with every step.
    """

    may_be_infinite = (
        "point",
        "settings",
        "validation",
        "test",
        "last",
        "training",
        "gradient_norm",
        "gradient_norm_after",
    )

    id: Text
    study: Text
    arm: Text
    point: Settings
    seed: Count
    paired: Literal["data+weights", "data"]
    compared: Literal["metric", "score"]
    purpose: Literal["evaluation", "tuning"]
    settings: Settings
    rules: Count | Text
    source: Source = Source()
    parameters_recurrent: Count | None
    parameters: Count
    multiply_adds: Count | None
    metric: Text
    higher_is_better: bool
    chance: Chance
    best_loss: Finite
    baselines: dict[Text, Finite] = msgspec.field(default_factory=dict)
    reduction: Text
    failed: Failure | None
    validation: MetricValues
    test: MetricValues
    selected_step: Count | None = None
    steps_taken: Count | None = None
    last: MetricValues = msgspec.field(default_factory=dict)
    training: MetricValues = msgspec.field(default_factory=dict)
    score: Finite
    gradient_norm: NormsBeforeClipping
    gradient_norm_after: Norms
    clipped_fraction: Fraction
    curve: Arrays
    observed: Arrays
    seconds: Finite
    tune: Text | None
    environment: Environment
    curve_file: Text

    @property
    def updates(self) -> int:
        """Number of updates that the run took, unless it failed before."""
        return self.settings["train.steps"] if self.steps_taken is None else self.steps_taken

    def check(self) -> None:
        """Check that the fields agree with each other.

        Raises:
          ValueError: the message begins with the field that disagrees.
        """
        for path, kind in REQUIRED_SETTINGS.items():
            if type(self.settings.get(path)) is not kind:
                _check_setting(path, kind, self.settings.get(path))
        for path, value in self.point.items():
            if self.settings.get(path) != value:
                raise ValueError(f"point: {path[:60]} differs from its value in settings")
        if missing := {"jaxlib", "device"} - self.environment.keys():
            raise ValueError(f"environment: lacks {', '.join(sorted(missing))}")
        if self.id != run_id(self.arm, self.point, self.seed):
            expected = run_id(self.arm, self.point, self.seed)[:200]
            raise ValueError(f"id: expected {expected!r} from arm, point and seed")
        best = 1 if self.higher_is_better else -self.best_loss
        if not (self.chance.metric if self.higher_is_better else -self.chance.metric) < best:
            raise ValueError(f"chance: {self.chance.metric} leaves no room for a better metric")
        self._check_range("chance", self.metric, self.chance.metric)
        self._check_metrics()
        self._check_score()
        self._check_curve()
        self._check_steps()

    def _check_metrics(self) -> None:
        parts = {"validation": self.validation, "test": self.test}
        parts |= {"last": self.last} if self.last else {}
        parts |= {"training": self.training} if self.training else {}
        for part, metrics in parts.items():
            if self.metric not in metrics:
                raise ValueError(f"{part}: lacks the metric {self.metric[:60]!r}")
            value = metrics[self.metric]
            finite = value is not None and math.isfinite(value)
            if part != "last" and self.failed is None and not finite:
                raise ValueError(f"{part}: expected a finite metric, as the run did not fail")
            for name in {self.metric, LOSS} & metrics.keys():
                self._check_range(part, name, metrics[name])

    def _check_range(self, part: str, name: str, value: float | None) -> None:
        if name == self.metric and self.higher_is_better:
            least, most = (0.0 if name == "accuracy" else -math.inf), 1.0
            accepted = f"{'from 0 to 1' if name == 'accuracy' else 'of 1 or less'}, the best value"
        else:
            least = 0.0 if self.best_loss >= 0 else -math.inf
            most, accepted = math.inf, "of 0 or more, as best_loss is not negative"
        if value is not None and not least - ROUNDING <= value <= most + ROUNDING:
            raise ValueError(f"{part}: expected {name[:60]} {accepted}, got {value}")

    def _check_score(self) -> None:
        metric, chance = self.test[self.metric], self.chance.metric
        scale = self.higher_is_better, chance, self.best_loss
        expected = 0.0 if self.failed else rules.metric_score(metric, *scale)
        room = abs(chance - (1 if self.higher_is_better else self.best_loss))
        tolerance = 0 if self.failed else ROUNDING * max(1, abs(metric) / room)
        if not abs(self.score - expected) <= tolerance:
            raise ValueError(
                f"score: expected {expected:.6g} from failed, test, chance and best_loss, "
                f"got {self.score}"
            )

    def _check_curve(self) -> None:
        for name in ("step", f"validation_{self.metric}"):
            if name not in self.curve:
                raise ValueError(f"curve: lacks {name[:60]}")
        steps = self.curve["step"]
        if not steps.size or steps.dtype != np.int64 or (steps < 0).any():
            raise ValueError("curve: expected whole numbers in step")
        if steps.ndim != 1 or any(array.shape != steps.shape for array in self.curve.values()):
            raise ValueError("curve: expected lists of one length")

    def _check_steps(self) -> None:
        """Check the reported step and the number of updates against settings and curve."""
        steps, most = self.curve["step"].tolist(), self.settings["train.steps"]
        if self.steps_taken is not None:
            stopped = self.steps_taken in (*steps, most)
            if not stopped and self.failed is None:
                raise ValueError(f"steps_taken: expected a step of curve, got {self.steps_taken}")
            if self.steps_taken > most:
                raise ValueError(f"steps_taken: expected at most {most}, got {self.steps_taken}")
        if self.selected_step is None:
            if self.last:
                raise ValueError("last: expected nothing, as the last step is reported")
            return
        if self.settings.get("train.select") != "best":
            raise ValueError("selected_step: expected nothing, as train.select is not best")
        if self.selected_step not in steps or self.selected_step > self.updates:
            expected = f"a step of curve up to {self.updates}"
            raise ValueError(f"selected_step: expected {expected}, got {self.selected_step}")
        if not self.last:
            raise ValueError("last: expected metrics, as another step may be reported")
        values = self.curve[f"validation_{self.metric}"]
        if not np.isfinite(values).any():
            raise ValueError("selected_step: expected nothing, as no validation is finite")
        best = int(np.nanargmax(values) if self.higher_is_better else np.nanargmin(values))
        if self.selected_step != steps[best]:
            raise ValueError(
                f"selected_step: expected {steps[best]} from curve, got {self.selected_step}"
            )
        if self.validation[self.metric] not in (None, float(str(np.float32(values[best])))):
            raise ValueError(f"validation: expected {values[best]}, as curve has at selected_step")


def _check_setting(path: str, kind: type, value: Setting | None) -> None:
    if kind is not float or type(value) is not int:  # a float may be written without a point
        expected = {str: "text", int: "a whole number", float: "a number"}[kind]
        raise ValueError(f"settings: {path}: expected {expected}, got {repr(value)[:60]}")


_DECODER = codec.decoder(Record)


def decode(line: bytes) -> Record:
    """Return the record in one line of JSON.

    Raises:
      ValueError: the line holds no record; the message begins with the field.
    """
    record = codec.decode(_DECODER, line)
    if b'inf"' in line:
        codec.restore_infinities(record)
    msgspec.structs.force_setattr(record, "rules", rules.version_of(record.rules))
    record.check()
    return record
