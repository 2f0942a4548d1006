"""Where pulled checkpoints are kept: complete, or not there.

``$BRAINZOO_HOME/checkpoints/<name>-<version>-<first 12 digits of the weights' SHA-256>``. What is
still on its way lies beside it under a name that begins with a dot, so that the next pull goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from brainzoo.common.files import sha256, write_text
from brainzoo.common.home import home


@dataclasses.dataclass(frozen=True)
class Wanted:
    """A file that a checkpoint must hold.

    Attributes:
        name: One of :data:`brainzoo.checkpoint.names.MAX_BYTES`.
        size: Its length in bytes.
        sha256: Of its content; empty if only ``git_sha1`` is known.
        git_sha1: Git's object name of its content, where the Hub knows nothing better.
    """

    name: str
    size: int
    sha256: str = ""
    git_sha1: str = ""


def root() -> Path:
    """Return the folder of all pulled checkpoints."""
    return home() / "checkpoints"


def place(name: str, version: str, weights_sha256: str) -> Path:
    """Return where a checkpoint is kept."""
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", f"{name}-{version}-{weights_sha256[:12]}")
    return root() / stem.lstrip(".")


def partial(folder: Path) -> Path:
    """Return where the files of a checkpoint gather until it is complete."""
    return folder.with_name(f".{folder.name}.partial")


def wrong(folder: Path, wanted: Iterable[Wanted]) -> str:
    """Return what is wrong with the files of a folder, or nothing.

    A file whose size, time of change and inode are those of the last time is not read again.
    """
    known = _memory(folder)
    for file in wanted:
        path = folder / file.name
        if path.is_symlink() or not path.is_file():
            return f"it lacks {file.name}"
        if known.get(file.name) == _seen(path, file):
            continue
        problem = differs(path, file)
        if problem:
            return problem
    return ""


def differs(path: Path, wanted: Wanted) -> str:
    """Return how a file differs from what is wanted, or nothing; reads all of it."""
    size = path.stat().st_size
    if size != wanted.size:
        return f"{wanted.name} has {size} bytes; expected {wanted.size}"
    if wanted.sha256 and sha256(path) != wanted.sha256:
        return f"{wanted.name} has another SHA-256 than the expected {wanted.sha256[:12]}…"
    if not wanted.sha256 and git_sha1(path) != wanted.git_sha1:
        return f"{wanted.name} has other content than the commit says"
    return ""


def remember(folder: Path, wanted: Iterable[Wanted]) -> None:
    """Note that the files of a folder were found right, so that they are not read each time."""
    noted = {file.name: _seen(folder / file.name, file) for file in wanted}
    content = {"folder": str(folder.resolve()), "files": noted}
    with contextlib.suppress(OSError):  # a home that cannot be written only costs time
        write_text(_memory_path(folder), json.dumps(content))


def remembered(folder: Path) -> list[Wanted]:
    """Return what the files of a folder were found to be; empty if it was never checked."""
    try:
        return [Wanted(name, seen[1], *seen[0]) for name, seen in _memory(folder).items()]
    except (TypeError, IndexError, KeyError):
        return []


def forget(folder: Path) -> None:
    """Remove the note of :func:`remember`."""
    with contextlib.suppress(OSError):
        _memory_path(folder).unlink(missing_ok=True)


def git_sha1(path: Path) -> str:
    """Return git's object name for a file's content."""
    digest = hashlib.sha1(b"blob %d\x00" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _seen(path: Path, wanted: Wanted) -> list[Any]:
    stat = path.stat()
    return [[wanted.sha256, wanted.git_sha1], stat.st_size, stat.st_mtime_ns, stat.st_ino]


def _memory(folder: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(_memory_path(folder).read_text(encoding="utf-8"))
        files = content["files"] if content["folder"] == str(folder.resolve()) else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return files if isinstance(files, dict) else {}


def _memory_path(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return root() / ".verified" / f"{name}.json"
