"""From the first start to the end of a study: its database, invitations, cookies, secrets.

An invitation is a link for one reader that works once. Opening it does nothing (mail programs look
at links); the button on its page uses it up and binds the browser to the reader's seat by a
*cookie*, 256 random bits. The *CSRF token* of a cookie is made from it, so that it needs no place
of its own: pages of other origins can read neither. Secrets are kept as hashes and compared in
constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, Row, insert, select, update

from brainzoo.api import DataError, ExistsError, IntegrityError, console
from brainzoo_quiz.server.database import database_errors, reading, shown, writing
from brainzoo_quiz.server.requests import Refused
from brainzoo_quiz.server.tables import METADATA, READER, SCHEMA, STUDY, milliseconds
from brainzoo_quiz.study.files import read_text
from brainzoo_quiz.study.key import write_private
from brainzoo_quiz.study.package import Package, pixels

OWNER_FILE = "owner-token"
"""In the study folder, mode 0600. Remove it, and the next start makes another."""


def new_secret() -> str:
    """Return 256 random bits, fit for a URL."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """Return what is stored of a secret. It is random, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def derived(secret: str, purpose: str) -> str:
    """Return another secret, made from one for a purpose; it does not tell the first."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def same(given: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())


def owner_token(folder: Path) -> str:
    """Return the owner's secret of a study folder; makes one at the first start.

    Raises:
        DataError: The file holds no secret any more, or can be neither read nor written.
    """
    path, token = folder / OWNER_FILE, new_secret()
    try:
        write_private(path, f"{token}\n")
    except ExistsError:
        token = read_text(path, "secret").strip()
    if len(token) < 43 or not token.isascii():
        raise DataError(f"{path} holds no secret.", "Remove it; the next start makes another.")
    return token


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
    """Return the study that a database holds; ``None`` when the database is empty."""
    found = set(sqlalchemy.inspect(connection).get_table_names())
    if not found:
        return None
    place = shown(connection.engine)
    if not found.issuperset(METADATA.tables):
        raise DataError(
            f"{place} holds other tables than a study's.", "Use an empty database for each study."
        )
    schema = connection.execute(select(STUDY.c.schema)).scalar_one_or_none()
    if schema != SCHEMA:
        raise IntegrityError(
            f"{place} holds tables of version {schema}; expected {SCHEMA}.",
            "Use the version of brainzoo-quiz that made it, or an empty database.",
        )
    return connection.execute(select(STUDY)).one()


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


def expect_invited(engine: Engine, invitation: str) -> None:
    """Refuse an invitation that was used, or never was."""
    with reading(engine) as connection:
        found = connection.execute(
            select(READER.c.joined_at).where(READER.c.invitation == hashed(invitation))
        ).one_or_none()
    if found is None:
        raise _unknown()
    if found.joined_at is not None:
        raise _used()


def join(engine: Engine, invitation: str, cookie: str | None) -> str | None:
    """Use an invitation up, and return the cookie that this browser is to keep.

    ``None``: it joined by this invitation before (a second click), and has it.
    """
    secret, fresh = hashed(invitation), new_secret()
    with writing(engine) as connection:
        expect_open(connection)
        joined = connection.execute(
            update(READER)
            .where(READER.c.invitation == secret, READER.c.joined_at.is_(None))
            .values(joined_at=milliseconds(), cookie=hashed(fresh))
        )
        found = connection.execute(
            select(READER.c.cookie).where(READER.c.invitation == secret)
        ).one_or_none()
    if joined.rowcount == 1:
        return fresh
    if found is None:
        raise _unknown()
    if cookie is not None and found.cookie == hashed(cookie):
        return None
    raise _used()


def renew(engine: Engine, reader: str) -> str:
    """Return a new invitation; the old one ends at once, the old browser when this one is used."""
    invitation = new_secret()
    with writing(engine) as connection:
        expect_open(connection)
        renewed = connection.execute(
            update(READER)
            .where(READER.c.reader == reader)
            .values(invitation=hashed(invitation), joined_at=None)
        )
    if renewed.rowcount != 1:
        raise Refused(404, "not-found", "There is no such reader.")
    return invitation


def session_of(engine: Engine, cookie: str) -> str | None:
    """Return the session that a cookie belongs to."""
    with reading(engine) as connection:
        found: str | None = connection.execute(
            select(READER.c.session).where(READER.c.cookie == hashed(cookie))
        ).scalar_one_or_none()
    return found


def close(engine: Engine) -> int:
    """End the study for good; the first time counts. Return when that was."""
    with writing(engine) as connection:
        connection.execute(
            update(STUDY).where(STUDY.c.closed_at.is_(None)).values(closed_at=milliseconds())
        )
        at: int = connection.execute(select(STUDY.c.closed_at)).scalar_one()
    return at


def closed(connection: Connection) -> bool:
    """Return whether the study was closed; closing waits until the transaction ends."""
    found = connection.execute(select(STUDY.c.closed_at).with_for_update(read=True))
    return found.scalar_one() is not None


def expect_open(connection: Connection) -> None:
    """Refuse to write into a study that was closed."""
    if closed(connection):
        raise Refused(409, "closed", "The study is closed.", "No more answers are taken.")


def _used() -> Refused:
    hint = "Go on in the browser that used it, or ask for a new link."
    return Refused(410, "used", "This invitation was used already.", hint)


def _unknown() -> Refused:
    return Refused(404, "not-found", "There is no such invitation.", "Check the link.")
