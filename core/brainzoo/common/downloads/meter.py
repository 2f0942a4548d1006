"""Shows bytes on their way, on stderr: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from brainzoo.common.console import note

if TYPE_CHECKING:
    from rich.progress import Progress

FIRST_LINE_S = 2.0
"""Nothing is shown of what is over sooner."""

LINE_EVERY_S = 15.0


class Meter:
    """Progress of one transfer with its speed and the time left; a context manager.

    Args:
        label: What is moving, for example the file's name.
        quiet: Show nothing.
    """

    def __init__(self, label: str, *, quiet: bool = False) -> None:
        self._label = label
        self._quiet = quiet
        self._bar: Progress | None = None
        self._begun = time.monotonic()
        self._begun_at: int | None = None
        self._next_line = self._begun + FIRST_LINE_S

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, total: int | None) -> None:
        """Show how many bytes are done, of how many if that is known."""
        if self._begun_at is None or done < self._begun_at:
            self._begun_at = done
        now = time.monotonic()
        if self._quiet or now < self._next_line or done == self._begun_at:
            return
        if not sys.stderr.isatty():
            self._next_line = now + LINE_EVERY_S
            note(self._line(done, total, now))
            return
        if self._bar is None:
            self._bar = _bar(self._label)
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            note(text)

    def _line(self, done: int, total: int | None, now: float) -> str:
        speed = (done - (self._begun_at or 0)) / max(now - self._begun, 1e-6)
        if total is None or not speed:
            return f"{self._label}: {size_text(done)}, {size_text(speed)}/s"
        left_s = (total - done) / speed
        left = f"{left_s:.0f} s" if left_s < 90 else f"{left_s / 60:.0f} min"
        return (
            f"{self._label}: {size_text(done)} of {size_text(total)}, {size_text(speed)}/s, "
            f"{left} left"
        )


def size_text(size: float) -> str:
    """Return a number of bytes as people read it: ``4.5 GB``."""
    for unit in ("bytes", "kB", "MB"):
        if round(size) < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _bar(label: str) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.add_task(label, total=None)
    bar.start()
    return bar
