"""Answers are stored once, survive failures, and leave as readers would send them."""

from __future__ import annotations

import csv
import io
import sqlite3
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

from brainzoo_quiz.study.answers import Answers

from .serving import Browser, Running, Site, answer_of, make_study, token_of


def test_answers_leave_as_the_files_that_readers_would_send(site: Site, tmp_path: Path) -> None:
    said = {"answer": "created", "reasons": ["blurred", "noise"], "click": [0, 10_000]}
    site.reader.read_one(1, **said, lost_focus=2, reloads=1)
    site.reader.read_one(2, answer=None, confidence=None, timed_out=True)
    found = site.owner.get("/owner/answers.zip")
    assert found.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(found.body))
    sessions = [Answers.parse(archive.read(name).decode()) for name in archive.namelist()]
    assert {session.reader.id for session in sessions} >= {"R1", "R2"}
    (mine,) = (session for session in sessions if session.reader.id == "R1")
    assert (mine.study, mine.commitment) == (site.key.study, site.key.commitment)
    assert (mine.reader.group, mine.reader.years, mine.finished_at) == ("neuroradiologist", 7, None)
    first, second = mine.answers
    assert (first.answer, first.reasons, first.click) == (
        "created",
        ("blurred", "noise"),
        (0, 10_000),
    )
    assert (first.token, first.phase, first.lost_focus) == (token_of(site, 0, 1), "practice", 2)
    assert (second.answer, second.timed_out, second.phase) == (None, True, "test")
    table = csv.DictReader(io.StringIO(site.owner.get("/owner/answers.csv").body.decode()))
    assert [row["answer"] for row in table if row["reader"] == "R1"] == ["created", ""]
    assert site.owner.get("/owner/answers.zip").body == found.body


def test_one_answer_is_stored_of_many_at_once(site: Site) -> None:
    token = site.other.post("/api/show", {"position": 1}).json["token"]
    found: list[bool] = []

    def send(word: str) -> None:
        browser = Browser(site.server.url, dict(site.other.cookies), site.other.csrf)
        found.append(
            browser.post("/api/answer", answer_of(1, token, answer=word)).json["duplicate"]
        )
        browser.close()

    threads = [threading.Thread(target=send, args=(w,)) for w in ["real", "created"] * 6]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(found) == [False] + [True] * 11


def test_closing_is_final_and_survives_a_restart(
    tmp_path: Path, serve: Callable[..., Running]
) -> None:
    make_study(tmp_path / "study")
    server = serve(tmp_path / "study")
    reader = Browser(server.url).join(server.invitations["R1"]).start()
    assert reader.read_one(1).json["stored"]
    assert server.stop() == 0
    assert "The same command goes on" in server.said()
    server = serve(tmp_path / "study")
    assert server.invitations == {}
    reader.url = server.url
    reader.close()
    assert reader.get("/api/session").json["next"] == 2
    owner = Browser(server.url).own(server.owner)
    assert owner.post("/owner/api/close").status == 200
    assert (reader.post("/api/show", {"position": 2}).code) == "closed"
    assert reader.get("/api/session").json["closed"]
    assert b"Closed" in owner.get("/owner").body
    assert owner.get("/owner/api/progress").json["answered"] == 1
    reader.close()
    owner.close()


def test_a_database_that_fails_costs_no_answer_and_the_log_says_where(
    tmp_path: Path, serve: Callable[..., Running]
) -> None:
    make_study(tmp_path / "study")
    server = serve(tmp_path / "study")
    reader = Browser(server.url).join(server.invitations["R1"]).start()
    token = reader.post("/api/show", {"position": 1}).json["token"]
    database = sqlite3.connect(tmp_path / "study" / "answers.sqlite")
    database.execute("ALTER TABLE trial RENAME TO away")
    found = reader.post("/api/answer", answer_of(1, token))
    assert (found.status, found.code) == (503, "database")
    assert reader.get("/read").status == 200
    database.execute("ALTER TABLE away RENAME TO trial")
    database.close()
    assert reader.post("/api/answer", answer_of(1, token)).json == {
        "stored": True,
        "duplicate": False,
        "answer": "created",
    }
    said = server.said()
    assert "answer failed: OperationalError at store.py:" in said
    assert token not in said
    assert "SELECT" not in said
