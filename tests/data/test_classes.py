from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainzoo.common.errors import BrainzooError, DataError, OptionError
from brainzoo.data.classes import Expression, assign

ROWS = [
    {"subject": "a", "age": 20.0, "sex": "F", "site": "HH"},
    {"subject": "b", "age": 34.9, "sex": "M", "site": "Guys"},
    {"subject": "c", "age": 50.0, "sex": "F", "site": "HH"},
    {"subject": "d", "age": 71.0, "sex": "M", "site": None},
    {"subject": "e", "age": None, "sex": "F", "site": "HH"},
]


def matching(text: str) -> str:
    return "".join(str(row["subject"]) for row in ROWS if Expression(text).matches(row))


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        ("age < 35", "ab"),
        ("age<=20", "a"),
        ("20 < age <= 50", "bc"),
        ("age > 60 or sex == 'F'", "acde"),
        ("not age < 35", "cd"),
        ("not (age < 35 or age > 60)", "c"),
        ("site in ['HH', 'IOP'] and age > 10", "ac"),
        ("site not in ('HH',)", "b"),
        ("sex != 'F'", "bd"),
        ("age > -1", "abcd"),
        ("  age < 35  ", "ab"),
        ("subject in {'a', 'd'}", "ad"),
        ("site == site", "abce"),
    ],
)
def test_expressions_match(text: str, subjects: str) -> None:
    assert matching(text) == subjects


def test_unknown_is_decided_where_the_rest_decides() -> None:
    assert matching("age < 35 or sex == 'F'") == "abce"
    assert "e" not in matching("age < 35 and sex == 'F'")
    assert "e" not in matching("not (age < 35 and sex == 'F')")
    assert "e" in matching("not (age < 35 and sex == 'M')")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "age",
        "35",
        "age <",
        "age < 35; sex",
        "age = 35",
        "__import__('os').system('true')",
        "age.real < 35",
        "age + 1 < 35",
        "-sex == 'F'",
        "--3 < age",
        "-'3' < age",
        "[x for x in (1, 2)] == 1",
        "(lambda: 1)() < age",
        "age[0] < 3",
        "f'{age}' == '3'",
        "age is None",
        "age < True",
        "age < 1j",
        "age in 35",
        "age in []",
        "sex in 'FM'",
        "age < 35 if sex else age",
        "(x := 3) < 4",
        "a" * 2000,
        "(" * 500 + "age < 3" + ")" * 500,
        "not " * 240 + "age",
        "age < 3\0",
        "age < 0b",
    ],
)
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(OptionError) as error:
        Expression(text)
    assert len(str(error.value).splitlines()) == 1


@settings(max_examples=200)
@given(st.text(alphabet="age sexF<>=!'()[],.:not in or and 0123456789-+*_\n\\", max_size=60))
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    try:
        expression = Expression(text)
        assert isinstance(expression.matches(ROWS[0]), bool)
    except OptionError:
        pass


def logical(lefts: list[str]) -> st.SearchStrategy[str]:
    """Return expressions whose comparisons have one of these on their left."""
    compared = st.builds(
        "{} {} {}".format,
        st.sampled_from(lefts),
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.sampled_from(["age", "weight", "20", "1e3"]),
    )
    texts = ["sex == 'F'", "sex in ('M', 'X')", "1 < age < weight", "sex not in ['F']"]
    return st.recursive(
        compared | st.sampled_from(texts),
        lambda inner: (
            st.builds("({} and {})".format, inner, inner)
            | st.builds("({} or {})".format, inner, inner)
            | st.builds("(not {})".format, inner)
        ),
        max_leaves=8,
    )


@given(
    logical(["age", "weight", "3", "-1.5"]),
    st.floats(-100, 100),
    st.floats(-100, 100),
    st.sampled_from(["F", "M"]),
)
def test_agrees_with_python(text: str, age: float, weight: float, sex: str) -> None:
    row = {"age": age, "weight": weight, "sex": sex}
    assert Expression(text).matches(row) is eval(text, {"__builtins__": {}}, dict(row))


@given(logical(["age", "weight"]))
def test_nothing_known_matches_nothing(text: str) -> None:
    assert not Expression(text).matches({"age": None, "weight": None, "sex": None})


def test_rows_get_their_class_or_none() -> None:
    assert assign(ROWS, {"young": "age < 35", "old": "age > 60"}) == [
        "young",
        "young",
        None,
        "old",
        None,
    ]


@pytest.mark.parametrize(
    ("classes", "kind", "words"),
    [
        ({"x": "agee < 35"}, OptionError, ["no column 'agee'", "Did you mean 'age'", "sex"]),
        ({"x": "sex == F"}, OptionError, ["no column 'F'", "Quote it"]),
        ({"x": "weight < 3"}, OptionError, ["no column 'weight'", "Columns: age, sex, site"]),
        ({"x": "age < 10"}, DataError, ["'x'", "none of 5 scans", "age goes from 20 to 71"]),
        ({"x": "sex == 'f'"}, DataError, ["sex is one of F, M"]),
        ({"x": "age > '3'"}, OptionError, ["text with a number", "'3'", "20"]),
        ({"x": "age < 40", "y": "age > 30"}, DataError, ["overlap", "subject b", "'x'", "'y'"]),
    ],
)
def test_what_makes_no_classes_says_why(
    classes: dict[str, str], kind: type[BrainzooError], words: list[str]
) -> None:
    with pytest.raises(kind) as error:
        assign(ROWS, classes)
    for word in words:
        assert word in str(error.value)


def test_columns_whose_names_are_no_plain_words() -> None:
    rows = [{"ICD-10": "F32.0", "age at scan": 30.0}, {"ICD-10": "F33.1", "age at scan": 50.0}]
    for text in ("{ICD-10} == 'F32.0'", "`ICD-10` == 'F32.0'", "{age at scan} < 40",
                 "{ICD-10} in {'F32.0', '{ICD-10}'}"):  # fmt: skip
        assert assign(rows, {"a": text}) == ["a", None], text
    with pytest.raises(OptionError, match=r"write \{ICD-10\}"):
        assign(rows, {"a": "ICD-10 == 'F32.0'"})
    with pytest.raises(OptionError, match=r"no column 'x'.*\{ICD-10\}"):
        assign(rows, {"a": "x == 'F32.0'"})
