"""A lock that makes several processes do a thing once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from brainzoo.common.console import note


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock beside ``path`` while the block runs; wait for another process that has it.

    The operating system frees the lock of a process that was killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        note(f"another process is busy with {path}; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
