"""Lists of names that the flags accept, for --list."""

from collections.abc import Iterator, Mapping

from experiments import CLAIMS, COLLECTIONS, STUDIES
from experiments.experiment import find
from seqjax.cells import CELLS
from seqjax.tasks import TASKS
from seqjax.training.overrides import Field, fields, value_text


def lines(kind: str) -> Iterator[str]:
    """Each name of a kind with its meaning, one line each.

    Args:
      kind: "studies", "tasks", "cells" or "fields".
    """
    return {"studies": _studies, "tasks": _tasks, "cells": _cells, "fields": _fields}[kind]()


def _studies() -> Iterator[str]:
    """Studies and claims with their questions, and collections with the names of their studies."""
    for name in (*STUDIES, *CLAIMS):
        yield f"{name}: {find(name).question}"
    for name, studies in COLLECTIONS.items():
        yield f"{name}: {', '.join(studies)}"


def _tasks() -> Iterator[str]:
    for name, task in TASKS.items():
        yield f"{name}: {_plain(task.__doc__.splitlines()[0])}"


def _cells() -> Iterator[str]:
    for name, cell in CELLS.items():
        yield f"{name}: gates {', '.join(cell.bias_gates)}"


def _fields() -> Iterator[str]:
    """Fields with default and meaning, and the cells or tasks if not all of them have the field."""
    for path, field in fields().items():
        if path == "task.name" or not path.startswith(("init.bias.", "task.")):
            yield _line(field)
    for section, found in (
        ("init.bias.", {cell: fields(cell=cell) for cell in CELLS}),
        ("task.", {task: fields(task=task) for task in TASKS}),
    ):
        yield from _partial(section, found)


def _partial(section: str, found: Mapping[str, Mapping[str, Field]]) -> Iterator[str]:
    """Fields of a section that only some cells or tasks have, with the names of these."""
    owners: dict[Field, list[str]] = {}
    for name, known in found.items():
        for path, field in known.items():
            if path.startswith(section) and path != "task.name":
                owners.setdefault(field, []).append(name)
    for field, names in sorted(owners.items(), key=lambda item: item[0].path):
        yield f"{_line(field)} ({', '.join(names)})"


def _line(field: Field) -> str:
    default = value_text(field.default) or "''"
    return f"{field.path}={default}: {_plain(field.meaning)}"


def _plain(text: str) -> str:
    """The text without the marks of code in docstrings."""
    return text.replace("``", "")
