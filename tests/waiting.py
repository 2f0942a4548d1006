"""Waiting for what another process does: for events, never for seconds.

The one clock is pytest's own time limit, so that no test fails because a machine is busy.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any


def wait_until(there: Callable[[], bool], process: subprocess.Popen[Any] | None = None) -> None:
    """Wait until something is so; fail if the process that should bring it about has ended."""
    while not there():
        if process is not None and process.poll() is not None and not there():
            raise AssertionError(f"it ended with {process.returncode}: {process.communicate()}")
        time.sleep(0.01)
