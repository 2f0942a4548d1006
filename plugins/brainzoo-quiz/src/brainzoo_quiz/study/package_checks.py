"""What ``server/study.json`` must be: every name, every value, and that they fit each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from brainzoo.api import DataError
from brainzoo_quiz.study import files as strict
from brainzoo_quiz.study.key import DESIGNS, MOST_CASES, PHASES

KIND = "brainzoo quiz study"
SCHEMA = 1
MOST_SEATS = 1000


def expect_study(content: Mapping[str, Any], name: str) -> None:
    """Refuse content that is no study, or that contradicts itself.

    Args:
        content: What was parsed, or is to be written.
        name: How errors call the file.

    Raises:
        DataError: Something is missing, unknown or impossible.
        IntegrityError: It is of another schema.
    """
    strict.expect_kind(content, KIND, SCHEMA, name)
    strict.expect(content, _OF_STUDY, name)
    strict.expect(content["settings"], _OF_SETTINGS, f"{name}: settings")
    _expect_image(content["image"], f"{name}: image")
    cases, seats = content["cases"], content["seats"]
    for number, case in enumerate(cases, 1):
        _expect_case(case, content["design"], f"{name}: case {number}")
    for number, seat in enumerate(seats, 1):
        where = f"{name}: seat {number}"
        strict.expect(seat, _OF_SEAT, where)
        for at, place in enumerate(seat["order"], 1):
            strict.expect(place, _OF_PLACE, f"{where}: place {at}")
    _expect_once((case["case"] for case in cases), "case", name)
    _expect_once((image for case in cases for image in case["images"]), "image", name)
    _expect_once((seat["session"] for seat in seats), "session", name)
    _expect_once((seat["reader"] for seat in seats), "reader", name)
    _expect_once((place["token"] for seat in seats for place in seat["order"]), "token", name)
    _expect_alike(cases, seats, name)


def _expect_image(image: Mapping[str, Any], where: str) -> None:
    strict.expect(image, _OF_IMAGE, where)
    if {len(image["shape"]), len(image["spacing_mm"])} != {image["dims"]}:
        raise DataError(f"{where}: expected {image['dims']} lengths and as many spacings.")
    if math.prod(image["shape"]) != image["bytes"]:
        raise DataError(f"{where}: 'bytes' cannot be {image['bytes']}; its shape says otherwise.")


def _expect_case(case: Any, design: str, where: str) -> None:
    practice = isinstance(case, dict) and case.get("phase") == "practice"
    answer = {"answer": strict.one_of(*DESIGNS[design])} if practice else {}
    strict.expect(case, {**_OF_CASE, **answer}, where)
    images = 2 if design == "2afc" else 1
    if len(case["images"]) != images:
        raise DataError(f"{where}: has {len(case['images'])} images; expected {images}.")


def _expect_once(values: Iterable[str], what: str, name: str) -> None:
    if any(number > 1 for number in Counter(values).values()):
        raise DataError(f"{name}: the same {what} occurs twice.")


def _expect_alike(
    cases: list[Mapping[str, Any]], seats: list[Mapping[str, Any]], name: str
) -> None:
    """Refuse seats that show unknown cases, other cases than the first's, or practice last."""
    phases = {case["case"]: case["phase"] for case in cases}
    first = Counter(place["case"] for place in seats[0]["order"])
    if set(first) != set(phases) or max(first.values()) > 2:
        raise DataError(f"{name}: seat 1 does not show each case once or twice.")
    for number, seat in enumerate(seats, 1):
        if Counter(place["case"] for place in seat["order"]) != first:
            raise DataError(f"{name}: seat {number} shows other cases than seat 1.")
        shown = [phases[place["case"]] for place in seat["order"]]
        if shown != sorted(shown, key=PHASES.index):
            raise DataError(f"{name}: seat {number} shows practice after the test began.")


def _objects(most: int) -> strict.Check:
    return lambda value: isinstance(value, list) and 0 < len(value) <= most


def _millimetres(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value <= 1000


def _object(value: Any) -> bool:
    return isinstance(value, dict)


_FLAG = strict.one_of(True, False)
_OF_STUDY: Mapping[str, strict.Check] = {
    "kind": strict.one_of(KIND),
    "schema": strict.one_of(SCHEMA),
    "study": strict.matches(strict.HEX_128),
    "title": strict.text(200),
    "design": strict.one_of(*DESIGNS),
    "commitment": strict.matches(strict.HEX_256),
    "preset": strict.text(100),
    "settings": _object,
    "image": _object,
    "cases": _objects(MOST_CASES),
    "seats": _objects(MOST_SEATS),
}
_OF_SETTINGS: Mapping[str, strict.Check] = {
    "seconds": strict.or_none(strict.whole(1, 3600)),
    "confidence": _FLAG,
    "reasons": strict.list_of(lambda value: strict.text(100)(value) and ";" not in value, 20),
    "click": _FLAG,
    "feedback": _FLAG,
    "break_after": strict.or_none(strict.whole(1, MOST_CASES)),
}
_OF_IMAGE: Mapping[str, strict.Check] = {
    "dims": strict.one_of(2, 3),
    "shape": strict.list_of(strict.whole(1, 4096), 3),
    "spacing_mm": strict.list_of(_millimetres, 3),
    "bytes": strict.whole(1, 2**31),
}
_OF_CASE: Mapping[str, strict.Check] = {
    "case": strict.text(100),
    "phase": strict.one_of(*PHASES),
    "images": strict.list_of(strict.matches(strict.HEX_128), 2),
}
_OF_SEAT: Mapping[str, strict.Check] = {
    "reader": strict.text(100),
    "session": strict.matches(strict.HEX_128),
    "order": _objects(2 * MOST_CASES),
}
_OF_PLACE: Mapping[str, strict.Check] = {
    "token": strict.matches(strict.HEX_128),
    "case": strict.text(100),
}
