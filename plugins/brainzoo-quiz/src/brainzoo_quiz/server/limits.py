"""How often somebody may ask: a bucket of tokens each, refilled steadily."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from brainzoo_quiz.server.requests import Refused

MOST_BUCKETS = 10_000


class Buckets:
    """Limits by key."""

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
                hint = f"Try again in {wait} seconds."
                raise Refused(429, "too-many", "Too many requests.", hint, wait_seconds=wait)
            self._buckets[key] = (left - cost, now)
            if len(self._buckets) > MOST_BUCKETS:  # those that are full again say nothing
                full = [other for other in self._buckets if self._left(other, now) >= self._burst]
                for other in full:
                    del self._buckets[other]

    def _left(self, key: str, now: float) -> float:
        left, then = self._buckets.get(key, (float(self._burst), now))
        return min(float(self._burst), left + (now - then) * self._a_second)
