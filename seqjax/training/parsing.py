"""What the text of a setting means: the value of a type, or one line that says why it is none."""

import math
from typing import Any

import numpy as np

LARGEST = 2**24
"""Sizes and lengths stay below it: what is larger is a slip of the keyboard."""


class ConfigError(ValueError):
    """A mistake in a setting, worded for the person who made it."""


def parse(path: str, text: Any, kind: type) -> Any:
    """The value that ``text`` means for a field of this type; values of the type pass through.

    >>> parse("clip.threshold", "inf", float), parse("model.hidden", "64", int)
    (inf, 64)
    """
    if not isinstance(text, str):
        text = repr(text) if isinstance(text, float) else str(text)
    if text[:1] in "'\"" and text[-1:] in "'\"" and text:
        raise ConfigError(f"{path}: got {text!r}; values take no quotation marks")
    if kind is str:
        return text
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{path}: expected true or false, got {text!r}")
        return text.lower() == "true"
    try:
        value = kind(text.replace("_", "?"))  # Python reads 1_0 as 10
    except ValueError:
        noun = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{path}: expected {noun}, got {text!r}") from None
    if kind is int and abs(value) >= LARGEST:
        raise ConfigError(f"{path}: expected a whole number below {LARGEST}, got {text!r}")
    if kind is float and not _float32_holds(value, text):
        raise ConfigError(f"{path}: expected a number that float32 holds, or inf, got {text!r}")
    return value


def _float32_holds(value: float, text: str) -> bool:
    """False for NaN, and for what would silently become 0 or infinity."""
    with np.errstate(over="ignore", under="ignore"):
        narrow = float(np.float32(value))
    if math.isnan(value) or (narrow == 0) != (value == 0):
        return False
    return math.isfinite(narrow) or "inf" in text.lower()
