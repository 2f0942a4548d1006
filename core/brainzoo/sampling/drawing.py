"""Draws what was asked for, goes on where it was stopped, and says how fast it was.

One process draws, or several: each loads the generator itself, takes spans of indices and writes
them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

from brainzoo.common import console
from brainzoo.common.errors import OptionError, StoppedError
from brainzoo.common.files import disk_errors, exists_error
from brainzoo.common.hardware import free_memory
from brainzoo.common.processes import cores, each, peak_memory
from brainzoo.plugin.options import expect_seed
from brainzoo.sampling.request import Request, Source
from brainzoo.sampling.sinks import Sink, Written
from brainzoo.sampling.unfinished import Unfinished

TOGETHER_FROM_SECONDS = 10.0
"""Work that one process ends within this is not worth the start of others (about 3 s each)."""

MOST = 16
"""Workers on CPUs if nobody says how many: more wait for memory and disk."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What became of a request.

    ``resumed`` of the images were drawn by an earlier process; ``seconds`` is for the others.
    """

    folder: Path
    images: int
    info: dict[str, Any]
    resumed: int
    seconds: float
    workers: int

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

    ``target`` is the new folder; ``None``: the first of samples-001, samples-002, ... that is free,
    or that the same request began. ``workers`` are processes; ``None``: one per GPU; on CPUs one
    per core if the first images show that it is worth it. ``replace`` deletes what another request
    left unfinished at ``target``.

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
    record = source.record()
    places = [target] if target else (Path(f"samples-{i:03d}") for i in itertools.count(1))
    found = (Unfinished(place, record) for place in places)
    unfinished = next(one for one in found if target or (not one.target.exists() and one.mine()))
    with disk_errors(unfinished.target):
        sink = Sink(unfinished.files, source.info, source.shape, request.n)
        with unfinished.claimed(sink, replace=replace):
            resumed, begun = unfinished.done, time.monotonic()
            if resumed:
                console.note(f"going on: {resumed:,} of {request.n:,} images are drawn already.")
            used = 0
            with (
                console.progress("sampling", request.n, done=resumed, unit="images") as advance,
                one_thread(),
            ):
                for written, drawing in _drawn(request, source, sink, unfinished, workers):
                    unfinished.add(written)
                    advance(written.count)
                    used = max(used, drawing)
            seconds = time.monotonic() - begun
            unfinished.finish(sink, request.export)
    return Drawn(unfinished.target, request.n, source.info, resumed, seconds, used)


def _drawn(
    request: Request, source: Source, sink: Sink, unfinished: Unfinished, workers: int | None
) -> Iterator[tuple[Written, int]]:
    """Draw what is missing; yield each batch, and how many processes are drawing."""
    spans = unfinished.missing(request.n)
    cards = graphics_cards()
    if workers is None and cards:
        workers = cards
    if workers is None or workers == 1:
        begun, count = 0.0, 0
        for written in draw_here(source, sink, spans):
            yield written, 1
            if workers is not None:
                continue
            if not begun:  # the first batch also pays for what happens once
                begun = time.monotonic()
                continue
            count += written.count
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
    for written in draw_together(request, unfinished.files, spans, source.batch_size, workers):
        yield written, workers


def draw_here(source: Source, sink: Sink, spans: Sequence[range]) -> Iterator[Written]:
    """Draw spans in this process."""
    for span in spans:
        for start, pixels, rows in source.draw(span):
            yield sink.write(start, pixels, rows)


def draw_together(
    request: Request, folder: Path, spans: Sequence[range], batch_size: int, workers: int
) -> Iterator[Written]:
    """Draw spans in several processes; yield what each wrote."""
    jobs = ((request, folder, batch) for batch in cut(spans, batch_size))
    try:
        for written in each(_draw, jobs, workers, kill=True):
            yield from written
    except BrokenExecutor:
        raise StoppedError(
            "a worker process was killed; what was drawn is kept.",
            "Run it again to go on; with fewer --workers if memory was short.",
        ) from None


def cut(spans: Sequence[range], batch_size: int) -> Iterator[range]:
    """Yield spans as batches."""
    for span in spans:
        for at in range(0, len(span), batch_size):
            yield span[at : at + batch_size]


_loaded: tuple[Request, Path, Source, Sink] | None = None
"""Of a worker: what it draws with, from its first job on."""


def _draw(job: tuple[Request, Path, range]) -> list[Written]:
    global _loaded
    request, folder, span = job
    if _loaded is None or _loaded[:2] != (request, folder):
        source = Source(request)
        _loaded = (request, folder, source, Sink(folder, source.info, source.shape, request.n))
    with one_thread():
        return list(draw_here(*_loaded[2:], [span]))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread within a block: more would give other bits."""
    torch = sys.modules.get("torch")  # a generator that needs it has imported it by now
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def graphics_cards() -> int:
    """Return how many devices besides the CPU torch would compute on, if the generator uses it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return 0
    if torch.cuda.is_available():
        return int(torch.cuda.device_count())
    return int(torch.backends.mps.is_available())
