"""The columns of a table that a model is conditioned on: numbers and categories, encoded."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from brainzoo.common import console
from brainzoo.common.errors import OptionError
from brainzoo.data.images import Images
from brainzoo.data.subjects import Value
from brainzoo.data.tables import Row
from brainzoo.plugin.options import nearest

COVARIATES = ("age", "sex")
"""What models are conditioned on besides the class by default; left out if not known."""
MOST_LEVELS = 50
"""Different texts in a column that may still be a category; a column of names or ids has more."""
NO_COVARIATES = ("image_id", "subject", "scan", "class", "split")
LEAST_PEOPLE = 3  # for whom a published row of covariates stands


@dataclasses.dataclass(frozen=True)
class Column:
    """One thing that a model is conditioned on.

    A category has ``levels``, the texts that it may be; a number has none, but mean, standard
    deviation, least and greatest value in the training images.
    """

    name: str
    levels: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    low: float = 0.0
    high: float = 0.0

    @property
    def width(self) -> int:
        """Numbers that encode it: one per level, or value and whether it is known."""
        return len(self.levels) or 2

    def encode(self, value: Value) -> list[float]:
        """Return ``width`` numbers; all are 0 where the value is not known."""
        known = self.checked(value)
        if known is None:
            return [0.0] * self.width
        if self.levels:
            return [float(known == level) for level in self.levels]
        return [(float(known) - self.mean) / self.std, 1.0]

    def checked(self, value: Value) -> Value:
        """Return a value as it is in the rows, a level or a number, or raise an OptionError."""
        if value is None:
            return None
        if self.levels:
            text = _text(value)
            if text not in self.levels:
                raise OptionError(f"there is no {self.name} {text!r}.", nearest(text, self.levels))
            return text
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise OptionError(f"{self.name} is {value!r}; expected a number.")
        return number

    @property
    def seen(self) -> str:
        """What training saw of it: ``22 to 77``, or its levels."""
        return ", ".join(self.levels) or f"{self.low:g} to {self.high:g}"

    def expect_seen(self, value: Value) -> None:
        """Warn of a number that training did not see; beyond one standard deviation, refuse it."""
        if self.levels or value is None or self.low >= self.high:
            return
        outside = max(self.low - float(value), float(value) - self.high)
        if outside > self.std:
            raise OptionError(
                f"{self.name} is {float(value):g}; this model was trained on {self.seen}.",
                f"Choose {self.name} within that range. In models that brainzoo trained, its ends "
                "are means of three people or more.",
            )
        if outside > 0:
            console.warn(
                f"{self.name} is {float(value):g}; this model was trained on {self.seen}, and "
                "beyond that it guesses."
            )

    def kept(self, value: Value) -> Value:
        """Return a table's value as conditions keep it: a number to two significant digits."""
        if value is None:
            return None
        return _text(value) if self.levels else _rounded(value)


def column_of(images: Images, name: str) -> Column | None:
    """Return a covariate as the images fill it; ``None`` if it is the same for all."""
    columns = {key for row in images.table for key in row}
    if name in NO_COVARIATES:
        raise OptionError(
            f"{name!r} cannot be a covariate: it is a name, or no property of a person.",
            "Covariates are columns like age, sex or site.",
        )
    if name not in columns and name not in COVARIATES:
        raise OptionError(
            f"the images have no column {name!r} to be a covariate.", nearest(name, list(columns))
        )
    known = [value for value in images.column(name) if value is not None]
    if len(set(known)) < 2:
        why = "the same for all images" if known else "unknown for every image"
        console.note(f"{name} is {why}: the model is not conditioned on it")
        return None
    if all(isinstance(value, int | float) for value in known):
        numbers = np.asarray([_rounded(value) for value in known], np.float64)
        if numbers.std() == 0:
            return None
        of = (numbers.mean(), numbers.std(), numbers.min(), numbers.max())
        return Column(name, (), *map(float, of))
    levels = tuple(sorted({_text(value) for value in known}))
    if len(levels) > MOST_LEVELS:
        raise OptionError(
            f"{name!r} holds {len(levels)} different texts; a category has at most {MOST_LEVELS}."
        )
    return Column(name, levels)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _rounded(value: Value) -> float:
    """Return a number to two significant digits."""
    return float(f"{float(value or 0.0):.2g}")


def microaggregated(
    columns: Sequence[Column], rows: Sequence[Row], people: Sequence[str]
) -> list[Row]:
    """Return rows of images in which every number is the mean of at least three people's.

    Microaggregation (Domingo-Ferrer and Mateo-Sanz 2002, "Practical data-oriented
    microaggregation for statistical disclosure control"): people of the same categories are
    sorted by their numbers, divided into groups of at least three, and each number is replaced by
    its group's mean. Of categories that fewer people share, numbers keep one significant digit.
    """
    numbers = [column for column in columns if not column.levels]
    alike: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        key = [row[c.name] if c.levels else row[c.name] is None for c in columns]
        alike.setdefault(repr(key), []).append(index)
    found = [dict(row) for row in rows]
    for members in alike.values():
        for group in _groups(members, rows, people, numbers):
            enough = len({people[i] for i in group}) >= LEAST_PEOPLE
            for column in numbers:
                known = [rows[i][column.name] for i in group]
                if known[0] is None:
                    continue
                mean = float(np.mean([float(value or 0.0) for value in known]))
                value = column.kept(mean) if enough else float(f"{mean:.1g}")
                for i in group:
                    found[i][column.name] = value
    return found


def _groups(
    members: Sequence[int], rows: Sequence[Row], people: Sequence[str], numbers: Sequence[Column]
) -> list[list[int]]:
    """Divide images of the same categories into groups of neighbours, three people or more each."""

    def place(index: int) -> tuple[float, str]:
        return sum(c.encode(rows[index][c.name])[0] for c in numbers), people[index]

    groups: list[list[int]] = [[]]
    for index in sorted(members, key=place):
        inside = {people[i] for i in groups[-1]}
        if len(inside) >= LEAST_PEOPLE and people[index] not in inside:
            groups.append([])
        groups[-1].append(index)
    if len(groups) > 1 and len({people[i] for i in groups[-1]}) < LEAST_PEOPLE:
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups
