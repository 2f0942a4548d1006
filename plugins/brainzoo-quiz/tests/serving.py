"""Studies of noise, the real server in a process of its own, and browsers that click through it."""

from __future__ import annotations

import http.client
import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from brainzoo_quiz.study.key import Case, Key, write_private
from brainzoo_quiz.study.package import (
    ImageShape,
    Package,
    PackagedCase,
    Place,
    Seat,
    Settings,
    write,
)

SIDE = 8


def changed(model: Any, **values: Any) -> Any:
    """Return a copy of a model with other values."""
    return model.model_copy(update=values)


def make_study(
    folder: Path,
    *,
    kind: int = 2,
    repeated: int = 1,
    practice: int = 1,
    readers: int = 3,
    settings: Settings | None = None,
) -> tuple[Key, Package]:
    """Write a study folder of noise: so many test images of either kind."""
    settings = settings or Settings(seconds=600, reasons=("blurred", "noise"), click=True)
    truths = ["real", "created"] * kind
    cases = [
        Case(case=f"c{i:03d}", truth=truth, repeated=i < repeated) for i, truth in enumerate(truths)
    ]
    cases += [Case(case=f"p{i:03d}", truth="created", phase="practice") for i in range(practice)]
    key = Key.new("A quiet study", tuple(cases))
    random = np.random.default_rng(0)
    packaged = tuple(
        PackagedCase(
            case=case.case,
            phase=case.phase,
            images=(secrets.token_hex(16),),
            answer=case.truth if case.phase == "practice" else None,
        )
        for case in cases
    )
    seats = []
    for number in range(readers):
        session = secrets.token_hex(16)
        shown = sorted(key.tokens(session).items(), key=lambda one: one[1][0].phase != "practice")
        order = tuple(Place(token=token, case=case.case) for token, (case, _) in shown)
        seats.append(Seat(reader=f"R{number + 1}", session=session, order=order))
    package = Package(
        study=key.study,
        title=key.title,
        design=key.design,
        commitment=key.commitment,
        preset="default",
        settings=settings,
        image=ImageShape(dims=2, shape=(SIDE, SIDE), spacing_mm=(1.0, 1.0)),
        cases=packaged,
        seats=tuple(seats),
    )
    pixels = {
        image: random.integers(0, 256, SIDE * SIDE, dtype=np.uint8).tobytes()
        for case in packaged
        for image in case.images
    }
    write(package, folder, pixels)
    write_private(folder / "key.json", key.text())
    return key, package


class Running:
    """``brainzoo quiz serve`` on a free port of this machine."""

    def __init__(self, folder: Path, *options: str) -> None:
        port = () if "--port" in options else ("--port", "0")
        self.log = folder / f"log-{secrets.token_hex(4)}.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "brainzoo",
                    "quiz",
                    "serve",
                    folder,
                    *options,
                    *port,
                    "--json",
                ],
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text(encoding="utf-8")
        reply = json.loads(line)
        assert reply["ok"], reply["error"]
        found = reply["data"]
        self.url: str = found["url"]
        self.owner: str = found["owner"]
        self.invitations: dict[str, str] = found["invitations"]
        self.port = urlsplit(self.url).port

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and return its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def said(self) -> str:
        """Return what it wrote to stderr."""
        return self.log.read_text(encoding="utf-8")


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """What an error is called."""
        return str(self.json["error"]["code"])


@dataclass
class Browser:
    """Keeps cookies and the CSRF token as the page does; sends what it is given."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    connection: http.client.HTTPConnection | None = None

    def __del__(self) -> None:
        self.close()

    def ask(
        self,
        method: str,
        address: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        path = urlsplit(address).path
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**({"Cookie": cookies} if cookies else {}), **self.headers, **(headers or {})}
        try:
            response, content = self._send(method, path, body, sent)
        except (OSError, http.client.HTTPException):
            # An idle connection may have ended: try another once, as browsers do.
            response, content = self._send(method, path, body, sent)
        for cookie in response.headers.get_all("set-cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        found = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status, found, content)

    def _send(self, *words: Any) -> tuple[http.client.HTTPResponse, bytes]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=100)
        try:
            self.connection.request(*words)
            response = self.connection.getresponse()
            return response, response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def get(self, address: str, **headers: str) -> Reply:
        return self.ask("GET", address, headers=headers)

    def post(self, address: str, content: Any = None, **headers: str) -> Reply:
        """Post JSON with the CSRF token, as the pages' scripts do."""
        sent = {"Content-Type": "application/json", "X-Quiz-CSRF": self.csrf, **headers}
        return self.ask(
            "POST", address, json.dumps({} if content is None else content).encode(), sent
        )

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def join(self, invitation: str) -> Browser:
        """Use an invitation, and load the session."""
        assert self.ask("POST", invitation).status == 303
        self.csrf = self.get("/api/session").json["csrf"]
        return self

    def start(self) -> Browser:
        found = self.post("/api/start", {"group": "neuroradiologist", "years": 7, "consent": True})
        assert found.status == 200
        return self

    def own(self, link: str) -> Browser:
        """Open the owner's page."""
        assert self.ask("POST", link).status == 303
        page = self.get("/owner").body.decode()
        self.csrf = page.partition('data-csrf="')[2].partition('"')[0]
        return self

    def read_one(self, position: int, **said: Any) -> Reply:
        """Look at an image and answer."""
        token = self.post("/api/show", {"position": position}).json["token"]
        return self.post("/api/answer", answer_of(position, token, **said))


def answer_of(position: int, token: str, **said: Any) -> dict[str, Any]:
    """Return what the page sends."""
    return {
        "position": position,
        "token": token,
        "answer": "real",
        "confidence": 3,
        "response_ms": 1200,
        "timed_out": False,
        "lost_focus": 0,
        "reloads": 0,
        "reasons": [],
        "click": None,
        **said,
    }


@dataclass
class Site:
    """A study that is served, and who may be there."""

    folder: Path
    key: Key
    package: Package
    server: Running
    stranger: Browser
    reader: Browser
    other: Browser
    owner: Browser

    def browser(self) -> Browser:
        return Browser(self.server.url)


def token_of(site: Site, seat: int, position: int) -> str:
    return site.package.seats[seat].order[position - 1].token
