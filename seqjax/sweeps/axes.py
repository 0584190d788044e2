"""Axes from the text of a sweep."""

import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from seqjax.sweeps.study import Axis
from seqjax.training.overrides import ConfigError, field_of, value_text

DRAWN = re.compile(r"loguniform\(([^(),]+),([^(),]+)\)")


def parse_axes(texts: Mapping[str, Sequence[str]], trials: int | None = None) -> tuple[Axis, ...]:
    """Parse the axes of a sweep.

    >>> parse_axes({"clip.threshold": ["1", "inf"]})[0].values
    (1.0, inf)

    Args:
      texts: values by path, or "loguniform(a,b)" alone in place of values.
      trials: number of values that each "loguniform(a,b)" stands for.

    Raises:
      ConfigError: an unknown path; an empty value, one of the wrong type or one given twice; draws
        without ``trials``, or ``trials`` without draws.
    """
    axes = tuple(_parse_axis(path, values, trials) for path, values in texts.items())
    if trials is not None and not any(axis.drawn for axis in axes):
        raise ConfigError("--trials: nothing is drawn; sweep a path=loguniform(a,b)")
    return axes


def sweep_text(axes: Iterable[Axis]) -> str:
    """The text of a sweep over the values of these axes, as --sweep accepts it.

    >>> sweep_text([Axis("clip.threshold", (1.0, math.inf)), Axis("model.hidden", (32,))])
    'clip.threshold=1,inf; model.hidden=32'

    Args:
      axes: the axes; a path that several of them share is written once.
    """
    values = {axis.path: ",".join(map(value_text, axis.values)) for axis in axes}
    return "; ".join(f"{path}={text}" for path, text in values.items())


def _parse_axis(path: str, texts: Sequence[str], trials: int | None) -> Axis:
    field = field_of(path)
    if any("(" in text for text in texts):
        return Axis(path, _draws(path, texts, trials), drawn=True)
    if not all(texts):
        raise ConfigError(f"{path}: swept over an empty value; expected value,value,...")
    values, distinct = tuple(map(field.parse, texts)), set()
    for value in values:
        used = np.float32(value) if field.type is float else value  # runs compute in float32
        if used in distinct:
            raise ConfigError(f"{path}: swept over {value} twice")
        distinct.add(used)
    return Axis(path, values)


def _draws(path: str, texts: Sequence[str], trials: int | None) -> tuple[float, ...]:
    """Log-uniform draws with four digits. They are fixed for a path; more trials append draws."""
    field, match = field_of(path), DRAWN.fullmatch(texts[0])
    if len(texts) > 1 or match is None or field.type is not float:
        raise ConfigError(f"{path}: expected loguniform(a,b) of a number, got {','.join(texts)!r}")
    if trials is None:
        raise ConfigError(f"--trials: not given; {path}={texts[0]} needs a number of draws")
    low, high = (field.parse(bound.strip()) for bound in match.groups())
    if not 0 < low < high < math.inf:
        raise ConfigError(f"{path}: expected loguniform(a,b) with 0 < a < b, got {texts[0]!r}")
    random = np.random.Generator(np.random.PCG64(zlib.crc32(path.encode())))
    logs = random.uniform(math.log(low), math.log(high), trials)
    return tuple(float(f"{math.exp(value):.4g}") for value in logs)
