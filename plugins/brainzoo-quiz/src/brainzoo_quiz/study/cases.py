"""A study from what was drawn: cases with their truth, secrets, and the package without truth.

Everything secret (tokens, names of images, orders) is drawn without knowing any truth:
:func:`secrets_of` gets names, phases and repeats of the cases, nothing else. So exchanging the
labels changes pixels and commitment only, which every export checks (``audit/exact.py``).
"""

from __future__ import annotations

import dataclasses
import random as python_random
import secrets
from collections.abc import Mapping, Sequence

from brainzoo.api import Images
from brainzoo_quiz.study.drawing import Draw
from brainzoo_quiz.study.key import DESIGNS, PHASES, Case, Key, Source, Word
from brainzoo_quiz.study.package import ImageShape, Package, PackagedCase, Place, Seat, Settings


@dataclasses.dataclass(frozen=True)
class Secrets:
    """What is drawn without knowing any truth.

    Attributes:
        images: Names of the image files of each case.
        sessions: One a reader.
        orders: Of each reader: case and showing (1, or 2 for a repeat), practice first.
    """

    images: Mapping[str, tuple[str, ...]]
    sessions: tuple[str, ...]
    orders: tuple[tuple[tuple[str, int], ...], ...]


def make_cases(
    real: Images, created: Images, draw: Draw, design: str, repeats: float
) -> tuple[Case, ...]:
    """Return the cases in a secret order, with their truth."""
    lot = python_random.SystemRandom()
    cases = []
    for phase in PHASES:
        if design == "2afc":
            found = _pairs(real, created, draw, phase, lot)
        else:
            first, second = DESIGNS[design]
            found = [(first, (_source(real, row),)) for row in draw.real[phase]]
            found += [(second, (_source(created, row),)) for row in draw.created[phase]]
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


def secrets_of(cases: Sequence[tuple[str, str, bool]], design: str, readers: int) -> Secrets:
    """Draw names, sessions and orders."""
    each = 2 if design == "2afc" else 1
    return Secrets(
        images={name: tuple(secrets.token_hex(16) for _ in range(each)) for name, _, _ in cases},
        sessions=tuple(secrets.token_hex(16) for _ in range(readers)),
        orders=tuple(_order(cases) for _ in range(readers)),
    )


def make_package(
    key: Key, hidden: Secrets, *, preset: str, settings: Settings, image: ImageShape
) -> Package:
    """Return what readers and a server may have: no truth but that of practice."""
    cases = tuple(
        PackagedCase(
            case=case.case,
            phase=case.phase,
            images=hidden.images[case.case],
            answer=case.truth if case.phase == "practice" else None,
        )
        for case in key.cases
    )
    seats = tuple(
        Seat(
            reader=f"R{number}",
            session=session,
            order=tuple(
                Place(token=key.token(session, name, showing), case=name) for name, showing in order
            ),
        )
        for number, (session, order) in enumerate(
            zip(hidden.sessions, hidden.orders, strict=True), 1
        )
    )
    return Package(
        study=key.study,
        title=key.title,
        design=key.design,
        commitment=key.commitment,
        preset=preset,
        settings=settings,
        image=image,
        cases=cases,
        seats=seats,
    )


def _source(images: Images, row: int) -> Source:
    return Source(images=images.fingerprint, row=int(images.positions[row]))


def _pairs(
    real: Images, created: Images, draw: Draw, phase: str, lot: python_random.Random
) -> list[tuple[Word, tuple[Source, ...]]]:
    """Pair real with created images of the same class; half of the real ones come first."""

    def alike(images: Images, rows: Sequence[int]) -> list[int]:
        return sorted(rows, key=lambda row: str(images.table[row].get("class") or ""))

    rows = [alike(real, draw.real[phase]), alike(created, draw.created[phase])]
    first = [number % 2 == 0 for number in range(len(rows[0]))]
    lot.shuffle(first)
    found: list[tuple[Word, tuple[Source, ...]]] = []
    for real_first, one, other in zip(first, *rows, strict=True):
        pair = (_source(real, one), _source(created, other))
        truth = DESIGNS["2afc"][0 if real_first else 1]
        found.append((truth, pair if real_first else pair[::-1]))
    return found


def _repeated(truths: Sequence[str], share: float, lot: python_random.Random) -> set[int]:
    """Return the numbers (from 1) of the cases shown twice: half of either truth."""
    number = round(share * len(truths))
    chosen: set[int] = set()
    for i, truth in enumerate(dict.fromkeys(truths)):
        those = [n for n, found in enumerate(truths, 1) if found == truth]
        part = (number + i) // 2
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
