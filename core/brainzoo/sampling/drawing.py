"""Draws what was asked for, goes on where it was stopped, and says how fast it was.

One process draws, or several: each loads the generator itself, takes spans of indices and writes
them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from brainzoo.common import console
from brainzoo.common.errors import IncompatiblePluginError, OptionError
from brainzoo.common.files import disk_errors, exists_error
from brainzoo.common.processes import each, one_thread
from brainzoo.plugin.options import expect_seed
from brainzoo.sampling.request import Request, Source
from brainzoo.sampling.sinks import Sink, Written
from brainzoo.sampling.unfinished import Unfinished, difference


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What became of a request.

    ``resumed`` of the images were drawn by an earlier process; ``seconds`` is for the others, which
    ``workers`` processes drew.
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
    stream: bool = False,
    replace: bool = False,
) -> Drawn:
    """Draw images onto the disk; what a stopped process of the same request left is kept.

    ``target`` is the new folder; ``None``: the first of samples-001, samples-002, ... that is free,
    or that the same request began. ``workers`` are processes; ``None``: one per GPU; on CPUs as
    :func:`brainzoo.common.processes.each` decides. Each writes what it draws, or sends it here to
    be written (``stream``), where it cannot see the folder. ``replace`` deletes what another
    request left unfinished at ``target``; without it that is an ExistsError.
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
            place = None if stream else unfinished.files
            missing = cut(unfinished.missing(request.n), source.batch_size)
            work = functools.partial(_draw, (request, place, record))
            _loaded[:] = [((request, place, record), source, None if stream else sink)]
            results = each(work, list(missing), workers, usual=cards() or None, kill=True)
            drew = set()
            with (
                console.progress("sampling", request.n, done=resumed, unit="images") as advance,
                contextlib.closing(results),
            ):
                for who, batches in results:
                    drew.add(who)
                    for batch in batches:
                        written = batch if isinstance(batch, Written) else sink.write(*batch)
                        unfinished.add(written)
                        advance(written.count)
            _loaded.clear()
            seconds = time.monotonic() - begun
            unfinished.finish(sink, lambda: source.rows(range(request.n)))
    return Drawn(unfinished.target, request.n, source.info, resumed, seconds, len(drew))


def cut(spans: Sequence[range], batch_size: int) -> Iterator[range]:
    """Yield spans as batches."""
    for span in spans:
        for at in range(0, len(span), batch_size):
            yield span[at : at + batch_size]


Job = tuple[Request, Path | None, dict[str, Any]]
"""What is asked for, the folder to write into or None, and all that decides the images."""

_loaded: list[tuple[Job, Source, Sink | None]] = []
"""What this process draws with, from its first batch on."""


def _draw(job: Job, span: range) -> tuple[str, list[Any]]:
    """Return which process drew, and its batches: what was written, or else what is to be."""
    if not _loaded or _loaded[0][0] != job:
        request, folder, record = job
        source = Source(request)
        found = source.record()
        if found != record:
            raise IncompatiblePluginError(
                f"a worker has another checkpoint or plugin: {difference(found, record)}.",
                "Install the same versions, and show every worker the same files.",
            )
        sink = Sink(folder, source.info, source.shape, request.n) if folder else None
        _loaded[:] = [(job, source, sink)]
    _, source, sink = _loaded[0]
    with one_thread():
        batches = [sink.write(*batch) if sink else batch for batch in source.draw(span)]
    return f"{platform.node()} {os.getpid()}", batches


def cards() -> int:
    """Return how many devices besides the CPU torch would compute on, if the generator uses it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return 0
    if torch.cuda.is_available():
        return int(torch.cuda.device_count())
    return int(torch.backends.mps.is_available())
