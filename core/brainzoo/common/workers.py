"""New processes that work for this one: how they start, and when they end."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any


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
    # What the driver shows; torch would have to be imported to ask it.
    there = [str(i) for i, _ in enumerate(Path("/proc/driver/nvidia/gpus").glob("*"))]
    if cards := os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(there):
        shown = cards.split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = shown[number % len(shown)]
    parent = multiprocessing.parent_process()
    if parent is not None:
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
