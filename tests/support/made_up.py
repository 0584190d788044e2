"""Records written by hand, for tests of code that reads them."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np

from seqjax.records import codec
from seqjax.records.record import Chance, Failure, Norms, NormsBeforeClipping, Record, run_id
from seqjax.records.workdir import MeasuredPoint
from seqjax.stats import rules
from seqjax.training.config import as_settings, make_config

T = TypeVar("T", bound=codec.Struct)
STEPS = (2, 4, 6)
NORMS = (1.0, 0.5, 1.0, 1.5, 2.0)


def record(
    point: Mapping[str, Any] | None = None,
    *,
    arm: str = "all",
    seed: int = 0,
    test: float = 0.9,
    validation: float | None = None,
    failed: str | None = None,
    **changes: Any,
) -> Record:
    """Record of a run with the metric ``test``.

    Args:
      point: values of swept fields.
      arm, seed: as in ``Record``.
      test, validation: the final metric; that of validation is the same by default.
      failed: the reason, if the run failed.
      changes: replace fields. ``settings`` and ``environment`` are merged with the usual ones.
    """
    base = {"clip.kind": "norm", "clip.threshold": 1.0, "train.steps": STEPS[-1]}
    config = make_config({**base, **changes.pop("settings", {}), **(point or {})})
    task, link = config.task, config.link
    curve = np.linspace(task.chance_metric(), test, len(STEPS))
    ended = failed == "nonfinite"
    environment = {"jaxlib": "0.10.2", "device": "a processor", "platform": "cpu"}
    usual = Record(
        id="",
        study="made_up",
        arm=arm,
        point=point or {},
        seed=seed,
        paired="data+weights",
        compared="metric",
        purpose="evaluation",
        settings=as_settings(config),
        rules="0" * 16,
        parameters_recurrent=1234,
        parameters=1500,
        multiply_adds=1200,
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        chance=Chance(task.chance_metric(), task.chance_loss(link)),
        best_loss=task.best_loss(link),
        reduction="mean over the batch and the valid steps",
        failed=Failure(failed, STEPS[-1]) if failed else None,
        validation={task.metric: None if ended else test if validation is None else validation},
        test={task.metric: None if ended else test},
        score=0.0,
        gradient_norm=NormsBeforeClipping(*NORMS, at_failure=None),
        gradient_norm_after=Norms(*NORMS),
        clipped_fraction=0.5,
        curve={
            "step": np.array(STEPS),
            "training_loss": curve,
            "gradient_norm": curve,
            "clipped_fraction": curve,
            f"validation_{task.metric}": np.append(curve[:-1], np.nan) if ended else curve,
        },
        observed={},
        seconds=1.0,
        tune=None,
        environment={**environment, **changes.pop("environment", {})},
        curve_file="curves/0.npy",
    )
    return replace(usual, **changes)


def replace(struct: T, **changes: Any) -> T:
    """Struct with other fields; id and score of a record follow from them unless they are given."""
    struct = msgspec.structs.replace(struct, **changes)
    if not isinstance(struct, Record):
        return struct
    scale = struct.higher_is_better, struct.chance.metric, struct.best_loss
    score = rules.metric_score(struct.test.get(struct.metric), *scale)
    follow = {
        "id": run_id(struct.arm, struct.point, struct.seed),
        "score": 0.0 if struct.failed else score,
    }
    return msgspec.structs.replace(struct, **{**follow, **changes})


def measured(point: Mapping[str, Any], **arrays: Any) -> MeasuredPoint:
    """Point of a measurement with these arrays."""
    return MeasuredPoint(
        point=dict(point), measured={name: np.asarray(a) for name, a in arrays.items()}
    )


def without_time(record: Record) -> dict[str, Any]:
    """Fields of a record as JSON stores them, without its wall time: equal for equal runs."""
    return codec.to_builtins(replace(record, seconds=0.0))
