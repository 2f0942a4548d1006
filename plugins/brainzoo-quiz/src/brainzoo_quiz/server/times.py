"""Moments as the database keeps them (milliseconds since 1970, UTC) and as files spell them."""

from __future__ import annotations

import datetime
import time


def milliseconds() -> int:
    """Return now."""
    return time.time_ns() // 1_000_000


def moment(at: int) -> str:
    """Return a moment as answers files spell it: ``2026-01-31T12:00:00.000Z``."""
    when = datetime.datetime.fromtimestamp(at / 1000, datetime.UTC)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"
