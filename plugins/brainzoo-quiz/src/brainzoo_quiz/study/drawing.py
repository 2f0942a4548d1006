"""Which images readers see, as cases with their truth, and the package without truth.

A draw, not a choice by eye. Real images come one a subject as long as there are subjects, then a
second of each; practice has subjects of its own. Where both kinds have classes (or planes), created
images are drawn in the proportion of the real ones. Positions of slices are drawn evenly over the
range that was prepared, which is what the generator learnt.

Everything secret (tokens, names of images, orders) is drawn without knowing any truth: of names,
phases and repeats of the cases, nothing else. So exchanging the labels changes pixels, commitment
and the answers of practice only.
"""

from __future__ import annotations

import itertools
import random as python_random
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from brainzoo.api import DataError, Images, subjects_of
from brainzoo_quiz.study.key import DESIGNS, PHASES, Case, Key, Source, Word
from brainzoo_quiz.study.package import ImageShape, Package, PackagedCase, Place, Seat, Settings

CONDITIONS = ("class", "plane")
"""Columns in which both kinds are made alike, where both have them."""

Condition = tuple[str, ...]

Rows = Mapping[str, tuple[list[int], list[int]]]
"""By phase, rows of the pools of real and of created images, in random order."""


def draw(
    real: Images,
    created: Images,
    wanted: Mapping[str, tuple[int, int]],
    random: np.random.Generator,
) -> tuple[Rows, list[str]]:
    """Draw the images of a study: ``wanted`` real and created ones of each phase.

    Returns:
        The rows, and what the owner should know of them, as sentences.

    Raises:
        DataError: A pool is too small, or both have no condition in common.
    """
    columns = [name for name in CONDITIONS if any(real.column(name)) and any(created.column(name))]
    of_real, of_created = (
        [tuple(str(row.get(name) or "") for name in columns) for row in images.table]
        for images in (real, created)
    )
    usable = set(of_real) & set(of_created)
    if not usable:
        raise DataError(
            f"real and created images have no {' and '.join(columns)} in common.",
            "Sample the classes that the real images have.",
        )
    rows_real = [row for row, condition in enumerate(of_real) if condition in usable]
    pools: dict[Condition, list[int]] = {condition: [] for condition in sorted(usable)}
    for row in random.permutation(len(created)):
        if of_created[row] in usable:
            pools[of_created[row]].append(int(row))
    for which, kind, number, remedy in (
        (0, "real", len(rows_real), "prepare more subjects"),
        (1, "created", sum(map(len, pools.values())), "sample more images"),
    ):
        need = sum(numbers[which] for numbers in wanted.values())
        if number < need:
            raise DataError(
                f"there are {number} {kind} images; the study needs {need}.",
                f"Ask for fewer with --images and --practice, or {remedy}.",
            )
    chosen = _real(real, rows_real, wanted["practice"][0], wanted["test"][0], random)
    share = Counter(of_real[row] for rows in chosen.values() for row in rows)
    made = {phase: _in_proportion(pools, share, number) for phase, (_, number) in wanted.items()}
    for rows in (*chosen.values(), *made.values()):
        random.shuffle(rows)
    notes = _notes(real, chosen, columns, share)
    return {phase: (chosen[phase], made[phase]) for phase in wanted}, notes


def _real(
    images: Images, rows: Sequence[int], need: int, test: int, random: np.random.Generator
) -> dict[str, list[int]]:
    """Draw rows of real images: one a subject, as long as there are subjects.

    Practice takes its subjects first: as few as leave the test enough images.
    """
    subjects = subjects_of(images)
    by_subject: dict[str, list[int]] = {}
    for row in random.permutation(list(rows)):
        by_subject.setdefault(subjects[row], []).append(int(row))
    if any(isinstance(images.table[row].get("position_mm"), float) for row in rows):
        _spread_positions(images, by_subject, random)
    queue = sorted(by_subject)
    random.shuffle(queue)
    most = max(1, round(len(queue) * need / max(need + test, 1)))
    number = 0
    while need and (number < most or sum(len(by_subject[s]) for s in queue[:number]) < need):
        number += 1
    rest = [by_subject[subject] for subject in queue[number:]]
    if sum(map(len, rest)) < test:
        raise DataError(
            f"the real images are of {len(queue)} subjects; practice and test need subjects of "
            "their own.",
            "Prepare more subjects, or do without practice: --practice 0.",
        )
    practice = [by_subject[subject] for subject in queue[:number]]
    return {"practice": _in_turn(practice, need), "test": _in_turn(rest, test)}


