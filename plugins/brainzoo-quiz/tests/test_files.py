"""Key and answers files: what belongs together is read back; anything else is one clear line."""

import csv
import io
import json
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainzoo.common.errors import BrainzooError, DataError, ExistsError, IntegrityError
from brainzoo_quiz.statistics.trials import join
from brainzoo_quiz.study.answers import Answer, Answers, Reader, to_csv
from brainzoo_quiz.study.key import Key, write_private

from .conftest import MOMENT, make_answers, make_key, resealed
from .serving import changed

HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
WORDS = st.text(min_size=1, max_size=20).filter(lambda t: t.isprintable() and bool(t.strip()))
PRINTABLE = WORDS | st.builds("{}{}".format, st.sampled_from("=+-@'"), WORDS)
WHOLE = st.integers(0, 10**6)
ANSWER = st.builds(
    Answer,
    position=st.just(1),
    token=HEX,
    phase=st.sampled_from(["practice", "test"]),
    answer=st.sampled_from([None, "real", "created", "first", "second"]),
    confidence=st.none() | st.integers(1, 5),
    response_ms=st.none() | WHOLE,
    shown_at=st.sampled_from([None, MOMENT]),
    timed_out=st.booleans(),
    lost_focus=WHOLE,
    reloads=WHOLE,
    reasons=st.lists(PRINTABLE.filter(lambda t: ";" not in t), max_size=3).map(tuple),
    click=st.none() | st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)),
)
SESSION = st.builds(
    Answers,
    study=HEX,
    commitment=HEX.map(lambda text: 2 * text),
    session=HEX,
    reader=st.builds(
        Reader,
        id=PRINTABLE,
        group=st.just("") | PRINTABLE,
        years=st.none() | st.integers(0, 100),
    ),
    started_at=st.just(MOMENT),
    finished_at=st.sampled_from([None, MOMENT]),
    answers=ANSWER.map(lambda answer: (answer,)),
)


@settings(max_examples=60, deadline=None)
@given(SESSION)
def test_json_comes_back_as_it_was(session):
    assert Answers.parse(session.text()) == session


def test_no_word_of_a_reader_becomes_a_formula():
    session = make_answers(make_key())
    formula = '=HYPERLINK("http://a.example","b")'
    answers = (changed(session.answers[0], reasons=("blur", "@SUM(A1)")),)
    reader = Reader(id="-2+3", group=formula, years=1)
    session = changed(session, reader=reader, answers=answers)
    row = next(csv.DictReader(io.StringIO(to_csv([session]))))
    assert [row["reader"], row["group"], row["reasons"]] == [
        "'-2+3",
        f"'{formula}",
        "blur;'@SUM(A1)",
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda c: (
            st.lists(c)
            | st.dictionaries(st.sampled_from(["kind", "schema", "study", "answers", "digest"]), c)
        ),
        max_leaves=6,
    )
)
def test_any_other_json_is_one_line(content):
    with pytest.raises(BrainzooError) as caught:
        Answers.parse(json.dumps(content))
    assert "\n" not in str(caught.value)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_an_edit_anywhere_is_noticed(data):
    session = make_answers(make_key(), session="5" * 32)
    text = session.text()
    at = data.draw(st.integers(0, len(text) - 1))
    edited = text[:at] + data.draw(st.sampled_from('0a",}x7')) + text[at + 1 :]
    try:
        assert Answers.parse(edited) == session  # white space, or the same character
    except (DataError, IntegrityError) as error:
        assert "\n" not in str(error)  # noqa: PT017 (either outcome is right)


def test_a_changed_answer_is_an_edited_file():
    content = make_answers(make_key()).content()
    content["answers"][0]["confidence"] = 5
    with pytest.raises(IntegrityError, match="edited after it was saved"):
        Answers.parse(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda c: c.pop("session"), "session is missing"),
        (lambda c: c.update(truth="real"), "truth is unknown"),
        (lambda c: c["answers"][1].update(confidence=6), "answers.1.confidence is 6"),
        (lambda c: c["answers"][0].update(answer="maybe"), "answers.0.answer is 'maybe'"),
        (lambda c: c["answers"][0].update(timed_out=1), "timed_out is 1"),
        (lambda c: c["answers"].append(c["answers"][0]), "the same position"),
        (lambda c: c["reader"].update(id="a\nb"), "reader.id"),
        (lambda c: c.update(kind="a letter"), "is not a brainzoo quiz answers file"),
        (lambda c: c.update(schema=2), "schema 2; this version reads 1"),
    ],
)
def test_what_is_wrong_is_said(change, line):
    content = make_answers(make_key()).content()
    change(content)
    with pytest.raises(BrainzooError) as caught:
        Answers.parse(resealed(content), "a.json")
    assert line in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1.5}', '{"a": NaN}', '{"a": 1, "a": 1}', ""])
def test_what_is_no_answers_file(text):
    with pytest.raises(DataError, match=r"a\.json is not a brainzoo quiz answers file"):
        Answers.parse(text, "a.json")


def test_a_key_is_for_its_owner_and_is_never_overwritten(tmp_path):
    key = make_key()
    write_private(tmp_path / "key.json", key.text())
    assert stat.S_IMODE((tmp_path / "key.json").stat().st_mode) == 0o600
    assert Key.read(tmp_path / "key.json") == key
    with pytest.raises(ExistsError, match="exists already"):
        write_private(tmp_path / "key.json", key.text())


def test_a_key_cannot_change_its_mind(tmp_path):
    content = make_key().content()
    content["cases"][0]["truth"] = "created"
    (tmp_path / "key.json").write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match="was edited"):
        Key.read(tmp_path / "key.json")


def test_tokens_tell_nothing_and_differ_by_session_and_showing():
    key = make_key(kind=3, repeated=2)
    first, second = key.tokens("1" * 32), key.tokens("2" * 32)
    assert len(first) == 6 + 2 + 1
    assert not set(first) & set(second)
    assert all(len(token) == 32 and set(token) <= set("0123456789abcdef") for token in first)
    assert Key.new(key.title, key.cases).commitment != key.commitment  # salted


def test_answers_of_another_study():
    with pytest.raises(DataError, match=r"reader 'R1' are of another study"):
        join(make_key(), [make_answers(make_key())])


def test_a_wrong_key():
    key = make_key()
    other = changed(key, salt="ab" * 32)
    with pytest.raises(IntegrityError, match="wrong key"):
        join(other, [make_answers(key)])


def test_a_duplicate_reader():
    key = make_key()
    twice = [make_answers(key), make_answers(key, session="7" * 32)]
    with pytest.raises(DataError, match="reader 'R1' is in 2"):
        join(key, twice)
    with pytest.raises(DataError, match="one session a reader"):
        join(key, [twice[0], twice[0]])


def test_an_unknown_case():
    key = make_key()
    content = make_answers(key).content()
    content["answers"][3]["token"] = "f" * 32
    session = Answers.parse(resealed(content))
    with pytest.raises(DataError, match="an unknown case at position 4"):
        join(key, [session])


def test_missing_cases_are_an_error_once_the_session_is_finished():
    key = make_key()
    content = make_answers(key).content()
    content["answers"] = content["answers"][:5]
    with pytest.raises(DataError, match=r"lack 9 of the study's test cases"):
        join(key, [Answers.parse(resealed(content))])
    content["finished_at"] = None
    assert join(key, [Answers.parse(resealed(content))]).said.shape == (1, 12)
