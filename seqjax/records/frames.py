"""Records as a pandas data frame."""

import math
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from seqjax.records.jsonl import read_all
from seqjax.records.record import Record

if TYPE_CHECKING:
    import pandas as pd


def load(workdir: str | pathlib.Path) -> "pd.DataFrame":
    """Return a data frame with one row for each run of a workdir.

    Columns, which have the names of ``Record``'s fields where both exist:
      id, study, arm, seed, purpose: identity of the run.
      task, cell: names.
      swept fields, by path: numbers or text; NaN if an arm does not have the field.
      metric, higher_is_better: metric of the task; ``validation``, ``test`` and ``chance`` are its
        values, NaN after a step that was not finite.
      validation.NAME, test.NAME: all metrics, including ``metric``; last.NAME and training.NAME
        where records have them.
      score: 0 at chance, 1 at the best possible value or the lowest published loss.
      failed: reason, or "" for a run that finished well; failed_step is NaN then.
      steps, seconds: length of training; selected_step is NaN where the last step is reported, and
        steps_taken differs from steps for runs that stopped earlier.
      gradient_norm, clipped_fraction: mean norm before clipping, and fraction of clipped steps.
      parameters, parameters_recurrent, multiply_adds: size of the model; NaN if not known.
      rules, commit, seqjax, jaxlib, device: versions and hardware; "" if not recorded.

    Args:
      workdir: folder with the records of all shards.

    Raises:
      ImportError: pandas is not installed.
      FileNotFoundError: the folder has no records.
      RecordError: as ``read_all``.

    >>> from seqjax import records
    >>> frame = records.load("experiments/results/quickstart")
    >>> frame.groupby("clip.threshold").test.mean().round(3).to_dict()
    {0.1: 0.901, 1.0: 0.938, inf: 0.919}
    """
    records = read_all(workdir)
    if not records:
        raise FileNotFoundError(f"{workdir}: expected records.jsonl, found no records")
    return to_frame(records)


def to_frame(records: Iterable[Record]) -> "pd.DataFrame":
    """Return a data frame with one row for each record; columns as in ``load``.

    Raises:
      ImportError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ImportError("data frames of records need pandas: pip install pandas") from None
    return pd.DataFrame(list(map(_row, records)))


def _row(record: Record) -> dict[str, Any]:
    """One row of the data frame."""
    reported = {"validation": record.validation, "test": record.test}
    parts = {**reported, "last": record.last, "training": record.training}
    metrics = {
        f"{part}.{name}": _number(value)
        for part, values in parts.items()
        for name, value in values.items()
    }
    return {
        "id": record.id,
        "study": record.study,
        "arm": record.arm,
        "task": record.settings["task.name"],
        "cell": record.settings.get("model.cell", ""),
        "seed": record.seed,
        "purpose": record.purpose,
        **record.point,
        "metric": record.metric,
        "higher_is_better": record.higher_is_better,
        **{part: _number(values[record.metric]) for part, values in reported.items()},
        "chance": record.chance.metric,
        "score": record.score,
        "failed": record.failed.reason if record.failed else "",
        "failed_step": record.failed.step if record.failed else math.nan,
        "steps": record.settings["train.steps"],
        "steps_taken": record.updates,
        "selected_step": _number(record.selected_step),
        "seconds": record.seconds,
        "gradient_norm": _number(record.gradient_norm.mean),
        "clipped_fraction": record.clipped_fraction,
        "parameters": record.parameters,
        "parameters_recurrent": _number(record.parameters_recurrent),
        "multiply_adds": _number(record.multiply_adds),
        **metrics,
        "rules": record.rules,
        **{
            name: record.environment.get(name, "")
            for name in ("commit", "seqjax", "jaxlib", "device")
        },
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value
