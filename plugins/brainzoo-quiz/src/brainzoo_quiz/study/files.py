"""Reading JSON strictly: no unknown or missing names, no numbers that JSON does not have."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from brainzoo.api import DataError, IntegrityError, NotFoundError

MAX_BYTES = 50_000_000
HEX_128 = re.compile(r"[0-9a-f]{32}")
HEX_256 = re.compile(r"[0-9a-f]{64}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")

Check = Callable[[Any], bool]


def canonical(content: Any) -> bytes:
    """Return the one spelling of a JSON value that digests are made of.

    Sorted names, no spaces, UTF-8. All numbers must be whole, so that JavaScript
    (``JSON.stringify`` with sorted names) writes the same bytes as Python.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def digest(content: Any) -> str:
    """Return the hexadecimal SHA-256 of a JSON value's canonical spelling."""
    return hashlib.sha256(canonical(content)).hexdigest()


def read_text(path: Path, what: str) -> str:
    """Return the text of a file.

    Args:
        path: The file.
        what: What it should be, for errors: ``"answers file"``.

    Raises:
        NotFoundError: There is no such file.
        DataError: It is too large, or no UTF-8.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no {what} {path}.", "Check the path.")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path} is no {what}: it has more than {MAX_BYTES:,} bytes.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path} is no {what}: it is no UTF-8 text.") from None


def parse(text: str, what: str, name: str, *, fractions: bool = False) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        text: The file's content.
        what: What it should be, for errors: ``"answers file"``.
        name: How errors call the file.
        fractions: Whether numbers may be other than whole; files with a digest have none.

    Raises:
        DataError: It is no JSON, no object, or names something twice.
    """
    number = _fraction if fractions else _no_number
    try:
        content = json.loads(
            text, object_pairs_hook=_unique, parse_float=number, parse_constant=_no_number
        )
        canonical(content)  # lone surrogates have no UTF-8
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise DataError(f"{name} is no {what}: {why}.", "Ask for the file again.") from None
    if not isinstance(content, dict):
        raise DataError(f"{name} is no {what}: expected an object, found other JSON.")
    return content


def expect(content: Any, checks: Mapping[str, Check], where: str) -> None:
    """Refuse an object whose names or values are not exactly those expected.

    Args:
        content: What was parsed.
        checks: What each name's value must satisfy.
        where: How the error starts: ``"answers.json: answer 3"``.

    Raises:
        DataError: A name is missing, unknown, or its value does not satisfy the check.
    """
    if not isinstance(content, dict):
        raise DataError(f"{where}: expected an object, found {type(content).__name__}.")
    for name in checks:
        if name not in content:
            raise DataError(f"{where}: {name!r} is missing.")
    for name, value in content.items():
        if name not in checks:
            raise DataError(f"{where}: {name!r} is unknown; expected {', '.join(checks)}.")
        if not checks[name](value):
            raise DataError(f"{where}: {name!r} cannot be {_short(value)}.")


def expect_kind(content: Mapping[str, Any], kind: str, schema: int, name: str) -> None:
    """Refuse a file that is something else, or of another version.

    Raises:
        DataError: Its ``kind`` or ``schema`` differs.
    """
    if content.get("kind") != kind:
        found = content.get("kind")
        raise DataError(
            f"{name} is no {kind}: its kind is {_short(found)}.",
            "Check which file is given where.",
        )
    if type(content.get("schema")) is not int or content["schema"] != schema:
        found = content.get("schema")
        raise IntegrityError(
            f"{name} has schema {_short(found)}; this version reads {schema}.",
            "Use the version of brainzoo-quiz that wrote it.",
        )


def whole(low: int, high: int) -> Check:
    """Return a check for whole numbers within a range."""
    return lambda value: type(value) is int and low <= value <= high


def text(longest: int, *, empty: bool = False) -> Check:
    """Return a check for text of one line."""
    return lambda value: (
        isinstance(value, str)
        and (empty or bool(value.strip()))
        and len(value) <= longest
        and value.isprintable()
    )


def one_of(*values: Any) -> Check:
    """Return a check for exactly these values."""
    return lambda value: any(type(value) is type(v) and value == v for v in values)


def matches(pattern: re.Pattern[str]) -> Check:
    """Return a check for text that matches a pattern wholly."""
    return lambda value: isinstance(value, str) and bool(pattern.fullmatch(value))


def or_none(check: Check) -> Check:
    """Return a check that admits ``None`` too."""
    return lambda value: value is None or check(value)


def list_of(check: Check, longest: int) -> Check:
    """Return a check for lists whose every item satisfies a check."""
    return lambda value: (
        isinstance(value, list) and len(value) <= longest and all(map(check, value))
    )


def _short(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=True, default=str)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _fraction(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is too large")
    return number


def _no_number(value: str) -> float:
    raise ValueError(f"{value} is no whole number")
