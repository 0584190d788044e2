"""Quantities that are computed without training: a function at each point of a design."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqjax.records.workdir import MeasuredPoint, MeasurementIdentity
from seqjax.stats import rules
from seqjax.tasks import Task
from seqjax.training.config import make_config
from seqjax.training.overrides import Overrides

Point = Mapping[str, Any]


def fields_of(point: Point) -> dict[str, Any]:
    """Return the entries of a point that set fields of a configuration, whose names have a dot."""
    return {path: value for path, value in point.items() if "." in path}


def task_of(point: Point) -> Task:
    """The task that the fields of a point describe."""
    return make_config(fields_of(point)).task


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A question that needs no training: statistics of initial weights, scores of baselines.

    Attributes:
      name, question: as in ``Study``.
      points: values by name at which to measure. Names with a dot are paths of fields.
      measure: function from a point to arrays by name; deterministic, with fixed random keys.
    """

    name: str
    question: str
    points: tuple[Point, ...]
    measure: Callable[[Point], Mapping[str, Any]]

    def with_settings(self, settings: Mapping[str, Any]) -> "Measurement":
        """The measurement with the values that ``settings`` give to fields of its points.

        Fields that the task in ``settings`` does not have are dropped.
        """
        known = Overrides(settings).fields()
        points = tuple(
            {
                name: settings.get(name, value)
                for name, value in point.items()
                if name not in fields_of(point) or name in known
            }
            for point in self.points
        )
        return dataclasses.replace(self, points=points)

    def identity(self) -> MeasurementIdentity:
        """The identity of the measurement, which is stored with its results."""
        return MeasurementIdentity(
            study=self.name, rules=rules.VERSION, points=[dict(point) for point in self.points]
        )

    def measure_all(self) -> list[MeasuredPoint]:
        """Each point with the arrays measured there, as NumPy arrays."""
        return [
            MeasuredPoint(
                point=dict(point),
                measured={name: np.asarray(a) for name, a in self.measure(point).items()},
            )
            for point in self.points
        ]
