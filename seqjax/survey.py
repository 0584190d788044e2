"""What is measured without training: a function at each point of a design."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqjax import rules

Point = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Survey:
    """A question that draws of the weights answer, before any training.

    Attributes:
      name, question: for people.
      points: where it is measured.
      measure: from a point to named arrays; its draws are keyed, so that it always gives the same.
    """

    name: str
    question: str
    points: tuple[Point, ...]
    measure: Callable[[Point], Mapping[str, Any]]


def at_settings(survey: Survey, settings: Mapping[str, Any]) -> Survey:
    """The survey with these values of the fields that its points name, as a command may ask."""
    points = tuple({k: settings.get(k, value) for k, value in p.items()} for p in survey.points)
    return dataclasses.replace(survey, points=points)


def identity(survey: Survey) -> dict[str, Any]:
    """What makes two surveys the same."""
    return {
        "study": survey.name,
        "rules": rules.RULES_HASH,
        "points": [dict(point) for point in survey.points],
    }


def measure(survey: Survey) -> list[dict[str, Any]]:
    """Each point with what was measured there, as NumPy arrays."""
    found = ((point, survey.measure(point)) for point in survey.points)
    return [
        {"point": dict(point), "measured": {name: np.asarray(a) for name, a in arrays.items()}}
        for point, arrays in found
    ]
