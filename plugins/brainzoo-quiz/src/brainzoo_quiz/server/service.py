"""What all routes share: the study, its database, its address, secrets, limits and forms."""

from __future__ import annotations

import dataclasses
import functools
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from brainzoo_quiz.server.address import Address
from brainzoo_quiz.server.admission import derived, same
from brainzoo_quiz.server.requests import Refused, read_json
from brainzoo_quiz.server.store import Store

MOST_BUCKETS = 10_000


class Buckets:
    """How often somebody may ask: a bucket of tokens for each key, refilled steadily."""

    def __init__(
        self, a_second: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._a_second = a_second
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at: dict[str, float] = {}

    def spend(self, key: str, cost: int = 1) -> None:
        """Take from a key's bucket, or refuse; a cost of 0 only asks whether it is empty."""
        with self._lock:
            now = self._clock()
            full_at = max(now, self._full_at.get(key, now))
            left = self._burst - (full_at - now) * self._a_second
            if left < 1:
                wait = max(1, math.ceil((1 - left) / self._a_second))
                hint = f"Try again in {wait} seconds."
                raise Refused(429, "too-many", "Too many requests.", hint, wait)
            self._full_at[key] = full_at + cost / self._a_second
            if len(self._full_at) > MOST_BUCKETS:  # those that are full again say nothing
                self._full_at = {other: at for other, at in self._full_at.items() if at > now}


@dataclasses.dataclass(kw_only=True)
class Service(Store):
    """A study's database, and what the routes need besides."""

    folder: Path
    address: Address
    owner_token: str
    asks: Buckets = dataclasses.field(default_factory=lambda: Buckets(50, 300))
    guesses: Buckets = dataclasses.field(default_factory=lambda: Buckets(1, 100))

    @property
    def reader_cookie(self) -> str:
        """The name of readers' cookies. Ports share cookies, so it names the study."""
        return f"{'__Host-' if self.address.secure else ''}quiz-{self.package.study[:8]}"

    @property
    def owner_cookie(self) -> str:
        """The name of the owner's cookie."""
        return f"{'__Secure-' if self.address.secure else ''}quiz-owner-{self.package.study[:8]}"

    @property
    def owner_secret(self) -> str:
        """What the owner's cookie must hold."""
        return derived(self.owner_token, "cookie")

    @contextmanager
    def guess(self, request: Request) -> Iterator[None]:
        """Limit how often a client may try secrets: what is refused inside counts."""
        who = self.client(request)
        self.guesses.spend(who, 0)
        try:
            yield
        except Refused:
            self.guesses.spend(who)
            raise

    def client(self, request: Request) -> str:
        """Return who asks; behind a proxy, the last address it forwards: the one it saw itself."""
        forwarded = request.headers.get("x-forwarded-for") if self.address.behind_proxy else None
        if forwarded:
            return forwarded.rsplit(",", 1)[-1].strip()[:64]
        return "unknown" if request.client is None else request.client.host


def service_of(request: Request) -> Service:
    """Return what the routes share."""
    service: Service = request.app.state.service
    return service


def writing(
    path: str,
    enter: Callable[[Request], tuple[Any, str]],
    work: Callable[[Service, Any, Mapping[str, Any]], dict[str, Any]],
) -> Route:
    """Return the route of a request that writes."""

    @functools.wraps(work)
    async def handle(request: Request) -> Response:
        content = await read_json(request)

        def write() -> dict[str, Any]:
            who, csrf = enter(request)
            if not same(request.headers.get("x-quiz-csrf", ""), csrf):
                raise Refused(403, "csrf", "This request is not from your page.", "Load it again.")
            return work(service_of(request), who, content)

        return JSONResponse(await run_in_threadpool(write))

    return Route(path, handle, methods=["POST"])
