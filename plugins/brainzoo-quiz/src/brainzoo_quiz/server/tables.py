"""The tables of one study: one database (or PostgreSQL schema) a study. None holds a truth.

Moments are milliseconds since 1970, UTC. Secrets of readers (invitations, cookies) are stored as
SHA-256 only: who copies the database can pass for nobody.
"""

from __future__ import annotations

import datetime
import time

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA = 2
"""Version of these tables."""

METADATA = MetaData()


def milliseconds() -> int:
    """Return now."""
    return time.time_ns() // 1_000_000


def moment(at: int | None) -> str | None:
    """Return a moment as answers files spell it: ``2026-01-31T12:00:00.000Z``."""
    if at is None:
        return None
    when = datetime.datetime.fromtimestamp(at / 1000, datetime.UTC)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


STUDY = Table(
    "study",
    METADATA,
    Column("study", String(32), primary_key=True),
    Column("schema", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("commitment", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),  # of the study folder
    Column("images", Integer, nullable=False),  # that each reader is shown
    Column("created_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
)

READER = Table(
    "reader",
    METADATA,
    Column("session", String(32), primary_key=True),
    Column("reader", String(100), nullable=False, unique=True),
    Column("seat", Integer, nullable=False, unique=True),
    Column("invitation", String(64), nullable=False, unique=True),
    Column("cookie", String(64), unique=True),
    Column("group", String(100), nullable=False, default=""),
    Column("years", Integer),
    Column("joined_at", BigInteger),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
)

TRIAL = Table(
    "trial",  # one image that was shown, and from ``answered_at`` on what was said of it
    METADATA,
    Column("session", ForeignKey("reader.session"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("token", String(32), nullable=False, unique=True),
    Column("phase", String(16), nullable=False),
    Column("shown_at", BigInteger, nullable=False),
    Column("deadline_at", BigInteger),
    Column("answered_at", BigInteger),
    Column("answer", String(16)),
    Column("confidence", Integer),
    Column("response_ms", BigInteger),
    Column("timed_out", Boolean),
    Column("lost_focus", Integer),
    Column("reloads", Integer),
    Column("reasons", JSON),
    Column("click", JSON(none_as_null=True)),
)
