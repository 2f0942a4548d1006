"""The answers file: what one reader said in one session. It holds no truth.

JSON, as the page hands it out and the server exports it; all numbers are whole::

    kind         "brainzoo quiz answers"
    schema       1
    study        the study id
    commitment   the key's commitment, as the page showed it before the start
    session      the session's 128 bits
    reader       {id, group, years}: a pseudonym, "neuroradiologist" or the like, years or null
    started_at   2026-01-31T12:00:00Z
    finished_at  likewise, or null when the session was broken off
    answers      [{position, token, phase, answer, confidence, response_ms, shown_at,
                   timed_out, lost_focus, reloads, reasons, click}, ...] in the order shown
    digest       SHA-256 of the canonical JSON of all the above (sorted names, no spaces, UTF-8)

``answer`` is one of the design's two words, or null where the reader gave none; ``confidence`` is
1 (guess) to 5 (sure) or null; ``response_ms`` counts from when the image was visible;
``timed_out`` says that the image's time ended before the answer; ``lost_focus`` and ``reloads``
count events while it was shown; ``click`` is where something looked wrong, [x, y] in
ten-thousandths of the image's width and height.

The digest finds damage and careless edits. It is no signature: who edits on purpose can make it
anew. A study that needs more uses the server, where answers never lie in readers' hands.

:mod:`brainzoo_quiz.study.answers_csv` is the same as a table.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brainzoo.api import DataError, IntegrityError
from brainzoo_quiz.study import files as strict
from brainzoo_quiz.study.key import DESIGNS, PHASES

KIND = "brainzoo quiz answers"
SCHEMA = 1
MOST_ANSWERS = 20_000
CONFIDENCES = 5

WORDS = tuple(word for pair in DESIGNS.values() for word in pair)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What was said of one showing of one case; the module's text says what each field means."""

    position: int
    token: str
    phase: str
    answer: str | None
    confidence: int | None
    response_ms: int | None
    shown_at: str | None
    timed_out: bool = False
    lost_focus: int = 0
    reloads: int = 0
    reasons: tuple[str, ...] = ()
    click: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True)
class Answers:
    """One reader's session."""

    study: str
    commitment: str
    session: str
    reader: str
    group: str
    years: int | None
    started_at: str
    finished_at: str | None
    answers: tuple[Answer, ...]

    def content(self) -> dict[str, Any]:
        """Return what the JSON form holds, sealed with its digest."""
        content = {
            "kind": KIND,
            "schema": SCHEMA,
            "study": self.study,
            "commitment": self.commitment,
            "session": self.session,
            "reader": {"id": self.reader, "group": self.group, "years": self.years},
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "answers": [
                {
                    **dataclasses.asdict(answer),
                    "reasons": list(answer.reasons),
                    "click": None if answer.click is None else list(answer.click),
                }
                for answer in self.answers
            ],
        }
        return {**content, "digest": strict.digest(content)}

    def to_bytes(self) -> bytes:
        """Return the content of the JSON file."""
        return f"{json.dumps(self.content(), indent=1, ensure_ascii=False)}\n".encode()


def read(path: Path) -> list[Answers]:
    """Read an answers file, JSON (one session) or CSV (one or many).

    Raises:
        NotFoundError: There is no such file.
        DataError: It is no answers file.
        IntegrityError: It was edited: its digest does not fit.
    """
    text = strict.read_text(path, "answers file")
    if path.suffix.lower() == ".csv":
        from brainzoo_quiz.study.answers_csv import from_csv

        return from_csv(text, path.name)
    return [from_json(text, path.name)]


def from_json(text: str, name: str = "answers") -> Answers:
    """Parse the JSON form.

    Args:
        text: The file's content.
        name: How errors call it.

    Raises:
        DataError: It is no answers file.
        IntegrityError: It was edited: its digest does not fit.
    """
    return checked(strict.parse(text, "answers file", name), name)


def expect_answer(answer: Any, where: str) -> None:
    """Refuse a parsed answer that is none.

    Args:
        answer: As the JSON form has it.
        where: How the error starts.

    Raises:
        DataError: A name is missing or unknown, or a value impossible.
    """
    strict.expect(answer, _OF_ANSWER, where)


def checked(content: dict[str, Any], name: str) -> Answers:
    """Return parsed content as answers.

    Raises:
        DataError: It is no answers file.
        IntegrityError: It was edited: its digest does not fit.
    """
    strict.expect_kind(content, KIND, SCHEMA, name)
    strict.expect(content, _OF_FILE, name)
    strict.expect(content["reader"], _OF_READER, f"{name}: reader")
    for number, answer in enumerate(content["answers"], 1):
        expect_answer(answer, f"{name}: answer {number}")
    told = content["digest"]
    if told != strict.digest({k: v for k, v in content.items() if k != "digest"}):
        raise IntegrityError(
            f"{name} was edited after it was saved: its digest does not fit.",
            "Ask the reader for the file as the page saved it.",
        )
    answers = tuple(
        Answer(
            **{
                **answer,
                "reasons": tuple(answer["reasons"]),
                "click": None if answer["click"] is None else tuple(answer["click"]),
            }
        )
        for answer in content["answers"]
    )
    _expect_once([answer.position for answer in answers], "position", name)
    _expect_once([answer.token for answer in answers], "token", name)
    names = ("study", "commitment", "session", "started_at", "finished_at")
    reader = content["reader"]
    return Answers(
        **{key: content[key] for key in names},
        reader=reader["id"],
        group=reader["group"],
        years=reader["years"],
        answers=answers,
    )


def _expect_once(values: Sequence[int | str], what: str, name: str) -> None:
    if len(set(values)) < len(values):
        raise DataError(f"{name}: two answers have the same {what}; expected one each.")


def _reason(value: Any) -> bool:
    return strict.text(100)(value) and ";" not in value


_OF_FILE = {
    "kind": strict.one_of(KIND),
    "schema": strict.one_of(SCHEMA),
    "study": strict.matches(strict.HEX_128),
    "commitment": strict.matches(strict.HEX_256),
    "session": strict.matches(strict.HEX_128),
    "reader": lambda value: isinstance(value, dict),
    "started_at": strict.matches(strict.MOMENT),
    "finished_at": strict.or_none(strict.matches(strict.MOMENT)),
    "answers": lambda value: isinstance(value, list) and len(value) <= MOST_ANSWERS,
    "digest": strict.matches(strict.HEX_256),
}
_OF_READER = {
    "id": strict.text(100),
    "group": strict.text(100, empty=True),
    "years": strict.or_none(strict.whole(0, 100)),
}
_OF_ANSWER = {
    "position": strict.whole(1, MOST_ANSWERS),
    "token": strict.matches(strict.HEX_128),
    "phase": strict.one_of(*PHASES),
    "answer": strict.or_none(strict.one_of(*WORDS)),
    "confidence": strict.or_none(strict.whole(1, CONFIDENCES)),
    "response_ms": strict.or_none(strict.whole(0, 10**9)),
    "shown_at": strict.or_none(strict.matches(strict.MOMENT)),
    "timed_out": strict.one_of(True, False),
    "lost_focus": strict.whole(0, 10**6),
    "reloads": strict.whole(0, 10**6),
    "reasons": strict.list_of(_reason, 20),
    "click": strict.or_none(
        lambda value: strict.list_of(strict.whole(0, 10_000), 2)(value) and len(value) == 2
    ),
}
