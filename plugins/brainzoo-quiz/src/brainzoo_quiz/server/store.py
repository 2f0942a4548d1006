"""What readers do, as transactions. Whatever a page says is checked here.

The start of an image and the end of its time are stored before its token is given out, so that
neither a reload nor another browser gives time back. Of answers the first one stays, and sending it
again is answered as if it were new.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from brainzoo_quiz.server.admission import closed, expect_open
from brainzoo_quiz.server.database import reading, writing
from brainzoo_quiz.server.requests import Refused, Show, Start, expect, expect_answer
from brainzoo_quiz.server.tables import READER, TRIAL, milliseconds, moment
from brainzoo_quiz.study.package import Package, PackagedCase, page_data


@dataclasses.dataclass
class Store:
    """A study's database as its readers use it."""

    engine: Engine
    package: Package
    now: Callable[[], int] = milliseconds

    def __post_init__(self) -> None:
        self._seats = {seat.session: seat for seat in self.package.seats}
        self._cases = {case.case: case for case in self.package.cases}

    def page(self, session: str) -> dict[str, Any]:
        """Return what a reader's page starts from: no token, no pixels, no answers."""
        with reading(self.engine) as connection:
            row = connection.execute(select(READER).where(READER.c.session == session)).one()
            over = closed(connection)
            position = self._due(connection, session)
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
        with self._locked(session) as (connection, row):
            expect_open(connection)
            at = row.started_at
            if at is None:
                at = self.now()
                who = {"group": reader.group, "years": reader.years}
                _note(connection, session, started_at=at, **who)
        return {"started_at": moment(at)}

    def show(self, session: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Start the time of an image, once; again, tell what is left of it."""
        position, seconds = expect(Show, content).position, self.package.settings.seconds
        with self._locked(session) as (connection, row):
            expect_open(connection)
            if row.started_at is None:
                raise Refused(409, "not-started", "The session was not started.")
            if position != self._due(connection, session):
                raise Refused(409, "out-of-order", f"Image {position} is not the one that is due.")
            token, case = self._shown(session, position)
            now = self.now()
            deadline = None if seconds is None else now + seconds * 1000
            trial = _trial(connection, session, position=position)
            if trial is not None:
                deadline = trial.deadline_at
            else:
                values = {"token": token, "phase": case.phase, "deadline_at": deadline}
                connection.execute(
                    insert(TRIAL).values(session=session, position=position, shown_at=now, **values)
                )
        return {
            "token": token,
            "remaining_ms": None if deadline is None else max(0, deadline - now),
            "images": len(case.images),
        }

    def image(self, session: str, token: str, number: int) -> str:
        """Return the name of the image that a token stands for, while it may be seen."""
        with reading(self.engine) as connection:
            trial = _trial(connection, session, token=token)
        images = () if trial is None else self._shown(session, trial.position)[1].images
        if trial is None or number >= len(images):
            raise Refused(404, "not-found", "There is no such image.")
        over = trial.deadline_at is not None and self.now() >= trial.deadline_at
        if over or trial.answered_at is not None:
            raise Refused(410, "over", "This image is not shown any more.")
        return images[number]

    def answer(self, session: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Store an answer, once; the first one stays."""
        said = expect_answer(content, self.package)
        position = said.position
        with self._locked(session) as (connection, _):
            trial = _trial(connection, session, position=position)
            if trial is None or trial.token != said.token:
                raise Refused(409, "not-shown", f"Image {position} was not shown.")
            duplicate = trial.answered_at is not None
            if not duplicate:
                expect_open(connection)
                connection.execute(
                    update(TRIAL)
                    .where(TRIAL.c.session == session, TRIAL.c.position == position)
                    .values(**said.model_dump(mode="json"), answered_at=self.now())
                )
        more = {}
        if trial.phase == "practice" and self.package.settings.feedback:
            more["answer"] = self._shown(session, position)[1].answer
        return {"stored": True, "duplicate": duplicate, **more}

    def finish(self, session: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Note that all was answered, also after the study was closed; the first time counts."""
        with self._locked(session) as (connection, row):
            at = row.finished_at
            if at is None:
                due = self._due(connection, session)
                if due is not None:
                    expect_open(connection)
                    raise Refused(409, "unfinished", f"Image {due} was not answered.")
                at = self.now()
                _note(connection, session, finished_at=at)
        return {"finished_at": moment(at)}

    @contextmanager
    def _locked(self, session: str) -> Iterator[tuple[Connection, Row[Any]]]:
        """Yield a transaction in which nobody else writes to this session, and its row.

        (SQLite has one writer anyway and leaves the lock out.)
        """
        with writing(self.engine) as connection:
            row = select(READER).where(READER.c.session == session).with_for_update()
            yield connection, connection.execute(row).one()

    def _shown(self, session: str, position: int) -> tuple[str, PackagedCase]:
        """Return the token and the case at a position of a session."""
        place = self._seats[session].order[position - 1]
        return place.token, self._cases[place.case]

    def _due(self, connection: Connection, session: str) -> int | None:
        """Return the first position without an answer; ``None``: all were answered.

        Answers come in order: only what is due is shown, and only what was shown is answered.
        """
        answered: int = connection.execute(
            select(func.count(TRIAL.c.answered_at)).where(TRIAL.c.session == session)
        ).scalar_one()
        return answered + 1 if answered < len(self._seats[session].order) else None


def _trial(connection: Connection, session: str, **which: Any) -> Row[Any] | None:
    found = select(TRIAL).where(TRIAL.c.session == session).filter_by(**which)
    return connection.execute(found).one_or_none()


def _note(connection: Connection, session: str, **values: Any) -> None:
    connection.execute(update(READER).where(READER.c.session == session).values(**values))
