"""Progress on stderr: a bar with the time left in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from brainzoo.common import console

Item = TypeVar("Item")

LINE_SECONDS = 10.0


def progress(
    items: Iterable[Item], total: int, what: str, *, quiet: bool = False
) -> Iterator[Item]:
    """Yield items and show how many of ``total`` are done and how long the rest takes."""
    if quiet:
        yield from items
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            yield from bar.track(items, total=total)
    else:
        yield from _lines(items, total, what)


def _lines(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    started = said = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - said > LINE_SECONDS and done < total:
            left = (now - started) / done * (total - done)
            console.note(f"{what}: {done} of {total}, about {left:.0f} s left")
            said = now
