"""How many threads train fastest now: tried with real steps, again where training becomes slow.

Threads of one step wait for each other. Beside other programs one of them is often held up, and all
wait: on two cores with a busy neighbour, two threads have made a fortieth of what they make alone.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from brainzoo.common import console

WINDOW_SECONDS = 3.0  # of training, whose speed is compared with the last trial
BLOCK_SECONDS, LEAST_STEPS, ROUNDS = 0.4, 2, 3  # of a trial, for each number of threads
SLOW = 0.8  # of the fastest of the last trial: then all are tried again
HOPELESS = 0.25  # of the fastest: its block ends at once, as each step may take a minute
PAUSES = (15.0, 600.0)  # between trials: doubled from the least to the most while none changes it
ROOM = 0.5  # of a processor may be missing for a number of threads to be tried
BACK_SECONDS = 300.0  # then fewer threads than there could be are put to the test, fast or not


@contextmanager
def threads(
    wanted: str | None, alone: bool, chosen: Callable[[int], None]
) -> Iterator[Callable[[int, float], None]]:
    """Let torch compute with ``wanted`` threads within a block; ``None`` leaves it to torch.

    ``auto`` tries, where a process trains ``alone`` on a CPU, and calls ``chosen`` with what it
    found. What is offered is to be called after each step, with its images and the seconds of
    training so far.
    """
    before = torch.get_num_threads()
    trials = _trials(before, chosen) if wanted == "auto" and alone and before > 1 else None
    if trials:
        next(trials)
    elif wanted not in (None, "auto"):
        torch.set_num_threads(int(wanted))
    try:
        yield lambda images, seconds: trials.send((images, seconds)) if trials else None
    finally:
        torch.set_num_threads(before)


def _trials(most: int, chosen: Callable[[int], None]) -> Generator[None, tuple[int, float], None]:
    numbers = [most >> halved for halved in range(most.bit_length())][::-1]
    rates: dict[int, float] = {}
    pause, due, current, tried = PAUSES[0], 0.0, 1, most
    processors = _Processors()
    torch.set_num_threads(current)  # never hopeless
    _, now = yield
    while True:
        rate, now = yield from _block(now, WINDOW_SECONDS if rates else BLOCK_SECONDS)
        room = processors.free() + ROOM
        slow = rate < SLOW * max(rates.values(), default=math.inf)
        back = current < most and (now > due + BACK_SECONDS + pause or room >= 2 * tried)
        if now < due or not (slow or back):
            continue
        # Where others compute, a single step of too many threads can take a minute.
        fitting = [number for number in numbers if number <= max(1, room)]
        seen: dict[int, list[float]] = {number: [] for number in fitting}
        for number in fitting * (ROUNDS if len(fitting) > 1 else 1):
            best = max(max(found, default=0.0) for found in seen.values())
            if not seen[number] or max(seen[number]) > HOPELESS * best:
                torch.set_num_threads(number)
                rate, now = yield from _block(now, BLOCK_SECONDS, HOPELESS * best)
                seen[number].append(rate)
        rates = {number: statistics.median(found) for number, found in seen.items()}
        # A switch changes the last bits of the result: it must be worth it.
        fastest = max(fitting, key=lambda n: rates[n] * (1.05 if n == current else 1))
        torch.set_num_threads(fastest)
        if fastest != current:
            made = ", ".join(f"{n} make {console.number(rate)}" for n, rate in rates.items())
            console.note(f"threads: {made} images/s; going on with {fastest}.")
        pause = PAUSES[0] if fastest != current else min(2 * pause, PAUSES[1])
        current, due, tried = fastest, now + pause, fitting[-1]
        chosen(fastest)


class _Processors:
    """Those that other programs leave free."""

    def __init__(self) -> None:
        self._before = _used_by_others()

    def free(self) -> float:
        """Return how many there were since the last call; all of them where nobody knows."""
        before, self._before = self._before, _used_by_others()
        passed, used = (new - old for new, old in zip(self._before, before, strict=True))
        return (os.cpu_count() or 1) - (used / passed if passed > 0 else 0.0)


def _used_by_others() -> tuple[float, float]:
    """Return the time, and for how many seconds other programs have computed (0 if unknown)."""
    now = time.monotonic()
    try:
        words = Path("/proc/stat").read_text(encoding="ascii").split()
        nice = (2,) if os.nice(0) > 0 else ()  # gives way to this process, unless it is nice, too
        ticks = sum(int(words[i]) for i in (1, *nice, 3, 6, 7, 8))
    except (OSError, ValueError, IndexError):
        return now, 0.0
    return now, ticks / os.sysconf("SC_CLK_TCK") - time.process_time()


def _block(
    before: float, seconds: float, least: float = 0.0
) -> Generator[None, tuple[int, float], tuple[float, float]]:
    """Take steps for so long, or until less than ``least`` images a second are made.

    ``before`` is when the last step ended. Returns images a second, and when the block ended.
    """
    images, now = yield  # this step wakes the threads: it counts only if it is hopeless
    if images < least * (now - before):
        return images / (now - before), now
    before, images, steps = now, 0, 0
    while steps < LEAST_STEPS or now - before < seconds:
        size, now = yield
        images, steps = images + size, steps + 1
        if images < least * (now - before):
            break
    return images / max(now - before, 1e-9), now
