"""Processes that draw: each loads the generator itself, takes spans of indices and writes them."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from brainzoo.common.errors import StoppedError
from brainzoo.common.processes import begin_worker, fresh_children, peak_memory
from brainzoo.sampling.request import Request, Source
from brainzoo.sampling.sinks import FilesSink, ImagesSink, Sink, Written

PARTS = 4
"""Spans for each worker: they end at nearly the same time, and rarely begin anew."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """A batch that was written, and the most memory in bytes that its process had until then."""

    written: Written
    peak_memory: int


def sink_of(request: Request, source: Source, folder: Path) -> Sink:
    """Return what writes the images of a request into a folder."""
    if request.export is None:
        return ImagesSink(folder, source.info, source.shape, request.n)
    return FilesSink(folder, source.info, source.shape, request.export)


def draw_here(source: Source, sink: Sink, spans: Sequence[range]) -> Iterator[Progress]:
    """Draw spans in this process."""
    for span in spans:
        for start, pixels, rows in source.draw(span):
            yield Progress(sink.write(start, pixels, rows), peak_memory())


def draw_together(
    request: Request, folder: Path, spans: Sequence[range], batch_size: int, workers: int
) -> Iterator[Progress]:
    """Draw spans in several processes; yield what each writes as it comes.

    Raises:
        StoppedError: A process was killed.
        Exception: Whatever one of them raised.
    """
    waiting = cut(spans, batch_size, workers)
    busy: dict[Connection, BaseProcess] = {}
    ending: list[BaseProcess] = []
    try:
        for number in range(min(workers, len(waiting))):
            connection, process = _begin(request, folder, number)
            busy[connection] = process
        while busy:
            for ready in wait(list(busy)):
                connection = next(each for each in busy if each is ready)
                message = _receive(connection, busy[connection])
                if isinstance(message, Progress):
                    yield message
                elif isinstance(message, BaseException):
                    raise message
                elif waiting:
                    connection.send(waiting.pop(0))
                else:
                    connection.send(None)
                    ending.append(busy.pop(connection))
    finally:
        for process in busy.values():  # what they are at is drawn again by whoever goes on
            process.kill()
        for process in (*busy.values(), *ending):
            process.join()


def cut(spans: Sequence[range], batch_size: int, workers: int) -> list[range]:
    """Return spans as pieces of whole batches, several for each worker."""
    batches = -(-sum(map(len, spans)) // batch_size)
    size = batch_size * max(1, batches // (workers * PARTS))
    return [span[at : at + size] for span in spans for at in range(0, len(span), size)]


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


def _begin(request: Request, folder: Path, number: int) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with fresh_children(), _sees_card(number):
        process = context.Process(target=_work, args=(theirs, request, folder), daemon=True)
        process.start()
    theirs.close()  # so that its end is seen here when the process ends
    return ours, process


def _work(connection: Connection, request: Request, folder: Path) -> None:
    """Draw span after span until there are no more."""
    begin_worker()
    try:
        source = Source(request)
        sink = sink_of(request, source, folder)
        with one_thread():
            connection.send("ready")
            while (span := connection.recv()) is not None:
                for progress in draw_here(source, sink, [span]):
                    connection.send(progress)
                connection.send("ready")
    except Exception as error:
        error.add_note(traceback.format_exc())  # for --debug: pickling keeps no traceback
        try:
            connection.send(error)
        except Exception:  # not everything can be pickled
            connection.send(RuntimeError(f"{type(error).__name__}: {error}"))


def _receive(connection: Connection, process: BaseProcess) -> Any:
    try:
        return connection.recv()
    except (EOFError, ConnectionError):
        process.join()
        code = process.exitcode or 0
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        raise StoppedError(
            f"a worker process ended {how}; what is drawn is kept.",
            "Run it again to go on; with fewer --workers if memory was short.",
        ) from None


@contextlib.contextmanager
def _sees_card(number: int) -> Iterator[None]:
    """Show the processes started within a block one CUDA device each, in turns."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        yield
        return
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    cards = before.split(",") if before else list(map(str, range(torch.cuda.device_count())))
    os.environ["CUDA_VISIBLE_DEVICES"] = cards[number % len(cards)]
    try:
        yield
    finally:
        if before is None:
            del os.environ["CUDA_VISIBLE_DEVICES"]
        else:
            os.environ["CUDA_VISIBLE_DEVICES"] = before
