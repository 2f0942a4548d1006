"""Puts a study into an empty database, or checks that a database is of this very study."""

from __future__ import annotations

import hashlib
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, Engine, insert, select

from brainzoo.api import DataError, IntegrityError, console
from brainzoo_quiz.server import tables
from brainzoo_quiz.server.credentials import hashed, new_secret
from brainzoo_quiz.server.database import database_errors, shown, writing
from brainzoo_quiz.server.tables import milliseconds
from brainzoo_quiz.study.package import Package, pixels


def prepare(engine: Engine, package: Package, folder: Path) -> dict[str, str]:
    """Make the database ready for a study.

    Args:
        engine: On an empty database, or on one that holds this study already.
        package: The study.
        folder: Its folder, for the images.

    Returns:
        An invitation for each reader at the first start; nothing when the study goes on.

    Raises:
        DataError: The database holds another study, or something else.
        IntegrityError: The study folder is not as it was at the first start.
        NetworkError: The database cannot be reached.
    """
    digests = _digests(package, folder)
    with database_errors(engine), writing(engine) as connection:
        if read_study(connection) is not None:
            _expect_same(connection, package, digests, shown(engine))
            return {}
        tables.METADATA.create_all(connection)
        return _fill(connection, package, digests)


def read_study(connection: Connection) -> sqlalchemy.Row | None:  # type: ignore[type-arg]
    """Return the study that a database holds; ``None`` when the database is empty.

    Raises:
        DataError: It holds something else.
        IntegrityError: It is of another version.
    """
    found = set(sqlalchemy.inspect(connection).get_table_names())
    if not found:
        return None
    place = shown(connection.engine)
    if not found.issuperset(tables.METADATA.tables):
        raise DataError(
            f"{place} holds other tables than a study's.", "Use an empty database for each study."
        )
    study = connection.execute(select(tables.STUDY)).one_or_none()
    if study is None or study.schema != tables.SCHEMA:
        has = "no study" if study is None else f"tables of version {study.schema}"
        raise IntegrityError(
            f"{place} holds {has}; expected tables of version {tables.SCHEMA}.",
            "Use the version of brainzoo-quiz that made it, or an empty database.",
        )
    return study


def expect_study(connection: Connection) -> sqlalchemy.Row:  # type: ignore[type-arg]
    """Return the study that a database holds.

    Raises:
        DataError: It holds none.
        IntegrityError: It is of another version.
    """
    study = read_study(connection)
    if study is None:
        raise DataError(
            f"{shown(connection.engine)} holds no study.", "Start it with `brainzoo quiz serve`."
        )
    return study


def _digests(package: Package, folder: Path) -> dict[str, str]:
    images = [image for case in package.cases for image in case.images]
    found = {}
    with console.progress("checking images", len(images)) as advance:
        for image in images:
            found[image] = hashlib.sha256(pixels(folder, image)).hexdigest()
            advance(1)
    return found


def _fill(connection: Connection, package: Package, digests: dict[str, str]) -> dict[str, str]:
    phases = {case.case: case.phase for case in package.cases}
    invitations = {seat.reader: new_secret() for seat in package.seats}
    names = ("study", "title", "design", "commitment")
    study = {name: getattr(package, name) for name in names}
    now = milliseconds()
    connection.execute(insert(tables.STUDY).values(**study, schema=tables.SCHEMA, created_at=now))
    connection.execute(
        insert(tables.IMAGE), [{"image": i, "sha256": digest} for i, digest in digests.items()]
    )
    for number, seat in enumerate(package.seats, 1):
        secret = hashed(invitations[seat.reader])
        connection.execute(
            insert(tables.READER).values(reader=seat.reader, seat=number, invitation=secret)
        )
        connection.execute(insert(tables.SESSION).values(session=seat.session, reader=seat.reader))
        trials = [
            {
                "session": seat.session,
                "position": position,
                "token": place.token,
                "phase": phases[place.case],
            }
            for position, place in enumerate(seat.order, 1)
        ]
        connection.execute(insert(tables.TRIAL), trials)
    return invitations


def _expect_same(
    connection: Connection, package: Package, digests: dict[str, str], place: str
) -> None:
    study = connection.execute(select(tables.STUDY)).one()
    if study.study != package.study:
        raise DataError(
            f"{place} holds another study: {study.study[:8]}… ({study.title}); this folder is "
            f"{package.study[:8]}….",
            "Give each study a database of its own, with --database.",
        )
    kept = {row.image: row.sha256 for row in connection.execute(select(tables.IMAGE))}
    trial = tables.TRIAL.c
    rows = connection.execute(select(trial.session, trial.position, trial.token))
    expected = {
        (seat.session, position, place.token)
        for seat in package.seats
        for position, place in enumerate(seat.order, 1)
    }
    if (
        study.commitment != package.commitment
        or kept != digests
        or {tuple(row) for row in rows} != expected
    ):
        raise IntegrityError(
            f"the study folder is not as it was when {place} was made.",
            "Use the folder as `brainzoo quiz export` wrote it.",
        )
