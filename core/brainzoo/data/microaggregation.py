"""Rows of covariates that stand for several people each, so that what is published shows nobody's.

Microaggregation (Domingo-Ferrer and Mateo-Sanz 2002, "Practical data-oriented microaggregation for
statistical disclosure control"): people of the same categories are sorted by their numbers, divided
into groups of at least three, and each number is replaced by its group's mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brainzoo.data.covariates import Column
from brainzoo.data.tables import Row

LEAST = 3
"""People a row stands for."""


def crowded(columns: Sequence[Column], rows: Sequence[Row], people: Sequence[str]) -> list[Row]:
    """Return rows in which every number is the mean of at least three people's.

    Of categories that fewer people share (a sex and class with two, for example), numbers are kept
    to one significant digit only.

    Args:
        columns: Of the rows; categories stay as they are.
        rows: One an image, as :meth:`Column.kept` keeps values.
        people: Whose image each is.

    Returns:
        One an image, in the same order.
    """
    numbers = [column for column in columns if not column.levels]
    alike: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        key = [row[c.name] if c.levels else row[c.name] is None for c in columns]
        alike.setdefault(repr(key), []).append(index)
    found = [dict(row) for row in rows]
    for members in alike.values():
        for group in _groups(members, rows, people, numbers):
            for column in numbers:
                known = [row[column.name] for row in (rows[i] for i in group)]
                if known[0] is None:
                    continue
                mean = float(np.mean([float(value or 0.0) for value in known]))
                enough = len({people[i] for i in group}) >= LEAST
                value = column.kept(mean) if enough else float(f"{mean:.1g}")
                for i in group:
                    found[i][column.name] = value
    return found


def _groups(
    members: Sequence[int], rows: Sequence[Row], people: Sequence[str], numbers: Sequence[Column]
) -> list[list[int]]:
    """Divide images of the same categories into groups of neighbours, three people or more each."""

    def place(index: int) -> tuple[float, str]:
        encoded = (c.encode(rows[index][c.name])[0] for c in numbers)
        return sum(encoded), people[index]

    groups: list[list[int]] = [[]]
    for index in sorted(members, key=place):
        group = groups[-1]
        inside = {people[i] for i in group}
        if len(inside) >= LEAST and people[index] not in inside:
            groups.append([])
        groups[-1].append(index)
    if len(groups) > 1 and len({people[i] for i in groups[-1]}) < LEAST:
        last = groups.pop()
        groups[-1] += last
    return groups
