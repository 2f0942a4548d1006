"""Configuration dataclasses, and how they become options of the command line.

A plugin's ``config.py`` holds one frozen dataclass whose fields are made with :func:`option`; the
command line, ``run.yaml`` and the checkpoint's ``config.json`` all read the same dataclass. This
module imports nothing heavy, so that ``--help`` stays instant.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from brainzoo.common.errors import OptionError

Config = TypeVar("Config")

LONGEST = 24  # digits of the longest whole number that is read
LARGEST_SEED = 2**64 - 1
"""Seeds are the whole numbers from 0 to this one, in every command and in Python."""


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    metavar: str = "",
    sampling: bool = False,
) -> Any:
    """Declare one field of a configuration dataclass.

    Args:
        default: The value when nothing is given; ``None`` where the field's type admits it.
        help: One line for ``--help``; units belong into the field's name (``spacing_mm``).
        choices: The strings allowed.
        minimum: The smallest number allowed.
        maximum: The largest number allowed.
        metavar: What ``--help`` shows for the value.
        sampling: Of a generator: read when images are drawn, and by nothing else, so that it may
            be changed after training (``brainzoo sample``, :func:`brainzoo.load`).
    """
    metadata = dict(help=help, choices=choices, minimum=minimum, maximum=maximum)  # noqa: C408
    metadata |= {"metavar": metavar, "sampling": sampling}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Option:
    """One field of a configuration, with its type resolved.

    ``type`` is the type of one value; ``many`` says that the field is a tuple of them and
    ``optional`` that ``None`` is allowed.
    """

    name: str
    type: type
    many: bool
    optional: bool
    default: Any
    help: str = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    metavar: str = ""
    sampling: bool = False


def options_of(config: type) -> Iterator[Option]:
    """Yield the options of a configuration dataclass in the order of its fields."""
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        hint, rest = hints[field.name], typing.get_args(hints[field.name])
        union = typing.get_origin(hint) in (Union, types.UnionType)
        optional = union and len(rest) == 2 and type(None) in rest
        if optional:
            hint = next(arg for arg in rest if arg is not type(None))
        many = typing.get_origin(hint) is tuple
        if many:
            hint = typing.get_args(hint)[0]
        own = dict(field.metadata)
        if typing.get_origin(hint) is Literal:
            own["choices"], hint = tuple(str(value) for value in typing.get_args(hint)), str
        if hint not in _KINDS:
            raise TypeError(f"{config.__name__}.{field.name}: options cannot be of type {hint}")
        yield Option(field.name, hint, many, optional, field.default, **own)


def make_config(config: type[Config], values: Mapping[str, Any], what: str = "option") -> Config:
    """Build a configuration from plain values (of YAML, JSON or the command line), checked.

    Lists and comma-separated strings become tuples, the string ``none`` an empty one. ``what`` is
    how an error names the owner of the options, for example ``"option of dcgan"``. An unknown name,
    or a value of the wrong type, range or choice, is an OptionError.
    """
    known = {item.name: item for item in options_of(config)}
    checked = {}
    for name, value in values.items():
        if name not in known:
            raise OptionError(f"there is no {what} named {name!r}.", nearest(name, list(known)))
        checked[name] = check(known[name], value, f"{what} {name!r}")
    try:
        return config(**checked)
    except OptionError:
        raise
    except (TypeError, ValueError) as error:
        raise OptionError(f"{what}: {error}") from error


def plain(config: Any) -> dict[str, Any]:
    """Return a configuration as values that YAML and JSON hold (paths and tuples converted)."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    lists = {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
    return values | lists | {n: str(v) for n, v in values.items() if isinstance(v, Path)}


def without_files(config: Any) -> Any:
    """Return a configuration that names no files: where they lay is nobody's business."""
    files = [
        one for one in dataclasses.fields(config) if isinstance(getattr(config, one.name), Path)
    ]
    return dataclasses.replace(config, **{one.name: one.default for one in files})


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a hint with the known name nearest to a misspelt one, else all known names."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(sorted(known)) or 'none'}."


_KINDS: Mapping[type, str] = {
    int: "a whole number", float: "a number", str: "text", bool: "yes or no", Path: "a path"
}  # fmt: skip


def check(item: Option, value: Any, label: str) -> Any:
    """Return a plain value converted to the option's type and checked, or raise an OptionError."""
    if value is None:
        if item.optional:
            return None
        raise OptionError(f"{label} needs a value, found none.")
    if item.many:
        if isinstance(value, str):
            parts = [] if value.lower() in ("", "none") else value.split(",")
        else:
            parts = list(value) if isinstance(value, list | tuple) else [value]
        return tuple(_one(item, part, label) for part in parts)
    return _one(item, value, label)


def _one(item: Option, value: Any, label: str) -> Any:
    try:
        converted = _convert(item.type, value)
    except (TypeError, ValueError):
        raise OptionError(f"{label}: expected {_KINDS[item.type]}, found {value!r}.") from None
    if item.choices and converted not in item.choices:
        raise OptionError(f"{label}: {value!r} is not one of {', '.join(item.choices)}.")
    low, high = item.minimum, item.maximum
    if low is not None and converted < low:
        raise OptionError(f"{label}: {value} is too small; expected at least {number_text(low)}.")
    if high is not None and converted > high:
        raise OptionError(f"{label}: {value} is too large; expected at most {number_text(high)}.")
    return converted


def _convert(kind: type, value: Any) -> Any:
    if kind is bool:
        words = {**dict.fromkeys(("true", "yes", "1", "on"), True),
                 **dict.fromkeys(("false", "no", "0", "off"), False)}  # fmt: skip
        if str(value).lower() not in words:
            raise ValueError(value)
        return words[str(value).lower()]
    if kind is int:
        if isinstance(value, float) and not (value.is_integer() and abs(value) < 2**53):
            raise ValueError(value)  # beyond, a float has already lost the last digits
        return count(value) if isinstance(value, str) else int(value)
    if kind is str and isinstance(value, bool):
        return "yes" if value else "no"  # as YAML reads these words
    if kind is float and not math.isfinite(float(value)):
        raise ValueError(value)
    return kind(value)


def count(text: str) -> int:
    """Return a whole number written as ``300000``, ``300k``, ``1.5M`` or ``1e4``."""
    from decimal import Decimal, InvalidOperation  # not at the start of every command

    text = text.strip().replace("_", "")
    scale = {"k": 1_000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    try:
        number = Decimal(text[:-1] if scale > 1 else text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite() or abs(number.adjusted()) > LONGEST or (number * scale) % 1:
        raise ValueError(text)
    return int(number * scale)


def expect_seed(seed: int) -> int:
    """Return a seed that can be kept exactly, or raise an OptionError."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise OptionError(f"found the seed {seed!r}; expected a whole number from 0 to 2**64 - 1.")
    return seed


def number_text(number: float) -> str:
    """Write a limit of an option as people read it."""
    return "2**64 - 1" if number == LARGEST_SEED else f"{number:g}"


def sampling_options(config: type) -> list[str]:
    """Return the names of a configuration's options that act when images are drawn."""
    return [item.name for item in options_of(config) if item.sampling]
