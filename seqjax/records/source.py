"""Digests of the code of tasks and cells, so that records of edited code are never mixed.

A digest covers a task's class and base classes, or a cell's equation and gate table, with the
functions, classes and constants of the same module that they name. Comments, docstrings, layout and
annotations of functions do not count. A digest does not cover other modules or the base classes in
``tasks.base``; seqjax's version and the git commit in each record identify those.
"""

import ast
import dataclasses
import functools
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

from seqjax.cells import CELLS
from seqjax.cells.base import Cell
from seqjax.records.record import Source
from seqjax.records.workdir import Sources
from seqjax.tasks.base import Task
from seqjax.training.config import Config, as_settings

DIGITS = 16
CONSTANTS = (bool, int, float, str, bytes, tuple, frozenset, type(None))


@functools.singledispatch
def source_of(config: Config) -> Source:
    """Digests of the task and the cell of a run."""
    return Source(
        task=digest_of_task(type(config.task)), cell=digest_of_cell(CELLS[config.model.cell])
    )


def sources_of(configs: Iterable[Config]) -> Sources:
    """Digests of all tasks and cells of some runs, by name."""
    sources = Sources()
    for config in configs:
        source = source_of(config)
        sources.tasks[config.task.name] = source.task
        sources.cells[str(as_settings(config).get("model.cell", ""))] = source.cell
    return sources


@functools.cache
def digest_of_task(task: type[Task]) -> str:
    """16 hexadecimal digits for the code of a task's class; "" if there is no source."""
    bases = [cls for cls in task.__mro__ if cls.__module__ not in ("builtins", Task.__module__)]
    return _digest(_code(bases))


@functools.cache
def digest_of_cell(cell: Cell) -> str:
    """16 hexadecimal digits for a cell's equation and gate table; "" if there is no source."""
    table = [_table(part) for part in (*cell.gates, *cell.extras)]
    fields = cell.params._fields, cell.carry._fields, cell.square
    code = _code([cell.combine or cell.step])
    return _digest(code and [code, table, fields])


def digest_of_function(function: Callable[..., Any]) -> str:
    """16 hexadecimal digits for a function or class of one's own; "" if there is no source.

    Arguments that ``functools.partial`` binds count; arrays and objects in variables do not.
    """
    bound = []
    while isinstance(function, functools.partial):
        bound.append((function.args, sorted(function.keywords.items())))
        function = function.func
    code = _code([function if hasattr(function, "__qualname__") else type(function)])
    return _digest(code and [code, bound])


def _table(part: Any) -> tuple:
    """Fields of a dataclass that differ from their default, with their values."""
    pairs = ((field, getattr(part, field.name)) for field in dataclasses.fields(part))
    return tuple((field.name, value) for field, value in pairs if value != field.default)


def _digest(code: Any) -> str:
    return hashlib.sha256(repr(code).encode()).hexdigest()[:DIGITS] if code else ""


def _code(parts: list[Any]) -> list[tuple]:
    """Structure of functions and classes, and of the code in their modules that they name.

    The list is empty if one of ``parts`` has no source, as in some interactive sessions.
    """
    structures: dict[str, Any] = {}
    waiting = list(parts)
    while waiting:
        part = inspect.unwrap(waiting.pop())
        if part.__qualname__ in structures:
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
        except (OSError, TypeError, SyntaxError):  # SyntaxError: a lambda in a longer expression
            if part in parts:
                return []
            continue
        structures[part.__qualname__] = _structure(tree)
        for name, value in _named_values(part, tree).items():
            if isinstance(value, CONSTANTS):
                structures[f"{part.__qualname__}: {name}"] = repr(value)
            elif callable(value):
                structures[f"{part.__qualname__}: {name}"] = getattr(value, "__qualname__", "")
                if getattr(value, "__module__", None) == part.__module__:
                    waiting.append(value)
    return sorted(structures.items())


def _named_values(part: Any, tree: ast.AST) -> dict[str, Any]:
    """Variables of the module and of enclosing functions that a function or class names."""
    module = vars(sys.modules[part.__module__]) if part.__module__ in sys.modules else {}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    variables = {name: module[name] for name in names & module.keys()}
    if inspect.isfunction(part):
        variables |= inspect.getclosurevars(part).nonlocals
    return variables


def _structure(node: Any) -> Any:
    """Syntax tree as nested tuples; unlike ``ast.dump``, equal on all versions of Python."""
    if isinstance(node, list):
        return tuple(map(_structure, node))
    if not isinstance(node, ast.AST):
        return repr(node)
    skipped = {"ctx", "kind", "type_comment", "type_params"}
    if isinstance(node, ast.arg | ast.FunctionDef):
        skipped |= {"annotation", "returns"}
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
        node.body = node.body[1:]
    fields = ((name, value) for name, value in ast.iter_fields(node) if name not in skipped)
    return type(node).__name__, *(
        (name, _structure(v)) for name, v in fields if v not in (None, [])
    )
