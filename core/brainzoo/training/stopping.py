"""Ctrl-C, and SIGTERM from a system or a launcher, while training."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

from brainzoo.common import console, launch
from brainzoo.common.errors import StoppedError

GIVE_UP_SECONDS = 20.0
"""A step that lasts longer after a launcher's signal waits for a process that is gone. The launcher
itself kills after 30."""


def lost_error(count: int, resume: str) -> StoppedError:
    """Return the error for a process that ended before the others."""
    return StoppedError(
        f"one of the {count} processes ended before the others (killed, out of memory, or its "
        "machine stopped), so all stop; the launcher says which one.",
        f"Go on with: {resume}",
    )


@contextmanager
def interruptions(processes: int, resume: str) -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and SIGTERM set; alone, a second signal stops at once.

    Under a launcher every process gets the same signal more than once. There, a block that does not
    end in reasonable time ends the process: the main thread may hang in a message to a process that
    is gone, where no signal reaches it.
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
        with _watch(lost_error(processes, resume)) if processes > 1 else nullcontext():
            yield event
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _watch(error: StoppedError) -> Iterator[None]:
    """End this process with an error some time after a signal, unless the block ends before."""
    ended = threading.Event()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def wait() -> None:
        # The system's handler writes here even while the main thread hangs outside of Python.
        if os.read(reading, 1) and not ended.wait(GIVE_UP_SECONDS):
            if launch.first_to_tell():
                console.error(str(error))
            os._exit(error.exit_code)

    before = signal.set_wakeup_fd(writing)
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        os.close(writing)  # ends the reading
        thread.join()
        os.close(reading)
