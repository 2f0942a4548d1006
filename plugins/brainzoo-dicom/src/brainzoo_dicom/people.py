"""Who is who: pseudonyms that only this machine can make, and visits in their order.

A pseudonym is a keyed hash of the PatientID. Its key, the salt, lies in
``$BRAINZOO_HOME/dicom/salt`` and is readable by its owner only: whoever has it and a list of ids
can tell who is who.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import uuid
from pathlib import Path

from brainzoo.api import IntegrityError, home

DIGITS = 12
"""Of a pseudonym, hexadecimal: two of a million people share one once in 560 archives."""


def salt() -> bytes:
    """Return this machine's salt; made when it is first needed.

    Raises:
        IntegrityError: The file holds something else.
    """
    path = home() / "dicom" / "salt"
    if not path.exists():
        _write(path)
    content = path.read_bytes().strip()
    if len(content) != 64:
        raise IntegrityError(
            f"{path} is damaged: {len(content)} characters, expected 64.",
            "Restore it; if it is removed, everybody gets another pseudonym.",
        )
    return content


def _write(path: Path) -> None:
    """Write a new salt, unless another process is faster."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".salt.{uuid.uuid4().hex}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)  # complete or absent, and never instead of another
    finally:
        temporary.unlink()


def pseudonym(key: bytes, identity: str) -> str:
    """Return the name of a person in everything that brainzoo writes."""
    digest = hmac.new(key, identity.encode("utf-8", "surrogateescape"), hashlib.sha256)
    return f"p{digest.hexdigest()[:DIGITS]}"
