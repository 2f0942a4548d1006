"""Who asks too often or guesses is held up, and nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from brainzoo_quiz.server import running
from brainzoo_quiz.server.address import address
from brainzoo_quiz.server.database import open_database
from brainzoo_quiz.server.limits import Buckets
from brainzoo_quiz.server.preparing import prepare
from brainzoo_quiz.server.requests import Refused
from brainzoo_quiz.server.service import Service

from .serving import Browser, Reply, Running, Site, make_study
from .stores import refusal


def test_who_asks_too_often_waits_and_others_do_not(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    _, package = make_study(folder)
    engine = open_database(str(folder / "answers.sqlite"), create=True)
    invitations = prepare(engine, package, folder)
    with running.listen("127.0.0.1", 0) as listening:
        at = address("127.0.0.1", listening.getsockname()[1])
        slow = Buckets(a_second=0.001, burst=5)
        server = running.server(Service(folder, package, engine, at, "owner", asks=slow))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            one, two = (Browser(at.url).join(f"/join/{invitations[r]}") for r in ("R1", "R2"))
            codes = [one.get("/api/session").status for _ in range(6)]
            assert codes == [200] * 4 + [429] * 2
            found = one.post("/api/show", {"position": 1})
            assert (found.status, found.code) == (429, "too-many")
            assert int(found.headers["retry-after"]) > 60
            assert two.get("/api/session").status == 200
        finally:
            server.should_exit = True
            thread.join(timeout=60)
            engine.dispose()


def guess_until_held_up(browser: Browser) -> Reply:
    """Try invitations until there were too many."""
    for number in range(2000):
        found = browser.ask("POST", f"/join/guess{number}")
        if found.status == 429:
            break
    assert found.status == 429
    return found


def test_who_guesses_is_held_up(site: Site, serve: Callable[..., Running]) -> None:
    server = serve(site.folder)  # of its own: nobody can join while guesses come
    browser = Browser(server.url)
    assert browser.get("/join/guess").status == 404
    assert int(guess_until_held_up(browser).headers["retry-after"]) >= 1
    assert browser.get(server.owner).status == 429
    reader = Browser(server.url, dict(site.reader.cookies))
    assert reader.get("/api/session").status == 200
    browser.close()
    reader.close()


def test_behind_a_proxy_clients_are_told_apart_and_links_are_public(
    tmp_path: Path, serve: Callable[..., Running]
) -> None:
    make_study(tmp_path / "study")
    url = "https://study.example.org"
    server = serve(tmp_path / "study", "--behind-proxy", "--url", url, "--port", "0")
    assert server.owner.startswith(f"{url}/owner/open/")
    inner = next(line for line in server.said().splitlines() if "proxy finds" in line).split()[-1]
    proxy = {"Host": "study.example.org", "Origin": url}
    browser = Browser(f"http://{inner}", headers={**proxy, "X-Forwarded-For": "9.9.9.9, 1.2.3.4"})
    guess_until_held_up(browser)
    browser.headers["X-Forwarded-For"] = "1.2.3.4, 5.6.7.8"
    assert browser.get(server.invitations["R1"]).status == 200
    assert "; Secure" in browser.ask("POST", server.invitations["R1"]).headers["set-cookie"]
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
