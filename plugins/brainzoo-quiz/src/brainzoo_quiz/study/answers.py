"""The answers file: what one reader said in one session. It holds no truth.

JSON, as the page hands it out and the server exports it; all numbers are whole. Its digest finds
damage and careless edits. It is no signature: whoever edits on purpose can make it anew. A study
that needs more uses the server, where answers never lie in readers' hands.

The same as CSV, tidy and long, is for spreadsheets and R: a row an answer, many sessions in one
file, everything of the session repeated in each row, reasons joined by ``;``. Readers' own words
may not become formulas in a spreadsheet: a text that starts with ``=``, ``+``, ``-``, ``@`` or an
apostrophe gets an apostrophe before it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from brainzoo_quiz.study.files import (
    Document,
    Hex128,
    Hex256,
    Line,
    Model,
    Moment,
    Reason,
    expect_unique,
)
from brainzoo_quiz.study.key import Phase, Word

MOST_ANSWERS = 20_000

Years = Annotated[int, Field(ge=0, le=100)] | None
Group = Annotated[str, StringConstraints(max_length=100, pattern=r"^\P{C}*$")]
Position = Annotated[int, Field(ge=1, le=MOST_ANSWERS)]
Count = Annotated[int, Field(ge=0, le=10**6)]
Place = Annotated[int, Field(ge=0, le=10_000)]


class Reader(Model):
    """Who read: a pseudonym, "neuroradiologist" or the like, and years of experience."""

    id: Line
    group: Group
    years: Years


class Said(Model):
    """What a page says of one showing of one case.

    Attributes:
        position: In the order shown, from 1.
        token: What stands for the showing.
        answer: One of the design's two words; ``None`` where the reader gave none.
        confidence: 1 (guess) to 5 (sure).
        response_ms: From when the image was visible.
        timed_out: The image's time ended before the answer.
        lost_focus: How often the reader looked elsewhere while it was shown.
        reloads: How often the page was loaded again.
        reasons: Those ticked.
        click: Where something looked wrong, in ten-thousandths of the image's width and height.
    """

    position: Position
    token: Hex128
    answer: Word | None
    confidence: int | None = Field(ge=1, le=5)
    response_ms: int | None = Field(ge=0, le=10**9)
    timed_out: bool
    lost_focus: Count
    reloads: Count
    reasons: tuple[Reason, ...] = Field(max_length=20)
    click: tuple[Place, Place] | None


class Answer(Said):
    """One answer of a session: what the page said, when it was shown, and in which phase."""

    phase: Phase
    shown_at: Moment | None


class Answers(Document):
    """One reader's session; ``finished_at`` is ``None`` where it was broken off."""

    KIND = "brainzoo quiz answers"
    SEAL = "digest"

    study: Hex128
    commitment: Hex256
    session: Hex128
    reader: Reader
    started_at: Moment
    finished_at: Moment | None
    answers: tuple[Answer, ...] = Field(max_length=MOST_ANSWERS)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        expect_unique([answer.position for answer in self.answers], "position")
        expect_unique([answer.token for answer in self.answers], "token")
        return self


COLUMNS = (
    *("study", "commitment", "session", "reader", "group", "years", "started_at", "finished_at"),
    *("position", "phase", "token", "answer", "confidence", "response_ms", "shown_at"),
    *("timed_out", "lost_focus", "reloads", "reasons", "click_x", "click_y", "digest"),
)
"""Of the CSV form."""


def to_csv(sessions: Iterable[Answers]) -> str:
    """Return sessions as tidy long CSV; a session without any answer has no row."""
    out = io.StringIO()
    rows = csv.DictWriter(out, COLUMNS, lineterminator="\n", extrasaction="ignore")
    rows.writeheader()
    for session in sessions:
        content = session.content()
        reader, answers = content.pop("reader"), content.pop("answers")
        names = {"reader": plain(reader["id"]), "group": plain(reader["group"])}
        shared = {**content, **reader, **names}
        for answer in answers:
            x, y = answer["click"] or (None, None)
            reasons = ";".join(map(plain, answer["reasons"]))
            late = str(answer["timed_out"]).lower()
            more = {"reasons": reasons, "timed_out": late, "click_x": x, "click_y": y}
            rows.writerow({**shared, **answer, **more})
    return out.getvalue()


def plain(text: str) -> str:
    """Return text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "'")) else text
