"""Work for several processes: any executor of :mod:`concurrent.futures`, else new processes.

What a task makes must depend on the task only, so that any number of workers gives the same bytes.
Matrix libraries sum in another order with another number of threads: each worker has one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 4  # tasks that each worker may be ahead of the one whose result is taken: bounds the memory


def each(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    workers: int,
    *,
    executor: Executor | None = None,
    kill: bool = False,
) -> Iterator[Result]:
    """Yield what ``work`` returns for each task, in order, as workers become free.

    Work in new processes on this machine, or with an ``executor``. When the caller stops, tasks at
    work end first, or are killed (``kill``; results must be small then). A lost worker is a
    BrokenExecutor.
    """
    waiting: deque[Future[Result]] = deque()
    pool = contextlib.nullcontext(executor) if executor else new_processes(workers, kill=kill)
    with pool as place:
        try:
            for task in tasks:
                with starting():  # any submission may start a process
                    waiting.append(place.submit(work, task))
                if len(waiting) >= workers * AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # Ctrl-C, a full disk: nothing more is begun. Killed processes begin nothing anyway, and
            # their pool's thread fails at futures that are cancelled (seen with Python 3.11).
            for future in () if kill else waiting:
                future.cancel()


@contextlib.contextmanager
def new_processes(
    count: int, *, threads: int | None = 1, kill: bool = False
) -> Iterator[ProcessPoolExecutor]:
    """Offer new processes, which end with the block; submit within :func:`starting`.

    Each computes with so many threads; ``None`` leaves that to the libraries. With ``kill``, an
    error in the block kills them rather than wait for what they are at.
    """
    others = multiprocessing.active_children()
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, spawn, begin_worker, (spawn.Value("i"), threads))
    try:
        yield pool
    except BaseException:
        for process in multiprocessing.active_children() if kill else ():
            if process not in others:
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
    cards = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(_cards())))
    if cards:
        shown = cards.split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = shown[number % len(shown)]
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _cards() -> int:
    """Return how many NVIDIA cards the driver shows; torch would have to be imported to ask it."""
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Start processes without the caller's main module.

    A spawned child imports the main module again: a script without an ``if __name__`` guard would
    run twice. The workers must need nothing from it.
    """
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    for name in hidden:
        setattr(main, name, None)
    if "__file__" in hidden:
        del main.__file__
    # Children inherit what is blocked: a Ctrl-C while one starts, before it can choose to ignore
    # it, must reach this process only.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for name, value in hidden.items():
            setattr(main, name, value)


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory() -> int:
    """Return the most memory in bytes that this process has had resident at once."""
    try:
        # Linux counts into ru_maxrss what the process was before it became this program.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
