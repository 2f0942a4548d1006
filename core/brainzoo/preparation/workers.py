"""Runs the preparation of many scans, in this process or several, with progress."""

from __future__ import annotations

import functools
import pickle
import time
from collections.abc import Generator, Sequence
from concurrent.futures import BrokenExecutor

from brainzoo.common import console
from brainzoo.common.processes import cores, each
from brainzoo.data.subjects import Subject
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.subject import Prepared, prepare_subject

POOL_FROM_SECONDS = 4.0
"""Work that one process ends within this is not worth the start of others (about 0.5 s each)."""


def prepare_all(
    subjects: Sequence[Subject], config: PrepareConfig, workers: int | None
) -> Generator[Prepared, None, None]:
    """Yield what became of each scan, in order.

    Args:
        subjects: The scans.
        config: How images are made.
        workers: Processes; ``None`` takes as many as there are cores if the first scans show that
            it is worth it. 1 stays in this process, as do sources that cannot be pickled.
    """
    wanted = workers or min(cores(), 16)
    done = 0
    started = 0.0
    while done < len(subjects):
        yield prepare_subject(subjects[done], config)
        done += 1
        left = len(subjects) - done
        if done == 1:
            started = time.monotonic()  # the first one also pays for imports
        seconds = (time.monotonic() - started) / max(done - 1, 1) * left
        if wanted > 1 and (workers is not None or (done >= 3 and seconds > POOL_FROM_SECONDS)):
            break
    rest = subjects[done:]
    if len(rest) < 2 or not _picklable(rest):
        yield from (prepare_subject(subject, config) for subject in rest)
        return
    finished = 0
    work = functools.partial(prepare_subject, config=config)
    try:
        for prepared in each(work, rest, min(wanted, len(rest))):
            yield prepared
            finished += 1
    except BrokenExecutor:
        console.warn("a worker process died (perhaps of too little memory); going on with one.")
        yield from map(work, rest[finished:])


def _picklable(subjects: Sequence[Subject]) -> bool:
    """Return whether other processes can be given these scans."""
    try:
        content = pickle.dumps(subjects)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return b"__main__" not in content
