"""Values as strict JSON: the types of fields, decoding with validation, and encoding.

JSON has no infinity and no NaN: infinity is written "inf", and a missing number is null. Decoding
gives ``math.inf``, and NumPy arrays in which a missing number is NaN.
"""

import functools
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np
from msgspec import Meta

INFINITIES = {"inf": math.inf, "-inf": -math.inf}
FLOAT32_MAX = 3.4028235e38
"""The shortest decimal form, in which records have it."""

Text = Annotated[str, Meta(max_length=4096)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Finite = Annotated[float, Meta(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
"""A number that float32 holds."""
Fraction = Annotated[float, Meta(ge=0, le=1)]
Number = Finite | Literal["inf", "-inf"]
"""A float; infinity is text in JSON and a float once ``restore_infinities`` has run."""
Setting = bool | Integer | Finite | Text
"""The value of a configuration field; infinity as in ``Number``."""
Settings = dict[Text, Setting]
MetricValues = dict[Text, Number | None]
Environment = dict[Text, Count | Text]
Arrays = dict[Text, np.ndarray]


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Base class of all stored structs: immutable; unknown fields are errors.

    Attributes:
      may_be_infinite: names of the fields in which "inf" is a number, here or further inside.
    """

    may_be_infinite: ClassVar[tuple[str, ...]] = ()


CONTAINERS = (dict, list, Struct)


def decoder(kind: type) -> msgspec.json.Decoder:
    """Return a decoder of structs that may hold NumPy arrays."""
    return msgspec.json.Decoder(kind, dec_hook=_hook)


def decode(decoder: msgspec.json.Decoder, text: bytes) -> Any:
    """Return the value in ``text``; infinities are text until ``restore_infinities``.

    Raises:
      ValueError: the text is not strict JSON or not of the decoder's type. The message begins with
        the field.
    """
    try:
        if rb"\u0000" in text:  # matplotlib and the file system end a string there
            raise ValueError("expected text without NUL characters")
        return decoder.decode(text)
    except RecursionError:
        raise ValueError("expected a JSON object, got one that is nested too deep") from None
    except msgspec.ValidationError as error:
        raise ValueError(_with_field_first(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"expected a JSON object: {error}") from None


def _hook(kind: type, value: Any) -> Any:
    """Decode types that msgspec does not support."""
    if kind is np.ndarray:
        return _to_array(value)
    raise NotImplementedError(kind)  # as msgspec asks of a hook for any other type


def _to_array(value: Any) -> np.ndarray:
    """Array of a number or nested lists of numbers: int64 if all are whole, else float64.

    Raises:
      ValueError: other values, lists of different lengths, or numbers that float32 does not hold.
    """
    kinds = _number_kinds(value if isinstance(value, list) else [value])
    return np.array(value, np.int64 if kinds == {int} else np.float64)


def _number_kinds(values: list) -> set[type]:
    """Check all numbers in nested lists, and return their types."""
    kinds = set(map(type, values))
    if kinds == {list}:
        return set().union(*map(_number_kinds, values))
    numbers = values
    if not kinds <= {float, int}:
        numbers = [item for item in values if item is not None and not _is_infinity(item)]
        if not set(map(type, numbers)) <= {float, int}:
            raise ValueError("expected numbers or null, or lists of these of equal length")
    if numbers and not (min(numbers) >= -FLOAT32_MAX and max(numbers) <= FLOAT32_MAX):
        raise ValueError("expected numbers that float32 holds")
    return kinds


def _is_infinity(item: Any) -> bool:
    return type(item) is str and item in INFINITIES


def restore_infinities(value: Any) -> None:
    """Replace "inf" and "-inf" by floats in dictionaries, lists and structs, in place.

    Structs have them in their fields ``may_be_infinite`` alone.
    """
    if isinstance(value, Struct):
        items = [(name, getattr(value, name)) for name in value.may_be_infinite]
        replace = functools.partial(msgspec.structs.force_setattr, value)
    elif isinstance(value, dict):
        items, replace = value.items(), value.__setitem__
    else:
        items, replace = enumerate(value), value.__setitem__
    for key, item in items:
        if _is_infinity(item):
            replace(key, INFINITIES[item])
        elif isinstance(item, CONTAINERS):
            restore_infinities(item)


def _with_field_first(message: str) -> str:
    """Return "Expected X - at `$.a.b`" as "a.b: expected X", cut to a readable length."""
    message, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    return f"{path or 'top level'}: {message[:1].lower()}{message[1:300]}"


def to_builtins(value: Any) -> Any:
    """Return ``value`` in types that strict JSON has.

    A float32 becomes the float with its shortest decimal form, NaN becomes None, and infinity "inf"
    or "-inf". Fields of a struct that equal their default are left out.
    """
    if isinstance(value, Struct):
        fields = msgspec.structs.fields(type(value))
        pairs = ((field, getattr(value, field.name)) for field in fields)
        return {
            field.name: to_builtins(item)
            for field, item in pairs
            if field.required or item != _default(field)
        }
    if isinstance(value, Mapping):
        return {str(key): to_builtins(item) for key, item in value.items()}
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return to_builtins(value[()])
    if isinstance(value, list | tuple | np.ndarray):
        return [to_builtins(item) for item in value]
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return float(str(value))
    return value


def _default(field: msgspec.structs.FieldInfo) -> Any:
    """The default of a field that has one; msgspec has a function in place of an empty dict."""
    if field.default_factory is msgspec.NODEFAULT:
        return field.default
    return field.default_factory()


def dumps(value: Any, **options: Any) -> str:
    """Return strict JSON.

    >>> dumps({"threshold": float("inf"), "loss": float("nan")})
    '{"threshold": "inf", "loss": null}'

    Args:
      value: see ``to_builtins``.
      options: options of ``json.dumps``.
    """
    return json.dumps(to_builtins(value), allow_nan=False, ensure_ascii=False, **options)
