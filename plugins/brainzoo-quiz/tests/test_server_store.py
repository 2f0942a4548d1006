"""What is stored and when, with a clock of the tests' own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainzoo.cli import main
from brainzoo.errors import OptionError
from brainzoo_quiz.package import Settings, write
from brainzoo_quiz.server import admission, overview
from brainzoo_quiz.server.address import address, expect_sound
from brainzoo_quiz.server.database import open_database
from brainzoo_quiz.server.limits import Buckets
from brainzoo_quiz.server.preparing import prepare
from brainzoo_quiz.server.refusals import Refused
from brainzoo_quiz.server.store import Store

from .postgres import Cluster
from .serving import answer_of, make_study

AGREED = {"group": "radiologist", "years": 3, "consent": True}


class Clock:
    def __init__(self) -> None:
        self.at = 1_800_000_000_000

    def __call__(self) -> int:
        return self.at


@dataclasses.dataclass
class Study:
    store: Store
    clock: Clock
    session: str
    invitations: dict[str, str]
    folder: Path

    def show(self, position: int) -> Any:
        return self.store.show(self.session, {"position": position})

    def answer(self, position: int, **said: Any) -> Any:
        token = self.store.package.seats[0].order[position - 1].token
        return self.store.answer(self.session, answer_of(position, token, **said))


def prepared(folder: Path, database: str, **options: Any) -> Study:
    _, package = make_study(folder, **options)
    engine = open_database(database, create=True)
    invitations = prepare(engine, package, folder)
    clock = Clock()
    store = Store(engine, package, clock)
    return Study(store, clock, package.seats[0].session, invitations, folder)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    settings = Settings(seconds=10, reasons=("blurred",), click=True)
    found = prepared(tmp_path / "study", str(tmp_path / "answers.sqlite"), settings=settings)
    found.store.start(found.session, AGREED)
    yield found
    found.store.engine.dispose()


def refusal(work: Any, *words: Any, **said: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as error:
        work(*words, **said)
    return error.value.status, error.value.code


def test_the_time_of_an_image_goes_on_while_nobody_looks(study: Study) -> None:
    assert study.show(1)["remaining_ms"] == 10_000
    study.clock.at += 6_500
    assert study.show(1)["remaining_ms"] == 3_500
    token = study.show(1)["token"]
    assert study.store.image(study.session, token, 0)
    study.clock.at += 3_500
    assert study.show(1)["remaining_ms"] == 0
    assert refusal(study.store.image, study.session, token, 0) == (410, "over")
    study.clock.at += 3_600_000
    assert study.show(1)["remaining_ms"] == 0
    assert study.answer(1, answer=None, timed_out=True)["stored"]


def test_an_untimed_image_stays(tmp_path: Path) -> None:
    study = prepared(tmp_path / "s", str(tmp_path / "a.sqlite"), settings=Settings(seconds=None))
    study.store.start(study.session, AGREED)
    shown = study.show(1)
    study.clock.at += 10**9
    assert shown["remaining_ms"] is study.show(1)["remaining_ms"] is None
    assert study.store.image(study.session, shown["token"], 0)
    study.store.engine.dispose()


def test_the_first_answer_stays_and_nothing_can_be_looked_at_again(study: Study) -> None:
    token = study.show(1)["token"]
    assert not study.answer(1, answer="real")["duplicate"]
    assert study.answer(1, answer="created")["duplicate"]
    (answers,) = overview.read_answers(study.store.engine)
    assert [answer.answer for answer in answers.answers] == ["real"]
    assert refusal(study.show, 1) == (409, "out-of-order")
    assert refusal(study.store.image, study.session, token, 0) == (410, "over")


def test_nobody_looks_ahead(study: Study) -> None:
    assert refusal(study.show, 2) == (409, "out-of-order")
    assert refusal(study.answer, 1) == (409, "not-shown")
    token = study.store.package.seats[0].order[0].token
    assert refusal(study.store.image, study.session, token, 0) == (404, "not-found")
    study.show(1)
    other = study.store.package.seats[1].session
    assert refusal(study.store.image, other, token, 0) == (404, "not-found")
    assert refusal(study.store.image, study.session, token, 1) == (404, "not-found")


def test_nothing_is_shown_before_the_reader_agreed(study: Study) -> None:
    other = study.store.package.seats[1].session
    assert refusal(study.store.show, other, {"position": 1}) == (409, "not-started")
    without = {**AGREED, "consent": False}
    assert refusal(study.store.start, other, without) == (400, "bad-request")


def test_practice_tells_its_answer_and_the_test_never(study: Study) -> None:
    study.show(1)
    assert study.answer(1)["answer"] == "created"
    assert study.answer(1)["answer"] == "created"  # sent again
    study.show(2)
    assert study.answer(2) == {"stored": True, "duplicate": False}


def test_what_is_done_twice_counts_once(study: Study) -> None:
    first = study.store.start(study.session, {**AGREED, "years": 40})
    study.clock.at += 5000
    assert study.store.start(study.session, AGREED) == first
    assert refusal(study.store.finish, study.session, {}) == (409, "unfinished")
    total = len(study.store.package.seats[0].order)
    for position in range(1, total + 1):
        study.show(position)
        study.answer(position)
    done = study.store.finish(study.session, {})
    study.clock.at += 5000
    assert study.store.finish(study.session, {}) == done
    (answers,) = overview.read_answers(study.store.engine)
    assert answers.years == 3
    assert answers.finished_at == done["finished_at"]
    assert study.store.page(study.session)["next"] is None


def test_a_closed_study_takes_nothing_more(study: Study) -> None:
    study.show(1)
    study.answer(1)
    study.show(2)
    at = admission.close(study.store.engine)
    assert admission.close(study.store.engine) == at
    assert refusal(study.answer, 2) == (409, "closed")
    assert study.answer(1)["duplicate"]
    for work, content in (
        (study.store.show, {"position": 2}),
        (study.store.start, AGREED),
        (study.store.event, {"position": 2, "kind": "blur"}),
        (study.store.finish, {}),
    ):
        assert refusal(work, study.session, content) == (409, "closed")
    assert refusal(admission.join, study.store.engine, study.invitations["R2"], None)[1] == "closed"
    assert refusal(admission.renew, study.store.engine, "R2")[1] == "closed"
    assert study.store.page(study.session)["closed"]
    (answers,) = overview.read_answers(study.store.engine)
    assert (len(answers.answers), answers.finished_at) == (1, None)


def test_who_answered_everything_before_the_end_has_finished(study: Study) -> None:
    for position in range(1, len(study.store.page(study.session)["trials"]) + 1):
        study.show(position)
        study.answer(position)
    admission.close(study.store.engine)
    done = study.store.finish(study.session, {})
    (answers,) = overview.read_answers(study.store.engine)
    assert answers.finished_at == done["finished_at"]


def test_the_owner_sees_how_far_readers_are_and_who_was_late(study: Study) -> None:
    study.show(1)
    study.clock.at += 60_000
    study.answer(1)
    study.show(2)
    study.store.event(study.session, {"position": 2, "kind": "blur"})
    study.store.event(study.session, {"position": 2, "kind": "reload"})
    study.clock.at += 60_000
    study.answer(2, answer=None, timed_out=True)
    found = overview.progress(study.store.engine)
    row, other, _ = found["readers"]
    counts = {
        name: row[name] for name in ("answered", "late", "timed_out", "lost_focus", "reloads")
    }
    assert counts == {"answered": 2, "late": 1, "timed_out": 1, "lost_focus": 1, "reloads": 1}
    assert (other["answered"], other["state"], other["seen_at"]) == (0, "invited", None)
    assert found["images"] == 3 * row["images"] == 18
    told = json.dumps(found)
    assert not any(word in told for word in ("truth", "real", 'created"', "token"))


WRONG: dict[str, list[Any]] = {
    "answer": ["first", None, 1, "REAL", ""],
    "confidence": [0, 6, 2.5, "3", True],
    "response_ms": [-1, 1.5, "9", 10**12],
    "timed_out": [None, 1, "no"],
    "lost_focus": [-1, None],
    "reasons": [["ugly"], "blurred", None, ["blurred"] * 30],
    "click": [[1], [0, 10_001], [1, 2, 3], "1,2"],
    "position": [0, "1", None, 10**9],
    "token": ["", "0" * 31, None, "G" * 32],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in WRONG.items() for v in vs])
def test_an_answer_that_no_file_could_hold_is_refused(study: Study, name: str, value: Any) -> None:
    study.show(1)
    token = study.store.package.seats[0].order[0].token
    content = {**answer_of(1, token), name: value}
    assert refusal(study.store.answer, study.session, content) == (400, "bad-request")
    assert study.store.page(study.session)["next"] == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"confidence": False}, {"confidence": 3}),
        ({"reasons": ()}, {"confidence": None, "reasons": ["blurred"]}),
        ({"click": False}, {"click": [1, 2]}),
        ({"seconds": None}, {"timed_out": True}),
    ],
)
def test_what_the_study_does_not_ask_is_refused(
    tmp_path: Path, asked: dict[str, Any], said: dict[str, Any]
) -> None:
    options = dataclasses.replace(Settings(reasons=("blurred",), click=True), **asked)
    study = prepared(tmp_path / "s", str(tmp_path / "a.sqlite"), settings=options)
    study.store.start(study.session, AGREED)
    study.show(1)
    assert refusal(study.answer, 1, **said) == (400, "bad-request")
    study.store.engine.dispose()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(["start", "show", "answer", "event", "finish"]),
    st.dictionaries(
        st.sampled_from([*WRONG, "phase", "kind", "group", "years", "consent", "x"]), JSON
    ),
)
def test_any_content_is_answered_or_refused(study: Study, name: str, content: Any) -> None:
    with contextlib.suppress(Refused):  # anything else would be an error of the server
        getattr(study.store, name)(study.session, content)


def test_an_invitation_works_once(study: Study) -> None:
    engine, invitation = study.store.engine, study.invitations["R1"]
    assert admission.invited(engine, invitation)
    cookie = admission.join(engine, invitation, None)
    assert cookie is not None
    assert admission.session_of(engine, cookie) == study.session
    assert not admission.invited(engine, invitation)
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


def serve(*words: object) -> tuple[int, str]:
    """Run the command where it fails before it serves."""
    found = CliRunner().invoke(main, ["quiz", "serve", *map(str, words), "--port", "0"])
    assert found.stderr.count("\n") == 1, found.stderr
    return found.exit_code, found.stderr


def test_a_database_of_something_else_is_one_line(tmp_path: Path) -> None:
    one = prepared(tmp_path / "one", str(tmp_path / "one.sqlite"))
    one.store.engine.dispose()
    make_study(tmp_path / "two")
    code, said = serve(tmp_path / "two", "--database", tmp_path / "one.sqlite")
    assert code == 9
    assert "holds another study" in said
    (tmp_path / "garbage.sqlite").write_bytes(b"no database at all" * 100)
    code, said = serve(tmp_path / "two", "--database", tmp_path / "garbage.sqlite")
    assert code == 9
    assert "not a database" in said
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute("CREATE TABLE patients (name)")
    connection.close()
    code, said = serve(tmp_path / "two", "--database", tmp_path / "other.sqlite")
    assert code == 9
    assert "holds other tables" in said
    code, said = serve(tmp_path / "two", "--database", tmp_path / "nowhere" / "x.sqlite")
    assert code == 3
    code, said = serve(tmp_path / "two", "--database", "mysql://me:hidden@here/x")
    assert code == 2
    assert "hidden" not in said


def test_scoring_another_studys_database_is_one_line(tmp_path: Path) -> None:
    one = prepared(tmp_path / "one", str(tmp_path / "one" / "answers.sqlite"))
    one.store.start(one.session, AGREED)
    one.show(1)
    one.answer(1)
    one.store.engine.dispose()
    make_study(tmp_path / "two")
    words = ["quiz", "score", "--database", str(tmp_path / "one")]
    found = CliRunner().invoke(main, [*words, "--key", str(tmp_path / "two" / "key.json")])
    assert found.exit_code == 9
    assert "are of another study" in found.stderr
    empty = str(tmp_path / "empty.sqlite")
    sqlite3.connect(empty).close()
    found = CliRunner().invoke(main, [*words[:-1], empty, "--key", str(tmp_path / "x")])
    assert found.exit_code == 9
    assert "holds no study" in found.stderr


def test_a_study_that_was_changed_is_not_served_on(tmp_path: Path) -> None:
    one = prepared(tmp_path / "one", str(tmp_path / "one" / "answers.sqlite"))
    one.store.engine.dispose()
    image = next((tmp_path / "one" / "server" / "images").iterdir())
    pixels = image.read_bytes()
    image.write_bytes(bytes(len(pixels)))
    code, said = serve(tmp_path / "one")
    assert code == 6
    assert "is not as it was" in said
    image.write_bytes(pixels)
    seats = one.store.package.seats
    first, second, third, *others = seats[0].order
    changed = (dataclasses.replace(seats[0], order=(first, third, second, *others)), *seats[1:])
    write(dataclasses.replace(one.store.package, seats=changed), tmp_path / "one")
    assert serve(tmp_path / "one")[0] == 6


def test_postgresql_that_refuses_is_one_line_without_the_password(
    tmp_path: Path, postgresql: Cluster
) -> None:
    make_study(tmp_path / "one")
    for url, why in (
        (postgresql.url("postgres", "wrong-one"), "password authentication failed"),
        (postgresql.url("nowhere"), "does not exist"),
        ("postgresql://me:wrong-one@127.0.0.1:1/x", "127.0.0.1"),
    ):
        code, said = serve(tmp_path / "one", "--database", url)
        assert code == 5
        assert why in said
        assert "wrong-one" not in said


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


def test_addresses_behind_a_proxy_and_with_tls() -> None:
    here = address("127.0.0.1", 8765)
    assert here.url == "http://127.0.0.1:8765"
    assert here.hosts == {"127.0.0.1:8765", "localhost:8765", "[::1]:8765"}
    assert not here.secure
    there = address("127.0.0.1", 8765, url="https://Study.example.org/", behind_proxy=True)
    assert there.url == "https://study.example.org"
    assert "study.example.org" in there.hosts
    assert there.url in there.origins
    assert there.secure
    spelt = address("127.0.0.1", 8765, url="https://study.example.org:443", behind_proxy=True)
    assert spelt == there  # browsers leave the port out
    own = address("study.example.org", 443, tls=True)
    assert own.url == "https://study.example.org"


@pytest.mark.parametrize(
    ("host", "options"),
    [
        ("0.0.0.0", {}),
        ("192.168.1.5", {}),
        ("0.0.0.0", {"cert": Path("c"), "key": Path("k")}),
        ("127.0.0.1", {"cert": Path("c")}),
        ("127.0.0.1", {"behind_proxy": True}),
        ("127.0.0.1", {"behind_proxy": True, "url": "http://study.example.org"}),
        ("127.0.0.1", {"url": "https://study.example.org"}),
        ("127.0.0.1", {"behind_proxy": True, "url": "https://study.example.org/path"}),
        ("127.0.0.1", {"behind_proxy": True, "url": "study.example.org"}),
        ("127.0.0.1", {"behind_proxy": True, "url": "https://[study"}),
        ("127.0.0.1", {"behind_proxy": True, "url": "https://study.example.org:port"}),
    ],
)
def test_options_that_would_not_be_safe_are_refused(host: str, options: dict[str, Any]) -> None:
    given = {"url": None, "cert": None, "key": None, "behind_proxy": False, **options}
    with pytest.raises(OptionError):
        expect_sound(host, **given)


def test_a_port_that_is_taken_and_a_broken_certificate_are_one_line(tmp_path: Path) -> None:
    make_study(tmp_path / "one")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [str(tmp_path / "one"), "--port", str(taken.getsockname()[1])]
        found = CliRunner().invoke(main, ["quiz", "serve", *words])
    assert found.exit_code == 2
    assert "is taken" in found.stderr
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("no PEM", encoding="utf-8")
    tls = ("--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem")
    assert serve(tmp_path / "one", *tls)[0] == 9
    assert serve(tmp_path / "one", *tls[:3], tmp_path / "none.pem")[0] == 3
    assert serve(tmp_path / "nothing")[0] == 3
