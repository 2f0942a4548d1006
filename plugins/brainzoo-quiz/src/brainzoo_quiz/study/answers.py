"""The answers file: what one reader said in one session. It holds no truth.

JSON, as the page hands it out and the server exports it; all numbers are whole. Its digest finds
damage and careless edits. It is no signature: whoever edits on purpose can make it anew. A study
that needs more uses the server, where answers never lie in readers' hands.

The same as CSV, tidy and long, for spreadsheets and R: a row an answer, many sessions in one file,
everything of the session repeated in each row, reasons joined by ``;``. It converts into JSON and
back without loss, with the same digest. Readers' own words may not become formulas in a
spreadsheet: a text that starts with ``=``, ``+``, ``-``, ``@`` or an apostrophe gets an apostrophe
before it, which reading takes away again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from brainzoo.api import DataError
from brainzoo_quiz.study.files import (
    SCHEMA,
    Document,
    Hex128,
    Hex256,
    Line,
    Model,
    Moment,
    Reason,
    expect_unique,
    read_text,
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


def read(path: Path) -> list[Answers]:
    """Read an answers file, JSON (one session) or CSV (one or many).

    Raises:
        NotFoundError: It does not exist.
        DataError: It is something else.
        IntegrityError: It was edited: its digest does not match.
    """
    if path.suffix.lower() == ".csv":
        return from_csv(read_text(path, Answers.KIND), path.name)
    return [Answers.read(path)]


COLUMNS = (
    *("study", "commitment", "session", "reader", "group", "years", "started_at", "finished_at"),
    *("position", "phase", "token", "answer", "confidence", "response_ms", "shown_at"),
    *("timed_out", "lost_focus", "reloads", "reasons", "click_x", "click_y", "digest"),
)
"""Of the CSV form."""

_SPECIAL = ("=", "+", "-", "@", "'")
_NUMBERS = ("position", "confidence", "response_ms", "lost_focus", "reloads")


def to_csv(sessions: Iterable[Answers]) -> str:
    """Return sessions as tidy long CSV; a session without any answer has no row."""
    out = io.StringIO()
    rows = csv.DictWriter(out, COLUMNS, lineterminator="\n", extrasaction="ignore")
    rows.writeheader()
    for session in sessions:
        content = session.content()
        reader, answers = content.pop("reader"), content.pop("answers")
        names = {"reader": plain(reader["id"]), "group": plain(reader["group"])}
        shared = {**content, **names, "years": reader["years"]}
        for answer in answers:
            x, y = answer["click"] or (None, None)
            reasons = ";".join(map(plain, answer["reasons"]))
            late = str(answer["timed_out"]).lower()
            more = {"reasons": reasons, "timed_out": late, "click_x": x, "click_y": y}
            rows.writerow({**shared, **answer, **more})
    return out.getvalue()


def from_csv(text: str, name: str = "answers") -> list[Answers]:
    """Parse the CSV form.

    Raises:
        DataError: It is something else.
        IntegrityError: It was edited: a digest does not match.
    """
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise DataError(f"{name} is not an answers file: {error}.") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise DataError(f"{name} is not an answers file: expected columns {', '.join(COLUMNS)}.")
    sessions: dict[str, list[dict[str, str]]] = {}
    for number, cells in enumerate(rows[1:], 2):
        if len(cells) != len(COLUMNS):
            raise DataError(f"{name}: row {number} has {len(cells)} cells, not {len(COLUMNS)}.")
        row = dict(zip(COLUMNS, cells, strict=True))
        sessions.setdefault(row["session"], []).append(row)
    if not sessions:
        raise DataError(f"{name} holds no answers.")
    return [Answers.checked(_session(found, name), name) for found in sessions.values()]


def _session(rows: Sequence[dict[str, str]], name: str) -> dict[str, Any]:
    """Return rows of one session as the JSON form; the schema refuses what is odd in them."""
    first = rows[0]
    shared = (*COLUMNS[:8], "digest")
    if any(row[column] != first[column] for row in rows for column in shared):
        raise DataError(f"{name}: rows of session {first['session'][:8]} contradict each other.")
    answers = []
    for row in rows:
        click = [_number(row["click_x"]), _number(row["click_y"])]
        answers.append(
            {
                **{column: row[column] for column in ("token", "phase")},
                **{column: row[column] or None for column in ("answer", "shown_at")},
                **{column: _number(row[column]) for column in _NUMBERS},
                "timed_out": {"true": True, "false": False}.get(row["timed_out"]),
                "reasons": [*map(_unquoted, row["reasons"].split(";"))] if row["reasons"] else [],
                "click": None if click == [None, None] else click,
            }
        )
    names = ("study", "commitment", "session", "started_at", "digest")
    return {
        "kind": Answers.KIND,
        "schema": SCHEMA,
        **{column: first[column] for column in names},
        "finished_at": first["finished_at"] or None,
        "reader": {
            "id": _unquoted(first["reader"]),
            "group": _unquoted(first["group"]),
            "years": _number(first["years"]),
        },
        "answers": answers,
    }


def plain(text: str) -> str:
    """Return text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_SPECIAL) else text


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith(tuple(f"'{sign}" for sign in _SPECIAL)) else cell


def _number(cell: str) -> int | str | None:
    whole = cell.isascii() and cell.isdigit() and (cell == "0" or cell[0] != "0")
    return None if cell == "" else int(cell) if whole and len(cell) < 16 else cell
