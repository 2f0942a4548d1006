"""What all routes share: the study, its database, its address, secrets and limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine
from starlette.requests import Request

from brainzoo_quiz.server.address import Address
from brainzoo_quiz.server.credentials import derived
from brainzoo_quiz.server.limits import Buckets
from brainzoo_quiz.server.requests import Refused
from brainzoo_quiz.server.store import Store
from brainzoo_quiz.study.package import Package


@dataclasses.dataclass
class Service:
    """What the routes share.

    Attributes:
        folder: The study folder, for the images.
        package: The study.
        engine: Its database.
        address: Under which names the server is reached.
        owner_token: The owner's secret.
        asks: How often one session may ask: far more than reading needs.
        guesses: How often one client may come with a wrong secret.
    """

    folder: Path
    package: Package
    engine: Engine
    address: Address
    owner_token: str
    asks: Buckets = dataclasses.field(default_factory=lambda: Buckets(50, 300))
    guesses: Buckets = dataclasses.field(default_factory=lambda: Buckets(1, 100))

    def __post_init__(self) -> None:
        self.store = Store(self.engine, self.package)

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
        """Limit how often a client may try secrets: what is refused inside counts.

        Raises:
            Refused: Too often.
        """
        who = self.client(request)
        self.guesses.spend(who, 0)
        try:
            yield
        except Refused:
            self.guesses.spend(who)
            raise

    def client(self, request: Request) -> str:
        """Return who asks: behind a proxy, whom that proxy saw."""
        if self.address.behind_proxy:
            forwarded = request.headers.get("x-forwarded-for", "")
            if forwarded:
                return forwarded.rsplit(",", 1)[-1].strip()[:64]
        return "unknown" if request.client is None else request.client.host


def service_of(request: Request) -> Service:
    """Return what the routes share."""
    service: Service = request.app.state.service
    return service
