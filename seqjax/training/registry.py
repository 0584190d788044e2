"""Cells and tasks of one's own, registered by code outside the package."""

import contextlib
import dataclasses
import re
import typing
from collections.abc import Iterator, MutableMapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from seqjax.cells import ACTIVATIONS, CELLS, Cell
from seqjax.init import InitSpec, init_cell
from seqjax.recurrence.unroll import unroll
from seqjax.tasks import TASKS, DataSetTask, GeneratedTask, StreamTask, Task
from seqjax.tasks.datasets.ragged import RaggedTask
from seqjax.training.overrides import all_fields
from seqjax.types import Array, ConfigError, check_type

NAME = re.compile(r"[A-Za-z]\w*")
REQUIRED = {
    GeneratedTask: ("sample",),
    DataSetTask: ("read",),
    RaggedTask: ("read",),
    StreamTask: ("read",),
    Task: ("rows", "evaluation_rows", "batch"),
}
"""Methods that each base class leaves to its subclasses."""
STEPS, BATCH, INPUTS, HIDDEN = 2, 3, 5, 4
"""Sizes at which a new cell is tried; they differ, so that no axis passes for another."""
TaskClass = TypeVar("TaskClass", bound=type[Task])
Entry = TypeVar("Entry")


def register_cell(cell: Cell) -> Cell:
    """Add a cell to ``CELLS``, so that ``model.cell`` accepts its name; return the cell.

    Its equation and its gradient are tried on shapes alone.

    Raises:
      ConfigError: the name is taken, or the gates or the equation do not work; one line says why.
      TypeError: ``cell`` is not a Cell.
    """
    check_type("register_cell", cell, Cell, 'a Cell such as Cell("leaky", gates, combine)')
    label = f"cell {cell.name}"
    _check_gates(label, cell)
    if (cell.combine is None) == (cell.step is None):
        raise ConfigError(f"{label}: expected either combine or step")
    equation = f"{label}: {'step' if cell.combine is None else 'combine'}"
    with _failing(equation):
        _check_carry(equation, cell)
        jax.eval_shape(lambda key: _gradient(cell, key), jax.random.key(0))
    add("cell", CELLS, cell.name, cell)
    return cell


def register_task(task: TaskClass) -> TaskClass:
    """Add a task to ``TASKS``, so that ``task.name`` accepts its name; a decorator of its class.

    ``tasks.checks`` checks its data before training.

    Raises:
      ConfigError: the name is taken, or the class lacks something; one line says what.
      TypeError: ``task`` is not a subclass of Task.
    """
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise TypeError(f"register_task: expected a subclass of Task, got {task!r}")
    label = f"task {getattr(task, 'name', task.__name__)}"
    _check_fields(label, task)
    base = next(base for base in REQUIRED if issubclass(task, base))
    required = [*REQUIRED[base], *(["final_evaluation"] if task.final_metrics else [])]
    missing = [name for name in required if getattr(task, name) is getattr(base, name)]
    if missing == ["read"] and task.data is not base.data:
        missing = []  # the arrays come from elsewhere
    missing += [name for name in ("name", "inputs", "outputs") if not hasattr(task, name)]
    if missing:
        raise ConfigError(f"{label}: a {base.__name__} defines {', '.join(missing)}")
    with _failing(label):
        made = task()
    if isinstance(made, GeneratedTask):
        with _failing(f"{label}: sample"):
            jax.eval_shape(lambda key: made.sample(key, BATCH), jax.random.key(0))
    add("task", TASKS, task.name, task)
    return task


def add(kind: str, registry: MutableMapping[str, Entry], name: str, entry: Entry) -> None:
    """Add an entry under a new name.

    Code that a notebook runs again replaces what it registered before.

    Raises:
      ConfigError: the name is not an identifier, or is taken.
    """
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise ConfigError(f"{kind}: expected a name of letters, digits and _, got {name!r}")
    if name in registry and not _in_notebook(registry[name]):
        raise ConfigError(f"{kind} {name}: the name is taken")
    registry[name] = entry


