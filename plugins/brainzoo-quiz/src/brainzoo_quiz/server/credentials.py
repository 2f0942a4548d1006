"""Secrets of readers and of the owner: random, kept as hashes, compared in constant time.

A *cookie* is 256 random bits of one browser. The *CSRF token* of a cookie is made from it, so that
it needs no place of its own: pages of other origins can read neither.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path

from brainzoo.api import DataError, ExistsError
from brainzoo_quiz.study.files import read_text
from brainzoo_quiz.study.key import write_private

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
    if not re.fullmatch(r"[\w-]{43,}", token, re.ASCII):
        raise DataError(f"{path} holds no secret.", "Remove it; the next start makes another.")
    return token
