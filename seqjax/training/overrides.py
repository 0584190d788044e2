"""Values of fields by path, such as ``optim.learning_rate``, parsed once and typed from then on."""

import dataclasses
import difflib
import functools
import inspect
import math
import re
import typing
from collections.abc import Collection, Container, Iterator, Mapping
from typing import Any

import numpy as np

from seqjax.cells import CELLS
from seqjax.models.sequence import ModelSpec
from seqjax.tasks import TASKS, Task
from seqjax.training.specs import SECTIONS
from seqjax.types import ConfigError, unknown

DEFAULT_TASK = "digits_rows"
ENTRY = re.compile(r"^  (\w[\w, ]*):(.*\n?(?:    .*\n?)*)", re.MULTILINE)
"""Names and text of an entry under "Attributes:" of a docstring."""
EXPONENT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")
SENTENCE_END = re.compile(r"(?<!et al)\. ")
LARGEST = 2**24
"""Bound of whole numbers that catches typos."""
USUAL_NAMES = {
    "optim.learning_rate": ("lr", "rate", "step_size", "eta"),
    "optim.name": ("optim", "optimizer", "optimiser"),
    "optim.weight_decay": ("wd", "l2"),
    "optim.b1": ("beta1", "beta_1"),
    "optim.b2": ("beta2", "beta_2"),
    "optim.epsilon": ("eps",),
    "optim.schedule": ("scheduler", "lr_schedule"),
    "train.steps": ("epochs", "iterations", "iters", "updates", "num_steps", "max_steps"),
    "train.batch_size": ("batch", "batchsize", "bs"),
    "train.eval_every": ("eval", "eval_interval", "validate_every"),
    "train.precision": ("dtype",),
    "model.cell": ("model", "rnn", "architecture", "cell_type"),
    "model.hidden": ("units", "width", "size", "hidden_size", "hidden_dim", "num_units"),
    "model.layers": ("depth", "num_layers"),
    "model.embed": ("embedding", "embedding_size"),
    "clip.threshold": ("clip", "clip_norm", "max_norm", "grad_clip", "gradient_clip"),
    "clip.kind": ("clipping", "clip_type"),
    "init.bias.f": ("bias", "forget_bias", "bias_f"),
    "init.recurrent_gain": ("gain",),
    "task.name": ("task", "data", "dataset"),
    "task.length": ("seq_len", "sequence_length", "timesteps"),
}
"""Names that other libraries give to fields; errors suggest the field."""


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of a configuration.

    Attributes:
      path: section and name, such as "optim.learning_rate".
      type: ``float``, ``int``, ``bool`` or ``str``.
      default: the value where nothing is set.
      meaning: one line, from the docstring of the Spec or task.
    """

    path: str
    type: type
    default: Any
    meaning: str

    def parse(self, text: str) -> Any:
        """Return the typed value of a text from the command line.

        Raises:
          ConfigError: the text is not a value of the field's type.
        """
        if text[:1] in "'\"" and text[-1:] in "'\"" and text:
            raise self._error("a value without quotation marks", text)
        if self.type is str:
            return text
        if self.type is bool:
            if text.lower() not in ("true", "false"):
                raise self._error("true or false", text)
            return text.lower() == "true"
        try:
            value = _number(text, self.type)
        except ValueError:
            raise self._error(self.noun, text) from None
        if self.type is float and math.isinf(value) and "inf" not in text.lower():  # 1e999
            raise self._error(self.noun, text)
        return self._in_range(value, text)

    def check(self, value: Any) -> Any:
        """Return the value if it has the field's type; a float field also accepts whole numbers.

        Raises:
          ConfigError: the value has another type, is NaN, or becomes 0 or infinite in float32.
        """
        typed = value.item() if isinstance(value, np.generic) else value
        if self.type is float and type(typed) is int and abs(typed) < LARGEST:
            typed = float(typed)
        if type(typed) is not self.type:
            raise self._error(self.noun, value)
        return self._in_range(typed, value)

    def _in_range(self, value: Any, given: Any) -> Any:
        if self.type is int and abs(value) >= LARGEST:
            raise self._error(f"a whole number below {LARGEST}", given)
        if self.type is float and not _float32_holds(value):
            raise self._error(self.noun, given)
        return value

    @property
    def noun(self) -> str:
        """The accepted values of the type in words."""
        return {
            float: "a number that float32 holds, or inf",
            int: "a whole number",
            bool: "true or false",
            str: "text",
        }[self.type]

    def _error(self, accepted: str, value: Any) -> ConfigError:
        return ConfigError(f"{self.path}: expected {accepted}, got {value!r}")


def _number(text: str, kind: type) -> float | int:
    """The number that a text is; 1e3 is a whole number.

    Raises:
      ValueError: the text is no number, or no whole number if ``kind`` is int.
    """
    if "_" in text:
        raise ValueError("Python would read 1_0 as 10")
    if kind is float or not EXPONENT.fullmatch(text):
        return kind(text)
    value = float(text)
    if not value.is_integer():
        raise ValueError("not a whole number")
    return int(value)


def _float32_holds(value: float) -> bool:
    """Return False for NaN, and for finite numbers that float32 would turn into 0 or infinity."""
    with np.errstate(over="ignore", under="ignore"):
        narrow = float(np.float32(value))
    same_zero, same_inf = (narrow == 0) == (value == 0), math.isinf(narrow) == math.isinf(value)
    return not math.isnan(value) and same_zero and same_inf


def fields(cell: str = ModelSpec.cell, task: str = DEFAULT_TASK) -> dict[str, Field]:
    """Return all fields of a configuration with this cell and task, by path.

    >>> fields()["optim.learning_rate"].default, "init.bias.n_h" in fields("gru")
    (0.1, True)

    Raises:
      ConfigError: an unknown cell or task.
    """
    if cell not in CELLS:
        raise ConfigError(f"model.cell: {unknown('cell', cell, CELLS)}")
    if task not in TASKS:
        raise ConfigError(f"task.name: {unknown('task', task, TASKS)}")
    return dict(_fields(CELLS[cell].bias_gates, TASKS[task]))


def all_fields() -> Mapping[str, Field]:
    """Return the fields of all cells and tasks, by path. A path has one type everywhere."""
    return _all_fields(tuple(CELLS), tuple(TASKS.values()))


@functools.cache
def _all_fields(cells: tuple[str, ...], tasks: tuple[type[Task], ...]) -> dict[str, Field]:
    by_cell = [fields(cell) for cell in cells]
    by_task = [_fields(CELLS[ModelSpec.cell].bias_gates, task) for task in tasks]
    return {path: field for paths in (*by_cell, *by_task) for path, field in paths.items()}


@functools.cache
def _fields(bias_gates: tuple[str, ...], task: type[Task]) -> dict[str, Field]:
    by_path = {"task.name": Field("task.name", str, DEFAULT_TASK, "name of the task")}
    for section, spec in {**SECTIONS, "task": task}.items():
        hints, meanings = typing.get_type_hints(spec), _meanings(spec)
        for field in dataclasses.fields(spec):
            path, meaning = f"{section}.{field.name}", meanings.get(field.name, "")
            if path == "init.bias":
                gates = (f"{path}.{gate}" for gate in bias_gates)
                by_path |= {gate: Field(gate, float, 0.0, meaning) for gate in gates}
            else:
                hint = hints[field.name]
                kind = hint if hint in (int, bool, str) else float
                by_path[path] = Field(path, kind, field.default, meaning)
    return by_path


def _meanings(spec: type) -> dict[str, str]:
    """Return the first sentence on each field, from "Attributes:" of the class and its bases."""
    meanings = {}
    for base in reversed(spec.__mro__):
        _, _, attributes = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")
        for names, text in ENTRY.findall(attributes):
            sentence = SENTENCE_END.split(" ".join(text.split()))[0].rstrip(".")
            meanings |= {name: sentence for name in names.split(", ")}
    return meanings


class Overrides(Mapping[str, Any]):
    """Immutable values by path, each of the type of its field.

    Paths are keys of ``all_fields``; the cell and the task that the overrides name may lack some of
    these fields or not use them.

    >>> typed = Overrides.parse({"model.hidden": "64", "clip.threshold": "inf"})
    >>> dict(typed | Overrides({"model.hidden": 32}))
    {'model.hidden': 32, 'clip.threshold': inf}

    Args:
      values: typed values by path; a whole number may stand for a number.

    Raises:
      ConfigError: an unknown path, or a value of another type.
    """

    def __init__(self, values: Mapping[str, Any] | None = None):
        values = values or {}
        typed = isinstance(values, Overrides)
        self._values = {
            path: value if typed else field_of(path).check(value) for path, value in values.items()
        }

    @classmethod
    def parse(cls, texts: Mapping[str, Any]) -> "Overrides":
        """Parse texts by path; values that are not text count as typed.

        Raises:
          ConfigError: an unknown path, or a text that is not a value of its field.
        """
        return cls(
            {
                path: field_of(path).parse(text) if isinstance(text, str) else text
                for path, text in texts.items()
            }
        )

    def __getitem__(self, path: str) -> Any:
        return self._values[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __or__(self, later: Mapping[str, Any]) -> "Overrides":
        """Return the union of both; values of ``later`` win."""
        union = Overrides()
        union._values = {**self._values, **Overrides(later)}
        return union

    def without(self, paths: Container[str]) -> "Overrides":
        """Return a copy without these paths."""
        rest = Overrides()
        rest._values = {path: value for path, value in self.items() if path not in paths}
        return rest

    def __repr__(self) -> str:
        return f"Overrides({self._values!r})"

    @property
    def cell(self) -> str:
        """Name of the cell; the default unless it is set."""
        return self.get("model.cell", ModelSpec.cell)

    @property
    def task(self) -> str:
        """Name of the task; the default unless it is set."""
        return self.get("task.name", DEFAULT_TASK)

    def fields(self) -> dict[str, Field]:
        """Return the fields of the overrides' cell and task.

        Raises:
          ConfigError: an unknown cell or task.
        """
        return fields(self.cell, self.task)


def value_text(value: Any) -> str:
    """The shortest text that ``Field.parse`` turns into this value.

    >>> value_text(2.0), value_text(True), value_text(0.1234567)
    ('2', 'true', '0.1234567')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return str(value)


