"""Work that tests give to other processes, which must be able to import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def lost_once(task: tuple[Path, int]) -> int:
    """Square a number; the first process of all that gets 3 is killed at it."""
    folder, number = task
    if number == 3 and _first(folder / "lost"):
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def process_id(_: int) -> int:
    """Return which process works."""
    time.sleep(0.01)
    return os.getpid()


def _first(path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
