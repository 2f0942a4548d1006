"""Processes that draw: each loads the generator itself, takes spans of indices and writes them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path

from brainzoo.common.errors import StoppedError
from brainzoo.common.processes import each, peak_memory
from brainzoo.sampling.request import Request, Source
from brainzoo.sampling.sinks import FilesSink, ImagesSink, Sink, Written

Progress = tuple[Written, int]
"""A batch that was written, and the most memory in bytes that its process had until then."""


def sink_of(request: Request, source: Source, folder: Path) -> Sink:
    """Return what writes the images of a request into a folder."""
    if request.export is None:
        return ImagesSink(folder, source.info, source.shape, request.n)
    return FilesSink(folder, source.info, source.shape, request.export)


def draw_here(source: Source, sink: Sink, spans: Sequence[range]) -> Iterator[Progress]:
    """Draw spans in this process."""
    for span in spans:
        for start, pixels, rows in source.draw(span):
            yield sink.write(start, pixels, rows), peak_memory()


def draw_together(
    request: Request, folder: Path, spans: Sequence[range], batch_size: int, workers: int
) -> Iterator[Progress]:
    """Draw spans in several processes; yield what each wrote.

    Raises:
        StoppedError: A process was killed.
        Exception: Whatever one of them raised.
    """
    jobs = ((request, folder, batch) for batch in cut(spans, batch_size))
    try:
        for written in each(_draw, jobs, workers, kill=True):
            yield from written
    except BrokenExecutor:
        raise StoppedError(
            "a worker process was killed; what is drawn is kept.",
            "Run it again to go on; with fewer --workers if memory was short.",
        ) from None


def cut(spans: Sequence[range], batch_size: int) -> Iterator[range]:
    """Yield spans as batches."""
    for span in spans:
        for at in range(0, len(span), batch_size):
            yield span[at : at + batch_size]


_loaded: tuple[Request, Path, Source, Sink] | None = None
"""Of a worker: what it draws with, from its first job on."""


def _draw(job: tuple[Request, Path, range]) -> list[Progress]:
    global _loaded
    request, folder, span = job
    if _loaded is None or _loaded[:2] != (request, folder):
        source = Source(request)
        _loaded = (request, folder, source, sink_of(request, source, folder))
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
