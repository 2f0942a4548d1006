"""An invitation works once, and the database holds no secrets."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from brainzoo_quiz.server import admission

from .stores import Study, refusal


def test_an_invitation_works_once(study: Study) -> None:
    engine, invitation = study.store.engine, study.invitations["R1"]
    admission.expect_invited(engine, invitation)
    cookie = admission.join(engine, invitation, None)
    assert cookie is not None
    assert admission.session_of(engine, cookie) == study.session
    assert refusal(admission.expect_invited, engine, invitation) == (410, "used")
    assert admission.join(engine, invitation, cookie) is None  # a second click
    assert refusal(admission.join, engine, invitation, None) == (410, "used")
    assert refusal(admission.join, engine, invitation, "another") == (410, "used")
    assert refusal(admission.join, engine, "guessed", None) == (404, "not-found")


def test_a_new_invitation_ends_the_old_and_then_the_old_browser(study: Study) -> None:
    engine = study.store.engine
    cookie = admission.join(engine, study.invitations["R1"], None)
    fresh = admission.renew(engine, "R1")
    assert refusal(admission.join, engine, study.invitations["R1"], None) == (404, "not-found")
    assert admission.session_of(engine, str(cookie)) == study.session
    again = admission.join(engine, fresh, None)
    assert admission.session_of(engine, str(cookie)) is None
    assert admission.session_of(engine, str(again)) == study.session
    assert refusal(admission.renew, engine, "R99") == (404, "not-found")


def test_the_database_holds_neither_secrets_nor_truth(study: Study, tmp_path: Path) -> None:
    cookie = admission.join(study.store.engine, study.invitations["R1"], None)
    dump = "\n".join(sqlite3.connect(tmp_path / "answers.sqlite").iterdump())
    key = json.loads((study.folder / "key.json").read_text(encoding="utf-8"))
    for secret in (
        *study.invitations.values(),
        cookie,
        key["salt"],
        "truth",
        "'real'",
        "'created'",
    ):
        assert str(secret) not in dump
    assert (tmp_path / "answers.sqlite").stat().st_mode & 0o077 == 0
