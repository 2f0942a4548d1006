"""Work for several processes: of this machine, of a Dask cluster, of any other executor.

What a task makes must depend on the task only, so that any number of workers gives the same bytes.
Matrix libraries sum in another order with another number of threads: each worker has one.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from brainzoo.common import console
from brainzoo.common.errors import IncompatiblePluginError, NetworkError, StoppedError
from brainzoo.common.hardware import cores, free_memory, peak_memory
from brainzoo.common.workers import new_processes, starting

Task = TypeVar("Task")
Result = TypeVar("Result")

WORTH_SECONDS = 8.0  # what ends sooner is not worth the start of processes, some seconds each
WORTH_KEEPING_SECONDS = 2.0  # sooner still, if what comes later finds them
MOST = 16  # processes if nobody says how many: more wait for memory and disk
AHEAD = 4  # tasks that each worker may be ahead of the one whose result is taken: bounds the memory
CONNECT_SECONDS = 30


class Made(Sequence[Task]):
    """Tasks that are made when a worker gets them, so that memory holds a few; no slices."""

    def __init__(self, length: int, make: Callable[[int], Task]) -> None:
        self._length, self._make = length, make

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        return self._make(index)


class Kept:
    """Processes that one call of :func:`each` starts and later ones find."""

    def __init__(self) -> None:
        self.pool: ProcessPoolExecutor | None = None
        self.count = 0
        self.stack = contextlib.ExitStack()

    @contextlib.contextmanager
    def processes(self, count: int) -> Iterator[ProcessPoolExecutor]:
        """Offer those that are there, else so many new ones; a broken pool is not kept."""
        if self.pool is None:
            self.pool = self.stack.enter_context(new_processes(count))
            self.count = count
        try:
            yield self.pool
        except BrokenExecutor:
            self.pool = None
            raise


_place: ContextVar[tuple[Executor, int] | None] = ContextVar("place", default=None)
_kept: ContextVar[Kept | None] = ContextVar("kept", default=None)
_turn = threading.RLock()


def each(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int | None = None,
    *,
    usual: int | None = None,
    kill: bool = False,
) -> Generator[Result, None, None]:
    """Yield what ``work`` returns for each task, in order, as workers become free.

    ``workers`` are processes; 1 is this one; ``None`` as well, until the first tasks show that all
    would take long: then there are as many as cores, if memory allows (``usual`` if that is given).
    Within :func:`using`, its executor works instead, unless ``workers`` is 1; within :func:`kept`,
    processes that were started before. What a lost worker had is done again. When the caller stops,
    tasks at work end first, or are killed (``kill``; results must be small then).

    Raises:
        StoppedError: All workers were lost.
    """
    place, done, began = _place.get(), 0, 0.0
    workers = workers if workers or place else usual
    kept = None if workers or place or kill else _kept.get()
    if kept and kept.pool and len(tasks) > 1:
        workers = kept.count
    while workers == 1 or (workers is None and place is None):
        if done == len(tasks):
            return
        yield work(tasks[done])
        done += 1
        if workers is None and began:
            left = (time.monotonic() - began) / (done - 1) * (len(tasks) - done)
            if left > (WORTH_KEEPING_SECONDS if kept else WORTH_SECONDS):
                fitting = (free_memory() or sys.maxsize) // peak_memory()
                workers = max(1, min(cores(), fitting, MOST))
        began = began or time.monotonic()  # the first task also pays for imports
    executor, count = place or (None, 1)
    count = max(1, min(workers or count, len(tasks) - done))
    dask = sys.modules.get("distributed")
    losses = (BrokenExecutor, CancelledError, *([dask.KilledWorker] if dask else []))
    while done < len(tasks):
        pool: contextlib.AbstractContextManager[Executor]
        if executor:
            pool = contextlib.nullcontext(executor)
        else:
            pool = kept.processes(count) if kept else new_processes(count, kill=kill)
        try:
            with pool as found:
                for result in _shared(found, work, tasks, done, count * AHEAD, kill):
                    done += 1
                    yield result
        except losses:
            if executor or count == 1:
                raise StoppedError(
                    "worker processes were lost until none was left.",
                    "Run it again, with fewer --workers if memory was short.",
                ) from None
            count //= 2
            console.warn(f"a worker process was lost; its part is done again, with {count}.")


def _shared(
    pool: Executor,
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    first: int,
    ahead: int,
    kill: bool,
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    job = functools.partial(_alone, work, str(Path.cwd()))
    try:
        for index in range(first, len(tasks)):
            with starting():  # any submission may start a process
                waiting.append(pool.submit(job, tasks[index]))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Ctrl-C, a full disk: nothing more is begun. Killed processes begin nothing anyway, and
        # their pool's thread fails at futures that are cancelled (seen with Python 3.11).
        for future in () if kill and isinstance(pool, ProcessPoolExecutor) else waiting:
            future.cancel()


def _alone(work: Callable[[Task], Result], folder: str, task: Task) -> Result:
    """Do one task at a time in this process, with relative paths as the caller means them."""
    there = contextlib.chdir(folder) if Path(folder).is_dir() else contextlib.nullcontext()
    with _turn, there:
        return work(task)


@contextlib.contextmanager
def using(executor: Executor, workers: int = MOST) -> Iterator[None]:
    """Let an executor of so many workers do the work of :func:`each` within a block."""
    before = _place.set((executor, workers))
    try:
        yield
    finally:
        _place.reset(before)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Keep the processes that :func:`each` starts within a block for its next calls there.

    Each has to import torch and to load networks, seconds that count where calls are many.
    """
    found = Kept()
    before = _kept.set(found)
    try:
        with found.stack:
            yield
    finally:
        _kept.reset(before)


@contextlib.contextmanager
def cluster(address: str) -> Iterator[None]:
    """Let Dask do the work of :func:`each` within a block.

    ``address`` is a scheduler's, ``tcp://HOST:PORT``; ``local`` starts one on this machine.
    """
    try:
        dask: Any = importlib.import_module("distributed")
    except ImportError:
        raise IncompatiblePluginError(
            "a cluster needs Dask.", "Install it with: pip install brainzoo-core[cluster]"
        ) from None
    with contextlib.ExitStack() as stack:
        where: Any = address
        with starting():
            if address == "local":
                where = stack.enter_context(
                    dask.LocalCluster(
                        cores(), threads_per_worker=1, dashboard_address=":0", silence_logs=40
                    )
                )
        try:
            client = dask.Client(where, timeout=CONNECT_SECONDS, set_as_default=False)
            stack.enter_context(client)
            client.wait_for_workers(1, CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise NetworkError(
                f"no Dask scheduler with workers answers at {address!r}: {error}.",
                "Start them: dask scheduler; dask worker tcp://HOST:8786 --nworkers 4",
            ) from None
        workers = len(client.nthreads())
        stack.enter_context(using(client.get_executor(pure=False), workers))
        console.note(f"{workers} workers at {client.scheduler.address}")
        yield


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread within a block: more would give other bits."""
    torch = sys.modules.get("torch")  # what needs it has imported it by now
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
