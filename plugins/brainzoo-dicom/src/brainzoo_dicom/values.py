"""Elements of a header as text, numbers and ages, whatever state they are in."""

from __future__ import annotations

import re
from typing import Any, cast

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
OLDEST = 90.0
"""Years; so old people are few, and more of their age would say who they are."""


def text_of(found: Dataset, name: str) -> str:
    """Return an element as text; empty if it is not there."""
    value = found.get(name)
    return "" if value is None else str(value)


def texts_of(found: Dataset, name: str) -> tuple[str, ...]:
    """Return the values of an element as texts."""
    value = found.get(name)
    if value is None or isinstance(value, str):
        return (value,) if value else ()
    return tuple(str(one) for one in value)


def number_of(found: Dataset, name: str) -> float | None:
    """Return the first value of an element as a finite number."""
    value = found.get(name)
    try:
        number = float(value[0] if isinstance(value, list | MultiValue) else value)
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None


def whole_of(found: Dataset, name: str) -> int | None:
    """Return the first value of an element as a whole number."""
    number = number_of(found, name)
    return None if number is None else int(number)


def age_of(text: str) -> float | None:
    """Return an age of the form ``039Y`` in years."""
    match = re.fullmatch(r"\s*(\d{1,4})\s*([DWMY])\s*", text.upper())
    return _coarse(int(match[1]) * YEARS[match[2]]) if match else None


def age_between(born: str, study: str) -> float | None:
    """Return the age in years at a date, both as ``YYYYMMDD``."""
    try:
        days = np.datetime64(_iso(study), "D") - np.datetime64(_iso(born), "D")
    except ValueError:
        return None
    return _coarse(cast(Any, days).astype(int) / 365.25)


def _iso(text: str) -> str:
    match = re.fullmatch(r"\s*(\d{4})[.-]?(\d\d)[.-]?(\d\d)\s*", text)
    if not match:
        raise ValueError
    return "-".join(match.groups())


def _coarse(years: float) -> float | None:
    """Round an age so that no date of birth can be computed from it; absurd ones are unknown."""
    if not 0 <= years <= 120:
        return None
    return min(round(years, 1 if years >= 2 else 2), OLDEST)
