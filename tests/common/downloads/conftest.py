"""A server that holds one file and misbehaves on command, and what fetches from it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_server import HostileServer, hostile_server

from brainzoo.common.downloads.download import Patience, Remote, download

CONTENT = random.Random(0).randbytes(300_000)
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HASTY = Patience(timeout_s=60, attempts=3, wait_s=0.01)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with hostile_server() as server:
        server.files["file.tar"] = CONTENT
        yield server


def fetch(server: HostileServer, folder: Path, patience: Patience = HASTY, **known: object) -> Path:
    remote = Remote("file.tar", (f"{server.address}file.tar",), **known)  # type: ignore[arg-type]
    return download(remote, folder, patience=patience, quiet=True)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))