def field_of(path: str) -> Field:
    """Return the field at a path.

    Raises:
      ConfigError: no cell or task has this field.
    """
    if path not in all_fields():
        raise unknown_field(path)
    return all_fields()[path]


def unknown_field(path: str, cell: str | None = None, task: str | None = None) -> ConfigError:
    """The error for a path that no field has; it suggests a field and lists those of the section.

    Args:
      path: the path.
      cell, task: the cell and the task that have no such field; None if none has.
    """
    known = all_fields() if cell is None or task is None else fields(cell, task)
    section, _, name = path.partition(".")
    prefix = "init.bias." if path.startswith("init.bias.") else f"{section}."
    own = [other.removeprefix(prefix) for other in known if other.startswith(prefix)]
    names = ", ".join(own)
    if prefix == "init.bias.":
        owner = f"cell {cell}" if cell else "no cell"
        lacks = f"{owner} has {'no' if cell else 'a'} gate {path.removeprefix(prefix)}"
        return ConfigError(f"{path}: {lacks}; gates: {names}")
    meant = next(suggestions(path, known), None)
    hint = f" (did you mean {meant!r}?)" if meant else ""
    if section == "task" and task:
        owners = ", ".join(other for other in TASKS if path in fields(task=other))
        lacks = f"task {task} has no field {name}{f', unlike {owners}' if owners else hint}"
        return ConfigError(f"{path}: {lacks}; fields of {task}: {names or 'none'}")
    if not own:
        sections = ", ".join((*SECTIONS, "task"))
        every = f"fields begin with one of {sections}; --list=fields prints all"
        return ConfigError(f"unknown field {path!r}{hint}; {every}")
    return ConfigError(f"unknown field {path!r}{hint}; fields of {section}: {names}")


