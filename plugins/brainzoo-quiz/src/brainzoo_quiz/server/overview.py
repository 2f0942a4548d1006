"""What the owner sees while a study runs, and the answers it gave. No truth, for there is none."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select

from brainzoo.api import DataError
from brainzoo_quiz.server.admission import read_study
from brainzoo_quiz.server.database import database_errors, reading, shown
from brainzoo_quiz.server.tables import READER, STUDY, TRIAL, milliseconds, moment
from brainzoo_quiz.study.answers import Answer, Answers

LATE_MS = 5000
"""An answer chosen in time, as the page says, that comes so much later: long thought about reasons,
a slow line, or a slow clock."""

COUNTS = {
    "answered": func.count(TRIAL.c.answered_at),
    "timed_out": func.count().filter(TRIAL.c.timed_out),
    "late": func.count().filter(
        ~TRIAL.c.timed_out, TRIAL.c.answered_at > TRIAL.c.deadline_at + LATE_MS
    ),
    "lost_focus": func.coalesce(func.sum(TRIAL.c.lost_focus), 0),
    "reloads": func.coalesce(func.sum(TRIAL.c.reloads), 0),
}
"""What is counted of each reader's images."""


def progress(engine: Engine) -> dict[str, Any]:
    """Return how far each reader is."""
    last = (func.max(TRIAL.c.shown_at), func.max(TRIAL.c.answered_at))
    counts = [count.label(name) for name, count in COUNTS.items()]
    rows = (
        select(READER, *counts, last[0].label("shown_at"), last[1].label("answered_at"))
        .outerjoin(TRIAL, TRIAL.c.session == READER.c.session)
        .group_by(READER.c.session)
        .order_by(READER.c.seat)
    )
    with reading(engine) as connection:
        study = connection.execute(select(STUDY)).one()
        readers = [_reader(row, study.images) for row in connection.execute(rows)]
    return {
        "study": study.study,
        "title": study.title,
        "now": moment(milliseconds()),
        "created_at": moment(study.created_at),
        "closed_at": moment(study.closed_at),
        "readers": readers,
        "answered": sum(reader["answered"] for reader in readers),
        "images": len(readers) * study.images,
        "finished": sum(reader["state"] == "finished" for reader in readers),
    }


def _reader(row: Row[Any], images: int) -> dict[str, Any]:
    if row.finished_at is not None:
        state = "finished"
    elif row.started_at is not None:
        state = "reading"
    else:
        state = "invited" if row.cookie is None else "joined"
    seen = [row.joined_at, row.started_at, row.shown_at, row.answered_at, row.finished_at]
    return {
        "reader": row.reader,
        "group": row.group,
        "years": row.years,
        "state": state,
        "images": images,
        **{name: int(row._mapping[name]) for name in COUNTS},
        "seen_at": moment(max((at for at in seen if at is not None), default=None)),
        "invitation": "open" if row.joined_at is None else "used",
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
        started = READER.c.started_at.is_not(None)
        rows = connection.execute(select(READER).where(started).order_by(READER.c.seat)).all()
        return [
            Answers.of(
                {
                    "study": study.study,
                    "commitment": study.commitment,
                    "session": row.session,
                    "reader": {"id": row.reader, "group": row.group, "years": row.years},
                    "started_at": moment(row.started_at),
                    "finished_at": moment(row.finished_at),
                    "answers": _answers(connection, row.session),
                },
                f"reader {row.reader}",
            )
            for row in rows
        ]


def _answers(connection: Connection, session: str) -> list[dict[str, Any]]:
    answered = (TRIAL.c.session == session) & TRIAL.c.answered_at.is_not(None)
    rows = connection.execute(select(TRIAL).where(answered).order_by(TRIAL.c.position))
    found = [{**row._mapping, "shown_at": moment(row.shown_at)} for row in rows]
    return [{name: row[name] for name in Answer.model_fields} for row in found]
