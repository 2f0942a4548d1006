"""Which images readers see: as many subjects as there are, conditions alike in both kinds.

A draw, not a choice by eye. Real images come one a subject as long as there are subjects, then a
second of each; practice has subjects of its own. Where both kinds have classes (or planes), created
images are drawn in the proportion of the real ones. Positions of slices are drawn evenly over the
range that was prepared, which is what the generator learnt.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from brainzoo.api import DataError, Images, subjects_of

CONDITIONS = ("class", "plane")
"""Columns in which both kinds are made alike, where both have them."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """How many images of either kind."""

    real: int
    created: int


@dataclasses.dataclass(frozen=True)
class Draw:
    """Rows of the pools, in random order.

    Attributes:
        real: ``{"practice": rows, "test": rows}`` of the pool of real images.
        created: Likewise of the created ones.
        notes: What the owner should know of it, as sentences.
    """

    real: dict[str, list[int]]
    created: dict[str, list[int]]
    notes: tuple[str, ...]


def draw(
    real: Images, created: Images, wanted: dict[str, Wanted], random: np.random.Generator
) -> Draw:
    """Draw the images of a study.

    Args:
        real: The pool of real images.
        created: The pool of created ones.
        wanted: By phase, ``practice`` and ``test``.
        random: Decides everything.

    Raises:
        DataError: A pool is too small, or both have no condition in common.
    """
    columns = [name for name in CONDITIONS if any(real.column(name)) and any(created.column(name))]
    conditions = [_conditions(images, columns) for images in (real, created)]
    usable = set(conditions[0]) & set(conditions[1])
    if not usable:
        raise DataError(
            f"real and created images have no {' and '.join(columns)} in common.",
            "Sample the classes that the real images have.",
        )
    rows_real = [i for i, c in enumerate(conditions[0]) if c in usable]
    rows_created = [i for i, c in enumerate(conditions[1]) if c in usable]
    _expect(len(rows_real), sum(w.real for w in wanted.values()), "real")
    _expect(len(rows_created), sum(w.created for w in wanted.values()), "created")

    chosen = _real(real, rows_real, wanted, random)
    share = Counter(conditions[0][row] for rows in chosen.values() for row in rows)
    by_condition = {
        condition: [int(r) for r in random.permutation([
            row for row in rows_created if conditions[1][row] == condition
        ])]
        for condition in sorted(usable)
    }  # fmt: skip
    made = {
        phase: _in_proportion(by_condition, share, wanted[phase].created)
        for phase in ("test", "practice")
    }
    for rows in (*chosen.values(), *made.values()):
        random.shuffle(rows)
    return Draw(chosen, made, tuple(_notes(real, chosen, columns, share)))


def _conditions(images: Images, columns: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(str(row.get(name) or "") for name in columns) for row in images.table]


def _expect(found: int, wanted: int, kind: str) -> None:
    if found < wanted:
        raise DataError(
            f"there are {found} {kind} images; the study needs {wanted}.",
            "Ask for fewer with --images and --practice, or "
            + ("prepare more subjects." if kind == "real" else "sample more images."),
        )


def _real(
    images: Images,
    rows: Sequence[int],
    wanted: dict[str, Wanted],
    random: np.random.Generator,
) -> dict[str, list[int]]:
    """Draw rows of real images: one a subject, as long as there are subjects."""
    subjects = subjects_of(images)
    by_subject: dict[str, list[int]] = {}
    for row in random.permutation(list(rows)):
        by_subject.setdefault(subjects[row], []).append(int(row))
    if any(isinstance(images.table[row].get("position_mm"), float) for row in rows):
        _spread_positions(images, by_subject, random)
    queue = sorted(by_subject)
    random.shuffle(queue)
    practice = _apart(by_subject, queue, wanted)
    chosen = {"practice": _round_robin({s: by_subject[s] for s in practice}, wanted["practice"])}
    rest = {s: by_subject[s] for s in queue if s not in practice}
    chosen["test"] = _round_robin(rest, wanted["test"])
    return chosen


def _apart(
    by_subject: dict[str, list[int]], queue: Sequence[str], wanted: dict[str, Wanted]
) -> list[str]:
    """Return the subjects set aside for practice: as few as leave the test enough images.

    Raises:
        DataError: There are too few subjects to set any aside.
    """
    need = wanted["practice"].real
    total = sum(w.real for w in wanted.values())
    most = max(1, round(len(queue) * need / max(total, 1)))
    chosen: list[str] = []
    for subject in queue:
        if len(chosen) >= most and sum(len(by_subject[s]) for s in chosen) >= need:
            break
        if need:
            chosen.append(subject)
    left = sum(len(by_subject[s]) for s in queue if s not in chosen)
    if left < wanted["test"].real:
        raise DataError(
            f"the real images are of {len(queue)} subjects; practice and test need subjects of "
            "their own.",
            "Prepare more subjects, or leave out practice with --practice 0.",
        )
    return chosen


def _round_robin(by_subject: dict[str, list[int]], wanted: Wanted) -> list[int]:
    """Return rows, one of each subject in turn."""
    found: list[int] = []
    turn = 0
    while len(found) < wanted.real:
        found += [rows[turn] for rows in by_subject.values() if turn < len(rows)]
        turn += 1
    return found[: wanted.real]


def _spread_positions(
    images: Images, by_subject: dict[str, list[int]], random: np.random.Generator
) -> None:
    """Order each subject's rows: the first ones lie evenly over the range, a second far away."""
    places = random.permutation(len(by_subject))
    for place, rows in zip(places, by_subject.values(), strict=True):
        rows.sort(key=lambda row: float(images.table[row].get("position_mm") or 0.0))
        first = int((place + random.random()) / len(by_subject) * len(rows))
        half = (first + len(rows) // 2) % len(rows)
        others = [i for i in range(len(rows)) if i not in (first, half)]
        random.shuffle(others)
        rows[:] = [rows[i] for i in dict.fromkeys((first, half, *others))]


def _in_proportion(
    by_condition: dict[tuple[str, ...], list[int]], share: Counter[tuple[str, ...]], number: int
) -> list[int]:
    """Take rows off the lists, as many of each condition as its share says."""
    found: list[int] = []
    while len(found) < number:
        taken = Counter[Any]()
        for condition, weight in share.items():
            part = round(number * weight / sum(share.values()))
            while by_condition[condition] and taken[condition] < part and len(found) < number:
                found.append(by_condition[condition].pop())
                taken[condition] += 1
        if not taken:  # rounding left some, or a condition is used up
            rest = max(by_condition, key=lambda c: len(by_condition[c]))
            found.append(by_condition[rest].pop())
    return found


def _notes(
    images: Images,
    chosen: dict[str, list[int]],
    columns: Sequence[str],
    share: Counter[tuple[str, ...]],
) -> list[str]:
    subjects = subjects_of(images)
    found = []
    for phase, rows in chosen.items():
        if rows:
            count = Counter(subjects[row] for row in rows)
            most = max(count.values())
            each = "one each" if most == 1 else f"up to {most} of one"
            found.append(f"{phase}: {len(rows)} real images of {len(count)} subjects, {each}.")
    if columns:
        shown = ", ".join(f"{' '.join(c)} {n}" for c, n in sorted(share.items()))
        found.append(f"Created images were drawn in the same proportion: {shown}.")
    return found
