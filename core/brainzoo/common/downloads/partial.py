"""A file that has arrived in part: its bytes, where they came from, and what they should become."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from pathlib import Path

from brainzoo.common.files import expect_space

CHUNK = 1 << 20
RESERVE = 256 << 20
"""Bytes that stay free on the disk where a server does not say how much will come."""


class CorruptError(Exception):
    """All bytes are there and they are the wrong ones."""


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a part came from, and the server's strong ETag or date of the last change, if any."""

    url: str = ""
    validator: str = ""
    total: int | None = None


class Partial:
    """``NAME.part`` beside the file that it becomes.

    ``NAME.part.json`` holds its origin, and ``NAME.sha256`` what arrived whole the first time.
    """

    def __init__(self, target: Path, md5: str, sha256: str, size: int | None) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._origin = target.with_name(f"{target.name}.part.json")
        self._record = target.with_name(f"{target.name}.sha256")
        self._md5, self._sha256, self._size = md5, sha256, size
        self.verifiable = bool(md5 or sha256 or self._recorded())

    @property
    def size(self) -> int:
        """The bytes that are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def total(self) -> int | None:
        """The bytes of the whole file, if known."""
        return self._size if self._size is not None else self.origin.total

    @property
    def origin(self) -> Origin:
        """Where the bytes came from; empty if that is not known."""
        try:
            origin = Origin(**json.loads(self._origin.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Origin()
        return origin if isinstance(origin.total, int | None) else Origin()

    def begin(self, origin: Origin) -> None:
        """Empty the part and note where its bytes will come from."""
        # In this order: a kill in between leaves no bytes of one origin under the name of another.
        self.path.write_bytes(b"")
        _write(self._origin, json.dumps(dataclasses.asdict(origin)))

    def forget(self) -> None:
        """Delete what is here."""
        self.path.unlink(missing_ok=True)
        self._origin.unlink(missing_ok=True)

    def continuable(self, url: str) -> int:
        """Return how many bytes an answer of this address can continue.

        Another address, or a server that names no version of the file, is only trusted to hold
        the same bytes where a checksum will tell.
        """
        if self.total is not None and self.size > self.total:
            return 0
        same = self.origin.url == url and bool(self.origin.validator)
        return self.size if same or self.verifiable else 0

    def check_space(self, start: int, total: int | None, space: float) -> None:
        """Refuse to begin what will not fit: ``space`` times the whole, less what is here."""
        needed = RESERVE if total is None else int(total * space) - start
        expect_space(self.target.parent, needed, self.target.name)

    def finish(self) -> None:
        """Compare size and checksums, then give the file its name.

        Raises:
            CorruptError: They differ; the part is still there.
        """
        if self._size is not None and self.size != self._size:
            raise CorruptError(f"sent {self.size} bytes; expected {self._size}")
        md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        with self.path.open("r+b") as file:
            os.fsync(file.fileno())
            while chunk := file.read(CHUNK):
                md5.update(chunk)
                sha256.update(chunk)
        for digest, expected in ((md5, self._md5), (sha256, self._sha256)):
            if expected and digest.hexdigest() != expected.lower():
                found = f"{digest.name.upper()} {digest.hexdigest()}"
                raise CorruptError(f"sent a file of {found}; expected {expected}")
        if self._recorded() not in ("", sha256.hexdigest()):
            raise CorruptError(
                f"sent a different file from the first time; remove {self._record} to accept it"
            )
        _write(self._record, f"{sha256.hexdigest()}  {self.target.name}\n")
        self.path.replace(self.target)
        self._origin.unlink(missing_ok=True)

    def _recorded(self) -> str:
        if not self._record.is_file():
            return ""
        match = re.match(r"[0-9a-f]{64}", self._record.read_text(errors="replace"))
        return match[0] if match else ""


def _write(path: Path, text: str) -> None:
    # A fixed temporary name, safe under the download's lock: a kill leaves nothing for good.
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
