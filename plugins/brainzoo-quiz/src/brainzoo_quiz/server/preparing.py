"""Puts a study into an empty database, or checks that a database is of this very study."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, Row, insert, select

from brainzoo.api import DataError, IntegrityError, console
from brainzoo_quiz.server.admission import hashed, new_secret
from brainzoo_quiz.server.database import database_errors, shown, writing
from brainzoo_quiz.server.tables import METADATA, READER, SCHEMA, STUDY, milliseconds
from brainzoo_quiz.study.package import Package, pixels


def prepare(engine: Engine, package: Package, folder: Path) -> dict[str, str]:
    """Make the database ready for a study.

    Returns:
        An invitation for each reader at the first start; nothing when the study goes on.

    Raises:
        DataError: The database holds another study, or something else.
        IntegrityError: The study folder is not as it was at the first start.
        NetworkError: The database cannot be reached.
    """
    fingerprint = _fingerprint(package, folder)
    with database_errors(engine), writing(engine) as connection:
        study = read_study(connection)
        if study is None:
            METADATA.create_all(connection)
            return _fill(connection, package, fingerprint)
    place = shown(engine)
    if study.study != package.study:
        raise DataError(
            f"{place} holds another study: {study.study[:8]}… ({study.title}); this folder is "
            f"{package.study[:8]}….",
            "Give each study a database of its own, with --database.",
        )
    if study.fingerprint != fingerprint:
        raise IntegrityError(
            f"the study folder is not as it was when {place} was made.",
            "Use the folder as `brainzoo quiz export` wrote it.",
        )
    return {}


def read_study(connection: Connection) -> Row[Any] | None:
    """Return the study that a database holds; ``None`` when the database is empty.

    Raises:
        DataError: It holds something else.
        IntegrityError: It is of another version.
    """
    found = set(sqlalchemy.inspect(connection).get_table_names())
    if not found:
        return None
    place = shown(connection.engine)
    if not found.issuperset(METADATA.tables):
        raise DataError(
            f"{place} holds other tables than a study's.", "Use an empty database for each study."
        )
    study = connection.execute(select(STUDY)).one_or_none()
    if study is None or study.schema != SCHEMA:
        has = "no study" if study is None else f"tables of version {study.schema}"
        raise IntegrityError(
            f"{place} holds {has}; expected tables of version {SCHEMA}.",
            "Use the version of brainzoo-quiz that made it, or an empty database.",
        )
    return study


def _fingerprint(package: Package, folder: Path) -> str:
    """Return the SHA-256 of the study and all its images."""
    found = hashlib.sha256(package.text().encode())
    images = [image for case in package.cases for image in case.images]
    with console.progress("checking images", len(images)) as advance:
        for image in images:
            found.update(pixels(folder, image))
            advance(1)
    return found.hexdigest()


def _fill(connection: Connection, package: Package, fingerprint: str) -> dict[str, str]:
    study = package.model_dump(include={"study", "title", "commitment"})
    images = len(package.seats[0].order)
    connection.execute(
        insert(STUDY).values(
            **study,
            schema=SCHEMA,
            fingerprint=fingerprint,
            images=images,
            created_at=milliseconds(),
        )
    )
    invitations = {seat.reader: new_secret() for seat in package.seats}
    connection.execute(
        insert(READER),
        [
            {
                "session": seat.session,
                "reader": seat.reader,
                "seat": number,
                "invitation": hashed(invitations[seat.reader]),
            }
            for number, seat in enumerate(package.seats, 1)
        ],
    )
    return invitations
