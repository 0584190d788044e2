"""Axis letters and the aliases and helpers that all modules share.

Array names end in the letters of their axes, in order:

    T time    B batch    D input features    H hidden units    G gates    P elementwise rows
    Q pairs of gates    V classes or vocabulary    R runs    K steps of a chunk

so ``x_TBD`` is time-major input and ``u_HGH`` has one (H, H) recurrent matrix for each gate.
"""

import contextvars
import dataclasses
import difflib
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

import jax
import numpy as np

Array = jax.Array
Spec = TypeVar("Spec")
LONGEST_NAME = 100
Number = float | jax.Array
"""A Python float or a traced scalar."""
FLOAT32_MAX = float(np.finfo(np.float32).max)
_accepted: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar("_accepted")
"""Accepted values by field, while ``accepted_values`` collects them."""


class ConfigError(ValueError):
    """A mistake in a setting or a task: one line with the field, the value and what is accepted."""


def static(default: Any, *, added: bool = False) -> Any:
    """A dataclass field that is never traced: part of the pytree's structure.

    Args:
      default: the default.
      added: see ``added``.
    """
    return dataclasses.field(default=default, metadata={"static": True, "added": added})


def added(default: Any) -> Any:
    """A dataclass field of numbers that records before version 0.2 lack.

    Records leave such fields out at their default, so that runs that do not use them have the
    records, and belong into the workdirs, that they had before. The default must never change.
    """
    return dataclasses.field(default=default, metadata={"added": True})


def static_at_default(*names: str) -> Callable[[type[Spec]], type[Spec]]:
    """Register a frozen dataclass as a pytree in which numbers at their defaults are static.

    The numbers ``names`` are leaves, which may be traced, only where they are not at their default:
    a program at the defaults has constants in their place, and its bits are those of the constants.

    >>> @static_at_default("decay")
    ... @dataclasses.dataclass(frozen=True)
    ... class Rate:
    ...     rate: float = 0.1
    ...     decay: float = 0.9
    >>> jax.tree.leaves(Rate()), jax.tree.leaves(Rate(0.3, 0.95))
    ([0.1], [0.3, 0.95])
    """

    def register(cls: type[Spec]) -> type[Spec]:
        fields = {field.name: field for field in dataclasses.fields(cls)}

        def is_static(name: str, value: Any) -> bool:
            at_default = isinstance(value, int | float) and value == fields[name].default
            return fields[name].metadata.get("static", False) or (name in names and at_default)

        def flatten_with_keys(spec: Spec) -> tuple[list, tuple]:
            structure = tuple((n, v) for n, v in vars(spec).items() if is_static(n, v))
            leaves = [name for name in fields if name not in dict(structure)]
            keys = [(jax.tree_util.GetAttrKey(name), getattr(spec, name)) for name in leaves]
            return keys, (tuple(leaves), structure)

        def unflatten(names_and_structure: tuple, leaves: Iterable[Any]) -> Spec:
            names, structure = names_and_structure
            return cls(**dict(structure), **dict(zip(names, leaves, strict=True)))

        jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten)
        return cls

    return register


def named_key(key: Array, *names: str) -> Array:
    """The random key for the draw called ``names``, independent of all other draws.

    Uses a checksum, because Python's ``hash`` differs between processes.
    """
    return jax.random.fold_in(key, zlib.crc32("/".join(names).encode()))


def unknown(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a ``name`` that is not in ``known``, which suggests the nearest one."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name)[:LONGEST_NAME], known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return ValueError(f"unknown {kind} {name!r}{hint}; known: {', '.join(known)}")


def check_range(field: str, value: Any, accepts: Callable[[float], bool], accepted: str) -> None:
    """Check a number of a Spec. Traced and stacked arrays pass: only Python numbers are checked.

    >>> check_range("momentum", 0.9, lambda x: 0 <= x < 1, "a number in [0, 1)")

    Args:
      field: name of the field, the first word of the error.
      value: the number.
      accepts: the condition; NaN fails every comparison.
      accepted: the condition in words.

    Raises:
      ValueError: the number does not meet the condition: "field: expected ACCEPTED, got VALUE".
    """
    _note(field, accepted)
    if isinstance(value, int | float) and not accepts(value):
        raise ValueError(f"{field}: expected {accepted}, got {value}")


def check_type(name: str, value: Any, kind: type, accepted: str) -> None:
    """Check the type of an argument.

    Args:
      name: name of the argument, the first word of the error.
      value: the argument.
      kind: its type.
      accepted: the type in words, with an example.

    Raises:
      TypeError: another type: "name: expected ACCEPTED, got VALUE".
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected {accepted}, got {value!r}")


def check_size(field: str, size: Any, least: int, most: int) -> None:
    """Check that a size is from ``least`` to ``most``; see ``check_range``."""
    accepted = f"a whole number from {least} to {most}"
    check_range(field, size, lambda n: least <= n <= most, accepted)


def check_name(field: str, name: str, kind: str, known: Collection[str]) -> None:
    """Check that a field names one of ``known``.

    >>> check_name("kind", "norm", "kind of clipping", ("none", "norm"))

    Args:
      field: name of the field, the first word of the error.
      name: the value of the field.
      kind: what the name stands for.
      known: the accepted names.

    Raises:
      ValueError: another name: "field: unknown KIND NAME; known: ...", with the nearest name.
    """
    _note(field, ", ".join(known))
    if name not in known:
        raise ValueError(f"{field}: {unknown(kind, name, known)}")


def check_names(field: str, names: Sequence[str], kind: str, known: Collection[str]) -> None:
    """Check a field that joins any number of ``known`` by "+", each once; see ``check_name``."""
    for position, name in enumerate(names):
        check_name(field, name, kind, known)
        if name in names[:position]:
            raise ValueError(f"{field}: expected each {kind} once, got {name} twice")
    _note(field, f'any of {", ".join(known)}, joined by "+"')


def accepted_values(make: Callable[[], object]) -> dict[str, str]:
    """The accepted values of fields, as the checks of a constructor word them, by field.

    >>> def make():
    ...     check_range("momentum", 0.9, lambda x: 0 <= x < 1, "a number in [0, 1)")
    >>> accepted_values(make)
    {'momentum': 'a number in [0, 1)'}

    Args:
      make: creates an object of valid fields. Ranges that depend on other fields are those at the
        values of these fields.
    """
    token = _accepted.set({})
    try:
        make()
        return _accepted.get()
    finally:
        _accepted.reset(token)


def _note(field: str, accepted: str) -> None:
    """Tell ``accepted_values`` about a check."""
    if (collected := _accepted.get(None)) is not None:
        collected[field] = accepted


def printable(text: str) -> str:
    r"""Return ``text`` on one line, with control and formatting characters escaped.

    >>> print(printable("a\x1b[2J\nb"))
    a\x1b[2J\nb
    """
    if text.isprintable():
        return text
    escaped = (sign.encode("unicode_escape").decode() for sign in text)
    return "".join(sign if sign.isprintable() else e for sign, e in zip(text, escaped, strict=True))
