"""What is measured without training: a function at each point of a design."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqjax.stats import rules
from seqjax.tasks import Task
from seqjax.training.config import field_types, make_config

Point = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Survey:
    """A question that draws of the weights answer, before any training.

    Attributes:
      name, question: for people.
      points: where it is measured; what they share with the runs beside has the path of a field.
      measure: from a point to named arrays; its draws are keyed, so that it always gives the same.
    """

    name: str
    question: str
    points: tuple[Point, ...]
    measure: Callable[[Point], Mapping[str, Any]]


def fields(point: Point) -> dict[str, Any]:
    """What a point says of fields, by path."""
    return {path: value for path, value in point.items() if "." in path}


def task_of(point: Point) -> Task:
    """The task that the fields of a point say."""
    return make_config(fields(point)).task


def at_settings(survey: Survey, settings: Mapping[str, Any]) -> Survey:
    """The survey with these values of the fields that its points name, as a command may ask.

    Fields that the task in the settings does not have are left out.
    """
    types = field_types(settings)
    points = tuple(
        {
            name: settings.get(name, value)
            for name, value in point.items()
            if name not in fields(point) or name in types
        }
        for point in survey.points
    )
    return dataclasses.replace(survey, points=points)


def identity(survey: Survey) -> dict[str, Any]:
    """What makes two surveys the same."""
    return {
        "study": survey.name,
        "rules": rules.VERSION,
        "points": [dict(point) for point in survey.points],
    }


def measure(survey: Survey) -> list[dict[str, Any]]:
    """Each point with what was measured there, as NumPy arrays."""
    found = ((point, survey.measure(point)) for point in survey.points)
    return [
        {"point": dict(point), "measured": {name: np.asarray(a) for name, a in arrays.items()}}
        for point, arrays in found
    ]
