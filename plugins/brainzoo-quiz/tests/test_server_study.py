"""A whole study against the real server, with its sudden end in the middle."""

from __future__ import annotations

import http.client
import json
import random
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from brainzoo.cli import main
from brainzoo_quiz.server.database import open_database
from brainzoo_quiz.server.overview import read_answers
from brainzoo_quiz.study.answers import Answers
from brainzoo_quiz.study.key import Key
from brainzoo_quiz.study.package import Settings

from .postgres import Cluster
from .serving import Browser, Reply, Running, answer_of, make_study

READERS, IMAGES = 10, 20
Said = dict[tuple[str, int], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database; SQLite's in memory where that can be, for thousands of flushes."""
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        yield cluster.database()
        return
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield str(Path(folder) / "answers.sqlite")


def stored(database: str) -> list[Answers]:
    engine = open_database(database, read_only=True)
    try:
        return read_answers(engine)
    finally:
        engine.dispose()


class Crowd:
    """Readers at once. When the server dies they wait for the next and send again what was open."""

    def __init__(self, server: Running) -> None:
        self.changed = threading.Condition()
        self.server: Running | None = server
        self.said: Said = {}
        self.confirmed: set[tuple[str, int]] = set()
        self.failures: list[str] = []

    def patiently(self, work: Callable[[], Reply]) -> Reply:
        """Ask until a living server answers."""
        for _ in range(20):
            with self.changed:
                assert self.changed.wait_for(lambda: self.server is not None, timeout=120)
            try:
                return work()
            except (OSError, http.client.HTTPException):
                continue
        raise AssertionError("no server answered")

    def read(self, reader: str, browser: Browser) -> None:
        choose = random.Random(reader)
        try:
            for position in range(1, IMAGES + 1):
                shown = self.patiently(
                    lambda p=position: browser.post("/api/show", {"position": p})
                )
                word = choose.choice(["real", "created"])
                sent = answer_of(position, shown.json["token"], answer=word, response_ms=position)
                with self.changed:
                    self.said[reader, position] = word
                for _ in range(2):
                    found = self.patiently(lambda s=sent: browser.post("/api/answer", s))
                    assert found.json["stored"], found.body
                with self.changed:
                    self.confirmed.add((reader, position))
                    self.changed.notify_all()
            assert self.patiently(lambda: browser.post("/api/finish")).status == 200
        except Exception as error:
            with self.changed:
                self.failures.append(f"{reader}: {error!r}")
                self.changed.notify_all()
        finally:
            browser.close()


def test_readers_at_once_send_each_answer_twice_and_a_kill_loses_none(
    database: str, tmp_path: Path, serve: Callable[..., Running]
) -> None:
    folder = tmp_path / "study"
    key, _ = make_study(
        folder, kind=9, repeated=1, practice=1, readers=READERS, settings=Settings(seconds=600)
    )
    server = serve(folder, "--database", database)
    crowd = Crowd(server)
    browsers = {
        reader: Browser(server.url).join(link).start()
        for reader, link in server.invitations.items()
    }
    threads = [threading.Thread(target=crowd.read, args=one) for one in browsers.items()]
    for thread in threads:
        thread.start()
    with crowd.changed:
        half = READERS * IMAGES // 2
        assert crowd.changed.wait_for(
            lambda: len(crowd.confirmed) >= half or crowd.failures, timeout=400
        )
        crowd.server = None
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        confirmed = set(crowd.confirmed)
    kept = {(one.reader.id, a.position): a.answer for one in stored(database) for a in one.answers}
    assert confirmed <= set(kept)
    server = serve(folder, "--database", database, "--port", str(server.port))
    with crowd.changed:
        crowd.server = server
        crowd.changed.notify_all()
    for thread in threads:
        thread.join(timeout=400)
    assert not crowd.failures
    owner = Browser(server.url).own(server.owner)
    assert owner.get("/owner/api/progress").json["answered"] == READERS * IMAGES
    assert owner.post("/owner/api/close").status == 200
    owner.close()
    assert server.stop() == 0
    assert "every answer is stored" in server.said()
    found = {(one.reader.id, a.position): a.answer for one in stored(database) for a in one.answers}
    assert len(found) == READERS * IMAGES
    assert found == crowd.said
    _expect_scored(database, folder / "key.json", key, stored(database))


def _expect_scored(database: str, path: Path, key: Key, sessions: list[Answers]) -> None:
    """Score the database as its owner does, and count one reader by hand."""
    words = ["quiz", "score", "--database", database, "--key", str(path), "--json"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.stderr
    rows = {row["reader"]: row for row in json.loads(result.stdout)["data"]["readers"]}
    assert set(rows) == {session.reader.id for session in sessions}
    assert len(rows) == READERS
    tokens = key.tokens(sessions[7].session)
    right = sum(
        answer.answer == case.truth
        for answer in sessions[7].answers
        for case, showing in [tokens[answer.token]]
        if case.phase == "test" and showing == 1
    )
    assert rows[sessions[7].reader.id]["accuracy"]["value"] == pytest.approx(right / 18)
    assert "not closed" not in result.stderr