def _in_turn(by_subject: Sequence[Sequence[int]], number: int) -> list[int]:
    """Return rows, one of each subject in turn."""
    turns = itertools.zip_longest(*by_subject)
    return [row for turn in turns for row in turn if row is not None][:number]


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
    pools: dict[Condition, list[int]], share: Counter[Condition], number: int
) -> list[int]:
    """Take rows off the pools, as many of each condition as its share says."""
    found: list[int] = []
    for condition, weight in share.items():
        part = min(round(number * weight / share.total()), number - len(found))
        found += [pools[condition].pop() for _ in range(min(part, len(pools[condition])))]
    while len(found) < number:  # rounding left some, or a condition is used up
        found.append(max(pools.values(), key=len).pop())
    return found


def _notes(
    images: Images,
    chosen: dict[str, list[int]],
    columns: Sequence[str],
    share: Counter[Condition],
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


def make_cases(
    real: Images, created: Images, drawn: Rows, design: str, repeats: float
) -> tuple[Case, ...]:
    """Return the cases in a secret order, with their truth."""
    lot = python_random.SystemRandom()
    cases = []
    for phase in PHASES:
        of_real, of_created = drawn[phase]
        if design == "2afc":
            found = _pairs(real, created, of_real, of_created, lot)
        else:
            first, second = DESIGNS[design]
            found = [(first, (_source(real, row),)) for row in of_real]
            found += [(second, (_source(created, row),)) for row in of_created]
        lot.shuffle(found)
        again = _repeated([truth for truth, _ in found], repeats, lot) if phase == "test" else set()
        cases += [
            Case(
                case=f"{phase[0]}{number:03d}",
                truth=truth,
                phase=phase,
                repeated=number in again,
                sources=sources,
            )
            for number, (truth, sources) in enumerate(found, 1)
        ]
    return tuple(cases)


def make_package(
    key: Key, *, readers: int, preset: str, settings: Settings, image: ImageShape
) -> Package:
    """Return what readers and a server may have: no truth but that of practice."""
    each = 2 if key.design == "2afc" else 1
    cases = tuple(
        PackagedCase(
            case=case.case,
            phase=case.phase,
            images=tuple(secrets.token_hex(16) for _ in range(each)),
            answer=case.truth if case.phase == "practice" else None,
        )
        for case in key.cases
    )
    return Package(
        **key.model_dump(include={"study", "title", "design"}),
        commitment=key.commitment,
        preset=preset,
        settings=settings,
        image=image,
        cases=cases,
        seats=tuple(_seat(key, number) for number in range(1, readers + 1)),
    )


def _seat(key: Key, number: int) -> Seat:
    """Return a reader's place, with an order of her own."""
    session = secrets.token_hex(16)
    order = _order([(case.case, case.phase, case.repeated) for case in key.cases])
    places = (Place(token=key.token(session, name, show), case=name) for name, show in order)
    return Seat(reader=f"R{number}", session=session, order=tuple(places))


def _source(images: Images, row: int) -> Source:
    return Source(images=images.fingerprint, row=int(images.positions[row]))


def _pairs(
    real: Images,
    created: Images,
    of_real: Sequence[int],
    of_created: Sequence[int],
    lot: python_random.Random,
) -> list[tuple[Word, tuple[Source, ...]]]:
    """Pair real with created images of the same class; half of the real ones come first."""

    def alike(images: Images, rows: Sequence[int]) -> list[Source]:
        by_class = sorted(rows, key=lambda row: str(images.table[row].get("class") or ""))
        return [_source(images, row) for row in by_class]

    pairs = list(zip(alike(real, of_real), alike(created, of_created), strict=True))
    first = [number % 2 == 0 for number in range(len(pairs))]
    lot.shuffle(first)
    words = DESIGNS["2afc"]
    return [
        (words[0], pair) if real_first else (words[1], pair[::-1])
        for real_first, pair in zip(first, pairs, strict=True)
    ]


def _repeated(truths: Sequence[str], share: float, lot: python_random.Random) -> set[int]:
    """Return the numbers (from 1) of the cases shown twice: half of either truth."""
    chosen: set[int] = set()
    for i, truth in enumerate(dict.fromkeys(truths)):
        those = [n for n, found in enumerate(truths, 1) if found == truth]
        part = (round(share * len(truths)) + i) // 2
        chosen |= set(lot.sample(those, min(part, len(those))))
    return chosen


def _order(cases: Sequence[tuple[str, str, bool]]) -> tuple[tuple[str, int], ...]:
    """Return one reader's order; a repeat comes in the second half, its first showing before it."""
    lot = python_random.SystemRandom()
    shown: list[tuple[str, int]] = [(name, 1) for name, phase, _ in cases if phase == "practice"]
    lot.shuffle(shown)
    test = [(name, again) for name, phase, again in cases if phase == "test"]
    lot.shuffle(test)
    twice = [name for name, again in test if again]
    once = [name for name, again in test if not again]
    middle = max(len(test) // 2, len(twice))
    early = twice + once[: middle - len(twice)]
    late = [(name, 1) for name in once[middle - len(twice) :]] + [(name, 2) for name in twice]
    lot.shuffle(early)
    lot.shuffle(late)
    return (*shown, *((name, 1) for name in early), *late)
