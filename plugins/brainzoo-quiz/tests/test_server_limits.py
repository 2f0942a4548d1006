"""Who asks too often or guesses is held up, and nobody else. No test waits for a real clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from brainzoo_quiz.server import running
from brainzoo_quiz.server.address import address
from brainzoo_quiz.server.admission import prepare
from brainzoo_quiz.server.database import open_database
from brainzoo_quiz.server.requests import Refused
from brainzoo_quiz.server.service import Buckets, Service

from .serving import Browser, make_study
from .stores import refusal


def stopped(burst: int) -> Buckets:
    """Return buckets that never fill again."""
    return Buckets(a_second=0.001, burst=burst, clock=lambda: 0.0)


@contextmanager
def serving(
    folder: Path, *, public: str | None = None, **limits: Buckets
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Serve a study in a thread; yield where it listens, what links start with, and invitations."""
    _, package = make_study(folder)
    engine = open_database(str(folder / "answers.sqlite"), create=True)
    invitations = prepare(engine, package, folder)
    with running.listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        at = address("127.0.0.1", port, url=public, behind_proxy=public is not None)
        own = {"folder": folder, "address": at, "owner_token": "owner", **limits}
        server = running.server(Service(engine, package, **own))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}", at.url, invitations
        finally:
            server.should_exit = True
            thread.join()
            engine.dispose()


def test_who_asks_too_often_waits_and_others_do_not(tmp_path: Path) -> None:
    with serving(tmp_path / "study", asks=stopped(5)) as (url, _, invitations):
        one, two = (Browser(url).join(f"/join/{invitations[r]}") for r in ("R1", "R2"))
        codes = [one.get("/api/session").status for _ in range(6)]
        assert codes == [200] * 4 + [429] * 2
        found = one.post("/api/show", {"position": 1})
        assert (found.status, found.code) == (429, "too-many")
        assert int(found.headers["retry-after"]) > 60
        assert two.get("/api/session").status == 200
        one.close()
        two.close()


def test_who_guesses_is_held_up(tmp_path: Path) -> None:
    with serving(tmp_path / "study", guesses=stopped(3)) as (url, _, invitations):
        reader, stranger = Browser(url).join(f"/join/{invitations['R1']}"), Browser(url)
        codes = [stranger.ask("POST", f"/join/guess{number}").status for number in range(4)]
        assert codes == [404] * 3 + [429]
        assert stranger.get("/owner/open/owner").status == 429
        assert reader.get("/api/session").status == 200
        reader.close()
        stranger.close()


def test_behind_a_proxy_clients_are_told_apart_and_links_are_public(tmp_path: Path) -> None:
    public = "https://study.example.org"
    with serving(tmp_path / "study", public=public, guesses=stopped(3)) as (url, link, invitations):
        assert link == public
        browser = Browser(url, headers={"Host": "study.example.org", "Origin": public})
        browser.headers["X-Forwarded-For"] = "9.9.9.9, 1.2.3.4"
        codes = [browser.ask("POST", f"/join/guess{number}").status for number in range(4)]
        assert codes == [404] * 3 + [429]
        browser.headers["X-Forwarded-For"] = "1.2.3.4, 5.6.7.8"
        found = browser.ask("POST", f"/join/{invitations['R1']}")
        assert found.status == 303
        assert "; Secure" in found.headers["set-cookie"]
        browser.close()


def test_a_bucket_fills_again_and_others_are_not_held_up() -> None:
    now = [0.0]
    buckets = Buckets(0.5, 2, clock=lambda: now[0])
    for _ in range(2):
        buckets.spend("one")
    with pytest.raises(Refused) as error:
        buckets.spend("one")
    assert (error.value.status, error.value.wait_seconds) == (429, 2)
    buckets.spend("two")
    now[0] = 2.0
    buckets.spend("one")
    assert refusal(buckets.spend, "one", 0) == (429, "too-many")
