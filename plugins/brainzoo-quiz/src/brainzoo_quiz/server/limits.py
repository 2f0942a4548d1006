"""How often somebody may ask: a bucket of tokens each, refilled steadily."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from brainzoo_quiz.server.requests import Refused

MOST_BUCKETS = 10_000


class Buckets:
    """Limits by key.

    Args:
        a_second: How fast a bucket fills.
        burst: How much it holds.
        clock: Seconds; tests give their own.
    """

    def __init__(
        self, a_second: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._a_second = a_second
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def spend(self, key: str, cost: int = 1) -> None:
        """Take from a key's bucket; a cost of 0 only asks whether it is empty.

        Raises:
            Refused: There is not enough in it.
        """
        with self._lock:
            now = self._clock()
            left = self._left(key, now)
            if left < 1:
                wait = max(1, math.ceil((1 - left) / self._a_second))
                raise Refused(
                    429,
                    "too-many",
                    "Too many requests.",
                    f"Try again in {wait} seconds.",
                    wait_seconds=wait,
                )
            self._buckets[key] = (left - cost, now)
            if len(self._buckets) > MOST_BUCKETS:
                self._forget(now)

    def _left(self, key: str, now: float) -> float:
        left, then = self._buckets.get(key, (float(self._burst), now))
        return min(float(self._burst), left + (now - then) * self._a_second)

    def _forget(self, now: float) -> None:
        """Drop the buckets that are full again: they say nothing."""
        self._buckets = {
            key: bucket
            for key, bucket in self._buckets.items()
            if self._left(key, now) < self._burst
        }