@contextlib.contextmanager
def _failing(label: str) -> Iterator[None]:
    """Turn an exception of registered code into a ConfigError of one line, with its cause."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        first = str(error).partition("\n")[0]
        raise ConfigError(f"{label} fails: {type(error).__name__}: {first}") from error


def _in_notebook(entry: Any) -> bool:
    """Return whether an interactive session or a script defines the entry."""
    code = (entry.combine or entry.step) if isinstance(entry, Cell) else entry
    return getattr(code, "__module__", None) == "__main__"


def _check_gates(label: str, cell: Cell) -> None:
    """Raise ConfigError unless the gates have different names and known activations."""
    names = [gate.name for gate in cell.gates]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"{label}: expected gates of different names, got {names}")
    for gate in cell.gates:
        if not NAME.fullmatch(gate.name):
            raise ConfigError(f"{label}: expected letters and digits as gate, got {gate.name!r}")
        if gate.activation not in ACTIVATIONS:
            known = f"expected {', '.join(ACTIVATIONS)}, got {gate.activation!r}"
            raise ConfigError(f"{label}: activation of gate {gate.name}: {known}")


def _check_carry(label: str, cell: Cell) -> None:
    """Raise ConfigError unless a step returns a carry of the shapes that it was given."""
    given = jax.eval_shape(lambda: cell.initial_carry(BATCH, HIDDEN))
    carry = jax.eval_shape(lambda key: _step(cell, key), jax.random.key(0))
    if jax.tree.structure(carry) != jax.tree.structure(given):
        expected = f"{cell.carry.__name__}({', '.join(cell.carry._fields)})"
        got = "an array" if hasattr(carry, "shape") else type(carry).__name__
        raise ConfigError(f"{label}: expected {expected}, got {got}")
    for field, leaf in carry._asdict().items():
        if (leaf.shape, leaf.dtype) != ((BATCH, HIDDEN), jnp.float32):
            sizes = f"expected (B, H) = {(BATCH, HIDDEN)} of float32"
            raise ConfigError(f"{label}: {field}: {sizes}, got {leaf.shape} of {leaf.dtype.name}")


def _parameters(cell: Cell, key: Array) -> tuple[Any, Array]:
    """Initial parameters, and an input x_TBD."""
    inputs = HIDDEN if cell.square else INPUTS
    params = init_cell(key, cell, inputs, HIDDEN, InitSpec())
    return params, jnp.ones((STEPS, BATCH, inputs))


def _step(cell: Cell, key: Array) -> Any:
    """The carry after one step."""
    params, x_TBD = _parameters(cell, key)
    carry = cell.initial_carry(BATCH, HIDDEN)
    act = lambda gate, value: cell.activations[gate](value)  # noqa: E731
    return cell.advance(params, act, x_TBD[0], cell.project(params, x_TBD[0]), carry)


def _gradient(cell: Cell, key: Array) -> Any:
    """The gradient of a sum of outputs, by the engine that training uses."""
    params, x_TBD = _parameters(cell, key)
    return jax.grad(lambda params: jnp.sum(unroll(cell, params, x_TBD).outputs_TBH))(params)


def _check_fields(label: str, task: type[Task]) -> None:
    """Raise ConfigError unless the task is a frozen dataclass whose fields can be set by text."""
    if "__dataclass_params__" not in vars(task) or not task.__dataclass_params__.frozen:
        above = "@dataclasses.dataclass(frozen=True) below @register_task"
        raise ConfigError(f"{label}: expected a frozen dataclass; write {above}")
    hints, known = typing.get_type_hints(task), all_fields()
    for field in dataclasses.fields(task):
        path, kind = f"task.{field.name}", hints[field.name]
        if kind not in (int, float, bool, str):
            raise ConfigError(f"{label}: {field.name}: expected int, float, bool or str as type")
        if path in known and known[path].type is not kind:
            same = f"{known[path].type.__name__} as type, like {path} of other tasks"
            raise ConfigError(f"{label}: {field.name}: expected {same}, got {kind.__name__}")
        if field.default is dataclasses.MISSING:
            raise ConfigError(f"{label}: {field.name}: expected a default")
