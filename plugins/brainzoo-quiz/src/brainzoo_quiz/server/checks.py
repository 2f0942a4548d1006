"""What a page may send. Answers pass the very check that answers files pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brainzoo.api import BrainzooError
from brainzoo_quiz.server.refusals import Refused
from brainzoo_quiz.study import answers
from brainzoo_quiz.study import files as strict
from brainzoo_quiz.study.key import DESIGNS
from brainzoo_quiz.study.package import Package

EVENTS = ("blur", "resize", "reload")

_POSITION = strict.whole(1, answers.MOST_ANSWERS)
OF_START: Mapping[str, strict.Check] = {
    "group": strict.text(100, empty=True),
    "years": strict.or_none(strict.whole(0, 100)),
    "consent": strict.one_of(True),
}
OF_SHOW: Mapping[str, strict.Check] = {"position": _POSITION}
OF_EVENT: Mapping[str, strict.Check] = {"position": _POSITION, "kind": strict.one_of(*EVENTS)}


def expect(content: Mapping[str, Any], checks: Mapping[str, strict.Check]) -> None:
    """Refuse a request that does not hold exactly what it should."""
    try:
        strict.expect(content, checks, "request")
    except BrainzooError as error:
        raise _bad(error.message) from None


def expect_answer(content: Mapping[str, Any], package: Package) -> None:
    """Refuse an answer that an answers file could not hold, or that the study did not ask for."""
    if {"phase", "shown_at"} & set(content):
        raise _bad("request: 'phase' and 'shown_at' are the server's to say.")
    try:
        answers.expect_answer({**content, "phase": "test", "shown_at": None}, "request")
    except BrainzooError as error:
        raise _bad(error.message) from None
    settings, word = package.settings, content["answer"]
    asked = {
        "answer": word in DESIGNS[package.design] or (word is None and content["timed_out"]),
        "confidence": settings.confidence or content["confidence"] is None,
        "reasons": set(content["reasons"]) <= set(settings.reasons),
        "click": settings.click or content["click"] is None,
        "timed_out": settings.seconds is not None or not content["timed_out"],
    }
    for name in (name for name, fits in asked.items() if not fits):
        raise _bad(f"request: {name!r} is not what this study asks for.")


def _bad(message: str) -> Refused:
    return Refused(400, "bad-request", message)
