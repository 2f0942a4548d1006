"""What the owner sees while a study runs, and the answers it gave. No truth, for there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Row, case, func, select

from brainzoo.api import DataError
from brainzoo_quiz.server.database import database_errors, reading, shown
from brainzoo_quiz.server.preparing import read_study
from brainzoo_quiz.server.tables import (
    ANSWER,
    READER,
    SESSION,
    STUDY,
    TRIAL,
    milliseconds,
    moment,
)
from brainzoo_quiz.study.answers import Answer, Answers

LATE_MS = 5000
"""An answer chosen in time, as the page says, that comes so much later: long thought about reasons,
a slow line, or a slow clock."""


def progress(engine: Engine) -> dict[str, Any]:
    """Return how far each reader is."""
    with reading(engine) as connection:
        study = connection.execute(select(STUDY)).one()
        readers = connection.execute(
            select(READER, SESSION)
            .join(SESSION, SESSION.c.reader == READER.c.reader)
            .order_by(READER.c.seat)
        ).all()
        trials = _counts(connection)
    rows = [_reader(row, trials[row.session]) for row in readers]
    return {
        "study": study.study,
        "title": study.title,
        "now": moment(milliseconds()),
        "created_at": moment(study.created_at),
        "closed_at": _moment(study.closed_at),
        "readers": rows,
        "answered": sum(row["answered"] for row in rows),
        "images": sum(row["images"] for row in rows),
        "finished": sum(row["state"] == "finished" for row in rows),
    }


def read_answers(engine: Engine) -> list[Answers]:
    """Return the answers of all readers who started, by the strict rules of answers files.

    Raises:
        DataError: The database holds no study, or an answer that no page can have sent.
        IntegrityError: It is of another version.
        NetworkError: It cannot be reached.
    """
    with database_errors(engine), reading(engine) as connection:
        study = read_study(connection)
        if study is None:
            raise DataError(
                f"{shown(engine)} holds no study.", "Start it with `brainzoo quiz serve`."
            )
        sessions = connection.execute(
            select(SESSION, READER.c.seat)
            .join(READER, READER.c.reader == SESSION.c.reader)
            .where(SESSION.c.started_at.is_not(None))
            .order_by(READER.c.seat)
        ).all()
        return [
            Answers.of(
                {
                    "study": study.study,
                    "commitment": study.commitment,
                    "session": row.session,
                    "reader": {"id": row.reader, "group": row.group, "years": row.years},
                    "started_at": moment(row.started_at),
                    "finished_at": _moment(row.finished_at),
                    "answers": list(_answers(connection, row.session)),
                },
                f"reader {row.reader}",
            )
            for row in sessions
        ]


def _answers(connection: Connection, session: str) -> Iterator[dict[str, Any]]:
    both = ANSWER.join(
        TRIAL, (TRIAL.c.session == ANSWER.c.session) & (TRIAL.c.position == ANSWER.c.position)
    )
    trial = (TRIAL.c.token, TRIAL.c.phase, TRIAL.c.shown_at)
    rows = select(ANSWER, *trial).select_from(both).where(ANSWER.c.session == session)
    for row in connection.execute(rows.order_by(ANSWER.c.position)):
        content = {**row._mapping, "shown_at": _moment(row.shown_at)}
        yield {name: content[name] for name in Answer.model_fields}


def _counts(connection: Connection) -> dict[str, Row[Any]]:
    """Return counts of the trials of each session."""
    both = TRIAL.outerjoin(
        ANSWER, (TRIAL.c.session == ANSWER.c.session) & (TRIAL.c.position == ANSWER.c.position)
    )
    late = ~ANSWER.c.timed_out & (ANSWER.c.received_at > TRIAL.c.deadline_at + LATE_MS)

    def number(condition: Any) -> Any:
        return func.count(case((condition, 1)))

    rows = connection.execute(
        select(
            TRIAL.c.session,
            func.count().label("images"),
            func.count(ANSWER.c.position).label("answered"),
            number(ANSWER.c.timed_out).label("timed_out"),
            number(late).label("late"),
            func.sum(ANSWER.c.lost_focus).label("lost_focus"),
            func.sum(ANSWER.c.reloads).label("reloads"),
            func.max(TRIAL.c.shown_at).label("shown_at"),
            func.max(ANSWER.c.received_at).label("received_at"),
        )
        .select_from(both)
        .group_by(TRIAL.c.session)
    )
    return {row.session: row for row in rows}


def _reader(row: Row[Any], counts: Row[Any]) -> dict[str, Any]:
    seen = [row.joined_at, row.started_at, counts.shown_at, counts.received_at, row.finished_at]
    numbers = ("images", "answered", "timed_out", "late", "lost_focus", "reloads")
    return {
        "reader": row.reader,
        "group": row.group,
        "years": row.years,
        "state": _state(row),
        **{name: getattr(counts, name) or 0 for name in numbers},
        "seen_at": _moment(max((at for at in seen if at is not None), default=None)),
        "invitation": "open" if row.joined_at is None else "used",
    }


def _state(row: Row[Any]) -> str:
    if row.finished_at is not None:
        return "finished"
    if row.started_at is not None:
        return "reading"
    return "invited" if row.cookie is None else "joined"


def _moment(at: int | None) -> str | None:
    return None if at is None else moment(at)
