"""What is stored and when, with a clock of the tests' own."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainzoo_quiz.server import admission, overview
from brainzoo_quiz.server.requests import Refused
from brainzoo_quiz.study.package import Settings

from .serving import answer_of, changed
from .stores import AGREED, Study, prepared, refusal


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
    assert answers.reader.years == 3
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
    study.clock.at += 60_000
    study.answer(2, answer=None, timed_out=True, lost_focus=1, reloads=1)
    found = overview.progress(study.store.engine)
    row, other, _ = found["readers"]
    counts = {
        name: row[name] for name in ("answered", "late", "timed_out", "lost_focus", "reloads")
    }
    assert counts == {"answered": 2, "late": 1, "timed_out": 1, "lost_focus": 1, "reloads": 1}
    assert (other["answered"], other["state"], other["seen_at"]) == (0, "invited", None)
    assert found["images"] == 3 * row["images"] == 18
    text = json.dumps(found)
    assert not any(word in text for word in ("truth", "real", 'created"', "token"))


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
    options = changed(Settings(reasons=("blurred",), click=True), **asked)
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
    st.sampled_from(["start", "show", "answer", "finish"]),
    st.dictionaries(
        st.sampled_from([*WRONG, "phase", "kind", "group", "years", "consent", "x"]), JSON
    ),
)
def test_any_content_is_answered_or_refused(study: Study, name: str, content: Any) -> None:
    with contextlib.suppress(Refused):  # anything else would be an error of the server
        getattr(study.store, name)(study.session, content)