def field_named(name: str) -> str | None:
    """Path of the field with this path, last part or usual name; None if there is none.

    >>> field_named("lr"), field_named("hidden"), field_named("lrr")
    ('optim.learning_rate', 'model.hidden', None)
    """
    return name if name in all_fields() else _short_names(all_fields()).get(name.lower())


def _short_names(known: Collection[str]) -> dict[str, str]:
    """Known fields by the last part of their path, and by their usual names."""
    usual = {alias: field for field, names in USUAL_NAMES.items() for alias in names}
    last = {path.rpartition(".")[2]: path for path in reversed(list(known))}
    return {alias: field for alias, field in usual.items() if field in known} | last


def suggestions(path: str, known: Collection[str]) -> Iterator[str]:
    """Fields that an unknown path may mean, the likeliest first.

    >>> [next(suggestions(path, all_fields())) for path in ("lr", "optim.momentun", "hiden")]
    ['optim.learning_rate', 'optim.momentum', 'model.hidden']
    """
    section, _, name = path.lower().rpartition(".")
    names = _short_names(known)
    own = {other.removeprefix(f"{section}."): other for other in known}
    own = {short: other for short, other in own.items() if section and short != other}
    if names.get(name) in own.values():
        yield names[name]
    yield from map(own.get, difflib.get_close_matches(name, own, n=1))
    if name in names:
        yield names[name]
    if section:
        yield from difflib.get_close_matches(path, known, n=1)
    yield from map(names.get, difflib.get_close_matches(name, names, n=1, cutoff=0.7))
