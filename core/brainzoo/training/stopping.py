"""Ctrl-C, and SIGTERM from a system or a launcher, while training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptions(processes: int) -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and SIGTERM set; alone, a second signal stops at once.

    Under a launcher every process gets the same signal more than once. One that hangs in a message
    to a process that is gone is killed by the launcher after 30 s.
    """
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event  # signals reach the main thread only
        return

    def note(number: int, frame: FrameType | None) -> None:
        if event.is_set() and processes == 1:
            raise KeyboardInterrupt
        event.set()

    previous = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
