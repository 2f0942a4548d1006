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
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA = 1
"""Version of these tables."""

METADATA = MetaData()


def milliseconds() -> int:
    """Return now."""
    return time.time_ns() // 1_000_000


def moment(at: int) -> str:
    """Return a moment as answers files spell it: ``2026-01-31T12:00:00.000Z``."""
    when = datetime.datetime.fromtimestamp(at / 1000, datetime.UTC)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


STUDY = Table(
    "study",
    METADATA,
    Column("study", String(32), primary_key=True),
    Column("schema", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("design", String(16), nullable=False),
    Column("commitment", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),  # of the study folder
    Column("created_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
)

READER = Table(
    "reader",
    METADATA,
    Column("reader", String(100), primary_key=True),
    Column("seat", Integer, nullable=False, unique=True),
    Column("invitation", String(64), nullable=False, unique=True),
    Column("joined_at", BigInteger),
    Column("cookie", String(64), unique=True),
)

SESSION = Table(
    "session",
    METADATA,
    Column("session", String(32), primary_key=True),
    Column("reader", ForeignKey("reader.reader"), nullable=False, unique=True),
    Column("group", String(100), nullable=False, default=""),
    Column("years", Integer),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
)

TRIAL = Table(
    "trial",
    METADATA,
    Column("session", ForeignKey("session.session"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("token", String(32), nullable=False, unique=True),
    Column("phase", String(16), nullable=False),
    Column("shown_at", BigInteger),
    Column("deadline_at", BigInteger),
)

ANSWER = Table(
    "answer",
    METADATA,
    Column("session", String(32), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("answer", String(16)),
    Column("confidence", Integer),
    Column("response_ms", BigInteger),
    Column("timed_out", Boolean, nullable=False),
    Column("lost_focus", Integer, nullable=False),
    Column("reloads", Integer, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("click", JSON(none_as_null=True)),
    Column("received_at", BigInteger, nullable=False),
    ForeignKeyConstraint(["session", "position"], ["trial.session", "trial.position"]),
)
