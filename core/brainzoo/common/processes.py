"""Work for several processes: of this machine, of a Dask cluster, of any other executor.

What a task makes must depend on the task only, so that any number of workers gives the same bytes.
Matrix libraries sum in another order with another number of threads: each worker has one.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextvars import ContextVar
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

from brainzoo.common import console
from brainzoo.common.errors import IncompatiblePluginError, NetworkError, StoppedError
from brainzoo.common.hardware import cores, free_memory, peak_memory

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


class Pools(contextlib.ExitStack):
    """Processes that end with the block; what one call of :func:`each` starts, later ones find."""

    pool: ProcessPoolExecutor | None = None
    count = 0

    def started(self, count: int, kill: bool) -> ProcessPoolExecutor:
        """Return those that are there, else so many new ones."""
        if self.pool is None:
            self.pool, self.count = self.enter_context(new_processes(count, kill=kill)), count
        return self.pool


_place: ContextVar[tuple[Executor, int] | None] = ContextVar("place", default=None)
_kept: ContextVar[Pools | None] = ContextVar("kept", default=None)
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
        try:
            with contextlib.nullcontext(kept) if kept else Pools() as pools:
                pool = executor or pools.started(count, kill)
                for result in _shared(pool, work, tasks, done, count * AHEAD, kill):
                    done += 1
                    yield result
        except losses:
            if executor or count == 1:
                raise StoppedError(
                    "worker processes were lost until none was left.",
                    "Run it again, with fewer --workers if memory was short.",
                ) from None
            if kept:
                kept.pool = None
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


def using(executor: Executor, workers: int = MOST) -> contextlib.AbstractContextManager[None]:
    """Let an executor of so many workers do the work of :func:`each` within a block."""
    return _within(_place, (executor, workers))


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Keep the processes that :func:`each` starts within a block for its next calls there.

    Each has to import torch and to load networks, seconds that count where calls are many.
    """
    with Pools() as pools, _within(_kept, pools):
        yield


@contextlib.contextmanager
def _within(variable: ContextVar[Any], value: object) -> Iterator[None]:
    before = variable.set(value)
    try:
        yield
    finally:
        variable.reset(before)


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
        if address == "local":
            options = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 40}
            with starting():
                where = stack.enter_context(dask.LocalCluster(cores(), **options))
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


@contextlib.contextmanager
def new_processes(
    count: int, *, threads: int | None = 1, kill: bool = False
) -> Iterator[ProcessPoolExecutor]:
    """Offer new processes, which end with the block; submit within :func:`starting`.

    Each computes with so many threads; ``None`` leaves that to the libraries. With ``kill``, an
    error in the block kills them rather than wait for what they are at.
    """
    others, spawn = multiprocessing.active_children(), multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, spawn, begin_worker, (spawn.Value("i"), threads))
    try:
        yield pool
    except BaseException:
        for process in {*multiprocessing.active_children()} - {*others} if kill else ():
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def begin_worker(started: Any, threads: int | None) -> None:
    """Prepare a new process, before it imports anything that computes.

    Ctrl-C is left to the process that waits for the results; when that one is killed, this one
    ends. Each worker sees one graphics card, in turns.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if threads is not None:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        os.environ.update(dict.fromkeys(names, str(threads)))
    with started.get_lock():
        number = started.value
        started.value += 1
    # What the driver shows; torch would have to be imported to ask it.
    there = [str(i) for i, _ in enumerate(Path("/proc/driver/nvidia/gpus").glob("*"))]
    if cards := os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(there):
        shown = cards.split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = shown[number % len(shown)]
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Start processes without the caller's main module.

    A spawned child imports the main module again: a script without an ``if __name__`` guard would
    run twice. The workers must need nothing from it.
    """
    main: dict[str, Any] = vars(sys.modules["__main__"])
    hidden: dict[str, Any] = {
        name: main.pop(name) for name in ("__file__", "__spec__") if name in main
    }
    main["__spec__"] = None
    # Children inherit what is blocked: a Ctrl-C while one starts, before it can choose to ignore
    # it, must reach this process only.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        main.update(hidden)
