"""A study from what was drawn: cases with their truth, and the package without truth.

Everything secret (tokens, names of images, orders) is drawn without knowing any truth: of names,
phases and repeats of the cases, nothing else. So exchanging the labels changes pixels, commitment
and the answers of practice only.
"""

from __future__ import annotations

import random as python_random
import secrets
from collections.abc import Sequence

from brainzoo.api import Images
from brainzoo_quiz.study.drawing import Rows
from brainzoo_quiz.study.key import DESIGNS, PHASES, Case, Key, Source, Word
from brainzoo_quiz.study.package import ImageShape, Package, PackagedCase, Place, Seat, Settings


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
