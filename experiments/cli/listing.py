"""Lists of names that the flags accept, for --list."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

from experiments import CLAIMS, COLLECTIONS, PUBLISHED, REGISTERED, STUDIES
from experiments.experiment import find
from seqjax.cells import CELLS
from seqjax.init import InitSpec
from seqjax.optim import clipping
from seqjax.tasks import TASKS
from seqjax.training.overrides import Field, fields, value_text
from seqjax.training.specs import SECTIONS
from seqjax.types import accepted_values

ELSEWHERE = {
    "task.name": "see --list=tasks",
    "model.cell": "see --list=cells",
    "clip.kind": "see --list=clips",
}
"""Accepted values of fields whose names have a list of their own."""


def lines(kind: str) -> Iterator[str]:
    """Each name of a kind with its meaning, one line each.

    Args:
      kind: "studies", "tasks", "cells", "fields" or "clips".
    """
    kinds = {"studies": _studies, "tasks": _tasks, "cells": _cells, "fields": _fields}
    return {**kinds, "clips": _clips}[kind]()


def _studies() -> Iterator[str]:
    """Studies and claims with their questions, and collections with the names of their studies."""
    for name in (*STUDIES, *CLAIMS, *PUBLISHED, *REGISTERED):
        yield f"{name}: {find(name).question}"
    for name, studies in COLLECTIONS.items():
        yield f"{name}: {', '.join(studies)}"


def _tasks() -> Iterator[str]:
    for name, task in TASKS.items():
        yield f"{name}: {_plain(task.__doc__.splitlines()[0])}"


def _cells() -> Iterator[str]:
    for name, cell in CELLS.items():
        yield f"{name}: gates {', '.join(cell.bias_gates)}"


def _clips() -> Iterator[str]:
    yield "clip.kind: quantity that clip.threshold bounds, in the unit of the gradient by default"
    for name, bounded in clipping.KINDS.items():
        yield f"{name}: {_plain(bounded)}"


def _fields() -> Iterator[str]:
    """Fields with default, range and meaning, and the cells or tasks if not all have the field."""
    gates = {gate: 0.0 for cell in CELLS.values() for gate in cell.bias_gates}
    specs = {**SECTIONS, "init": lambda: InitSpec(bias=gates)}
    ranges = {path: text for name, make in specs.items() for path, text in _ranges(name, make)}
    for path, field in fields().items():
        if path == "task.name" or not path.startswith(("init.bias.", "task.")):
            yield _line(field, ranges)
    owners: dict[str, list[str]] = {}
    for cell in CELLS:
        for path, field in fields(cell=cell).items():
            if path.startswith("init.bias."):
                owners.setdefault(_line(field, ranges), []).append(cell)
    for name, task in TASKS.items():
        ranges = dict(_ranges("task", task))
        for path, field in fields(task=name).items():
            if path.startswith("task.") and path != "task.name":
                owners.setdefault(_line(field, ranges), []).append(name)
    for line, names in sorted(owners.items()):
        yield f"{line} ({', '.join(names)})"


def _ranges(section: str, make: Callable[[], object]) -> Iterator[tuple[str, str]]:
    """Path and accepted values of the fields that a Spec or task checks."""

    def made() -> None:
        with contextlib.suppress(ValueError):  # a range may depend on data that are not here
            make()

    for field, accepted in accepted_values(made).items():
        yield f"{section}.{field}", accepted


def _line(field: Field, ranges: Mapping[str, str]) -> str:
    default = value_text(field.default) or "''"
    accepted = ELSEWHERE.get(field.path) or ranges.get(field.path, field.noun)
    return f"{field.path}={default} ({accepted}): {_plain(field.meaning)}"


def _plain(text: str) -> str:
    """The text without the marks of code in docstrings."""
    return text.replace("``", "")
