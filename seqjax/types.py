"""The axis legend and the few aliases that everything below shares.

Arrays carry their axes as a suffix, in order:

    T time    B batch    D input features    H hidden units    G gates    P elementwise rows
    Q pairs of gates    V classes or vocabulary    R runs    K steps of a chunk

so ``x_TBD`` is time-major input and ``u_HGH`` holds one (H, H) recurrent matrix for each gate.
"""

import dataclasses
import difflib
import zlib
from collections.abc import Iterable
from typing import Any

import jax

Array = jax.Array
LONGEST_NAME = 100
Number = float | jax.Array
"""A Python float, or a traced scalar in its place."""


def static(default: Any) -> Any:
    """A dataclass field that is structure: never traced, part of the pytree's definition."""
    return dataclasses.field(default=default, metadata={"static": True})


def named_key(key: Array, *names: str) -> Array:
    """A key for the draw called ``names``: the same in every process, whatever else is drawn.

    Python's own ``hash`` is salted per process, hence the checksum.
    """
    return jax.random.fold_in(key, zlib.crc32("/".join(names).encode()))


def unknown(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a name that is not in ``known``, with the nearest one suggested."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name)[:LONGEST_NAME], known, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return ValueError(f"unknown {kind} {name!r}{hint}; known: {', '.join(known)}")


def check_most(**bounds: tuple[int, int]) -> None:
    """Raises ValueError for a size over its bound: ``check_most(hidden=(size, most))``."""
    for name, (size, most) in bounds.items():
        if size > most:
            raise ValueError(f"{name}: expected at most {most}, got {size}")
