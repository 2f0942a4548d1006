"""Draws what was asked for, goes on where it was stopped, and says how fast it was."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brainzoo.common import console
from brainzoo.common.errors import OptionError
from brainzoo.common.files import disk_errors, exists_error
from brainzoo.common.hardware import free_memory
from brainzoo.common.processes import cores, peak_memory
from brainzoo.plugin.options import expect_seed
from brainzoo.sampling.request import Request, Source
from brainzoo.sampling.sinks import Sink
from brainzoo.sampling.unfinished import Unfinished
from brainzoo.sampling.workers import (
    Progress,
    draw_here,
    draw_together,
    graphics_cards,
    one_thread,
    sink_of,
)

TOGETHER_FROM_SECONDS = 10.0
"""Work that one process ends within this is not worth the start of others (about 3 s each)."""

MOST = 16
"""Workers on CPUs if nobody says how many: more wait for memory and disk."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What became of a request.

    ``resumed`` of the images were drawn by an earlier process; ``seconds`` is for the others, and
    ``peak_memory_bytes`` the most that one process had.
    """

    folder: Path
    images: int
    info: dict[str, Any]
    resumed: int
    seconds: float
    workers: int
    peak_memory_bytes: int

    @property
    def images_per_second(self) -> float:
        """How many images were drawn each second, the start of processes included."""
        return (self.images - self.resumed) / max(self.seconds, 1e-9)


def draw(
    request: Request,
    target: Path | None = None,
    *,
    workers: int | None = None,
    replace: bool = False,
) -> Drawn:
    """Draw images onto the disk; what a stopped process of the same request left is kept.

    Args:
        request: What to draw.
        target: The new folder; the first of samples-001, samples-002, ... that is free, or that
            the same request began, if ``None``.
        workers: How many processes. ``None``: one per GPU; on CPUs one per core if the first images
            show that it is worth it.
        replace: Delete what another request left unfinished at ``target``.

    Raises:
        ExistsError: ``target`` is there, or another request left it unfinished.
        StoppedError: A worker was killed; the same request goes on.
        DiskError: The disk is full; the same request goes on.
        KeyboardInterrupt: Ctrl-C; the same request goes on.
    """
    if request.n < 1:
        raise OptionError(f"{request.n} images were asked for; expected 1 or more.")
    expect_seed(request.seed)
    if target is not None and target.exists():
        raise exists_error(target)  # before a large checkpoint is read
    source = Source(request)
    if not source.starts:
        if (workers or 1) > 1:
            console.note(
                "one worker: this generator draws from the first image on only (no start)."
            )
        workers = 1
    record, places = source.record(), map("samples-{:03d}".format, itertools.count(1))
    free = (Unfinished(Path(place), record) for place in places)
    unfinished = (
        next(each for each in free if not each.target.exists() and each.mine())
        if target is None
        else Unfinished(target, record)
    )
    with disk_errors(unfinished.target):
        sink = sink_of(request, source, unfinished.files)
        with unfinished.claimed(sink, replace=replace):
            resumed, begun = unfinished.done, time.monotonic()
            if resumed:
                console.note(f"going on: {resumed:,} of {request.n:,} images are drawn already.")
            used, memory = 0, peak_memory()
            with (
                console.progress("sampling", request.n, done=resumed, unit="images") as advance,
                one_thread(),
            ):
                for (written, peak), drawing in _drawn(request, source, sink, unfinished, workers):
                    unfinished.add(written)
                    advance(written.count)
                    used, memory = max(used, drawing), max(memory, peak)
            seconds = time.monotonic() - begun
            unfinished.finish(sink)
    return Drawn(unfinished.target, request.n, source.info, resumed, seconds, used, memory)


def _drawn(
    request: Request, source: Source, sink: Sink, unfinished: Unfinished, workers: int | None
) -> Iterator[tuple[Progress, int]]:
    """Draw what is missing; yield each batch, and how many processes are drawing."""
    spans = unfinished.missing(request.n)
    cards = graphics_cards()
    if workers is None and cards:
        workers = cards
    if workers is None or workers == 1:
        begun, count = 0.0, 0
        for progress in draw_here(source, sink, spans):
            yield progress, 1
            if workers is not None:
                continue
            if not begun:  # the first batch also pays for what happens once
                begun = time.monotonic()
                continue
            count += progress[0].count
            left = request.n - unfinished.done
            if left * (time.monotonic() - begun) / count > TOGETHER_FROM_SECONDS:
                free = free_memory()
                fitting = MOST if free is None else free // peak_memory()
                workers = max(1, min(cores(), fitting, MOST))
                if workers > 1:
                    break
        else:
            return
        spans = unfinished.missing(request.n)
    for progress in draw_together(request, unfinished.files, spans, source.batch_size, workers):
        yield progress, workers
