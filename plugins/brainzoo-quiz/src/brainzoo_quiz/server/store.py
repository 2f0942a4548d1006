"""What readers do, as transactions. Whatever a page says is checked here.

An answer is stored once: its primary key is session and position, the first one stays, and sending
it again is answered as if it were new. The start of an image and the end of its time are stored
before its token is given out, so that neither a reload nor another browser gives time back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from brainzoo_quiz.server.admission import closed, expect_open
from brainzoo_quiz.server.database import reading, writing
from brainzoo_quiz.server.requests import (
    Nothing,
    Refused,
    Show,
    Start,
    expect,
    expect_answer,
)
from brainzoo_quiz.server.tables import ANSWER, SESSION, TRIAL, milliseconds, moment
from brainzoo_quiz.study.package import Package, Place, page_data


class Store:
    """A study's database as its readers use it."""

    def __init__(
        self, engine: Engine, package: Package, now: Callable[[], int] = milliseconds
    ) -> None:
        self.engine = engine
        self.package = package
        self.now = now
        self._seats = {seat.session: seat for seat in package.seats}
        self._cases = {case.case: case for case in package.cases}

    def page(self, session: str) -> dict[str, Any]:
        """Return what a reader's page starts from: no token, no pixels, no answers."""
        with reading(self.engine) as connection:
            row = connection.execute(select(SESSION).where(SESSION.c.session == session)).one()
            over = closed(connection)
            position = _next(connection, session)
        started = row.started_at is not None
        reader = {"id": row.reader, "group": row.group, "years": row.years}
        return {
            **page_data(self.package, self._seats[session], mode="server"),
            "reader": reader if started else None,
            "next": position,
            "started": started,
            "finished": row.finished_at is not None,
            "closed": over,
        }

    def start(self, session: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Note who the reader is and that she agreed; the first time counts."""
        reader = expect(Start, content)
        with self._writing(session) as (connection, row):
            started_at = row.started_at
            if started_at is None:
                started_at = self.now()
                connection.execute(
                    update(SESSION)
                    .where(SESSION.c.session == session)
                    .values(group=reader.group, years=reader.years, started_at=started_at)
                )
        return {"started_at": moment(started_at)}

    def show(self, session: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Start the time of an image, once; again, tell what is left of it."""
        position, seconds = expect(Show, content).position, self.package.settings.seconds
        with self._writing(session) as (connection, row):
            if row.started_at is None:
                raise Refused(409, "not-started", "The session was not started.")
            due = _next(connection, session)
            if position != due:
                raise Refused(409, "out-of-order", f"Image {position} is not the one that is due.")
            trial = _trial(connection, session, position)
            assert trial is not None  # it is the one that is due
            deadline, now = trial.deadline_at, self.now()
            if trial.shown_at is None:
                deadline = None if seconds is None else now + seconds * 1000
                connection.execute(
                    update(TRIAL)
                    .where(TRIAL.c.session == session, TRIAL.c.position == position)
                    .values(shown_at=now, deadline_at=deadline)
                )
        return {
            "token": trial.token,
            "remaining_ms": None if deadline is None else max(0, deadline - now),
            "images": len(self._cases[self._place(session, position).case].images),
        }

    def image(self, session: str, token: str, number: int) -> str:
        """Return the name of the image that a token stands for, while it may be seen.

        Raises:
            Refused: The token was not shown in this session, was answered, or its time is over.
        """
        with reading(self.engine) as connection:
            trial = connection.execute(
                select(TRIAL.c.position, TRIAL.c.deadline_at)
                .where(TRIAL.c.session == session, TRIAL.c.token == token)
                .where(TRIAL.c.shown_at.is_not(None))
            ).one_or_none()
            answered = trial is not None and _answered(connection, session, trial.position)
        if trial is None:
            raise Refused(404, "not-found", "There is no such image.")
        over = trial.deadline_at is not None and self.now() >= trial.deadline_at
        if answered or over:
            raise Refused(410, "over", "This image is not shown any more.")
        images = self._cases[self._place(session, trial.position).case].images
        if number >= len(images):
            raise Refused(404, "not-found", "There is no such image.")
        return images[number]

    def answer(self, session: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Store an answer, once; the first one stays."""
        said = expect_answer(content, self.package)
        position = said.position
        with writing(self.engine) as connection:
            row = _locked(connection, session)
            trial = _trial(connection, session, position)
            if trial is None or trial.shown_at is None or trial.token != said.token:
                raise Refused(409, "not-shown", f"Image {position} was not shown.")
            duplicate = _answered(connection, session, position)
            if not duplicate:
                expect_open(connection)
                values = said.model_dump(mode="json", exclude={"token"})
                connection.execute(
                    insert(ANSWER).values(**values, session=row.session, received_at=self.now())
                )
        more = {}
        if trial.phase == "practice" and self.package.settings.feedback:
            more["answer"] = self._cases[self._place(session, position).case].answer
        return {"stored": True, "duplicate": duplicate, **more}

    def finish(self, session: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Note that all was answered, also after the study was closed; the first time counts."""
        expect(Nothing, content)
        with writing(self.engine) as connection:
            row = _locked(connection, session)
            finished_at = row.finished_at
            if finished_at is None:
                due = _next(connection, session)
                if due is not None:
                    expect_open(connection)
                    raise Refused(409, "unfinished", f"Image {due} was not answered.")
                finished_at = self.now()
                connection.execute(
                    update(SESSION)
                    .where(SESSION.c.session == session)
                    .values(finished_at=finished_at)
                )
        return {"finished_at": moment(finished_at)}

    def _place(self, session: str, position: int) -> Place:
        return self._seats[session].order[position - 1]

    @contextmanager
    def _writing(self, session: str) -> Iterator[tuple[Connection, Row[Any]]]:
        """Yield a transaction in which nobody else writes to this session."""
        with writing(self.engine) as connection:
            row = _locked(connection, session)
            expect_open(connection)
            yield connection, row


def _locked(connection: Connection, session: str) -> Row[Any]:
    """Return a session's row and let nobody else write to it until the transaction ends.

    (SQLite has one writer anyway and leaves the lock out.)
    """
    return connection.execute(
        select(SESSION).where(SESSION.c.session == session).with_for_update()
    ).one()


def _trial(connection: Connection, session: str, position: int) -> Row[Any] | None:
    return connection.execute(
        select(TRIAL).where(TRIAL.c.session == session, TRIAL.c.position == position)
    ).one_or_none()


def _answered(connection: Connection, session: str, position: int) -> bool:
    found = select(ANSWER.c.position).where(
        ANSWER.c.session == session, ANSWER.c.position == position
    )
    return connection.execute(found).one_or_none() is not None


def _next(connection: Connection, session: str) -> int | None:
    """Return the first position without an answer; ``None``: all were answered."""
    answered = select(ANSWER.c.position).where(ANSWER.c.session == session)
    found: int | None = connection.execute(
        select(func.min(TRIAL.c.position))
        .where(TRIAL.c.session == session)
        .where(TRIAL.c.position.not_in(answered))
    ).scalar_one()
    return found
