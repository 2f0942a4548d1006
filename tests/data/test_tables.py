from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainzoo.common.errors import DataError
from brainzoo.data.tables import MISSING, TEXT_COLUMNS, read_table, table_text

ANY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def table(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_numbers_text_and_missing_values(tmp_path: Path) -> None:
    path = table(tmp_path, "participant_id,age,sex,note\n01,35.5,F,\n02,n/a,M,a b\n\n03,40\n")
    assert read_table(path) == [
        {"participant_id": "01", "age": 35.5, "sex": "F", "note": None},
        {"participant_id": "02", "age": None, "sex": "M", "note": "a b"},
        {"participant_id": "03", "age": 40.0, "sex": None, "note": None},
    ]


def test_a_column_with_one_word_stays_text(tmp_path: Path) -> None:
    rows = read_table(table(tmp_path, "code\n1\n2\nx\n"))
    assert [row["code"] for row in rows] == ["1", "2", "x"]


def test_names_that_look_like_missing_values_stay(tmp_path: Path) -> None:
    names = ["none", "NA", "null", "nan", "n/a"]
    rows = [
        {"image_id": n, "subject": n, "scan": n, "split": n, "class": n, "plane": n} for n in names
    ]
    rows.append({**dict.fromkeys(rows[0]), "image_id": "6"})
    assert read_table(table(tmp_path, table_text(rows))) == rows


def test_tabs_byte_order_marks_and_quotes(tmp_path: Path) -> None:
    path = table(tmp_path, '\ufeffage\tsite\n3\t"a,\tb"\n', "participants.tsv")
    assert read_table(path) == [{"age": 3.0, "site": "a,\tb"}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("a,b\n1,2,3\n", "row 2: 3 cells under 2"),
        ("a\n" + "x" * 200_000, "not a table"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_table(table(tmp_path, content))
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "absent.csv")


@ANY
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_rows_or_an_error(tmp_path: Path, content: bytes) -> None:
    try:
        rows = read_table(table(tmp_path, content))
    except DataError as found:
        lines = len(str(found).splitlines())
        assert lines == 1
        return
    assert all(row.keys() == rows[0].keys() for row in rows)


words = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=9)
names = words.filter(
    lambda n: n.strip() == n and n not in TEXT_COLUMNS and not n.startswith("\ufeff")
)
numbers = st.integers(-(10**9), 10**9).map(float) | st.sampled_from([0.25, -1.5, 1e-5, 35.48])


@ANY
@given(
    columns=st.lists(names, min_size=1, max_size=4, unique=True),
    data=st.data(),
    count=st.integers(1, 5),
)
def test_written_rows_are_read_again(
    tmp_path: Path, columns: list[str], data: st.DataObject, count: int
) -> None:
    def is_text(value: str) -> bool:
        try:
            float(value)
        except ValueError:
            return value.strip() == value and value.lower() not in MISSING
        return False

    rows = [
        {
            "image_id": f"{i:06d}",
            **{
                name: data.draw(numbers if j % 2 else words.filter(is_text), label=name)
                for j, name in enumerate(columns)
            },
        }
        for i in range(count)
    ]
    assert read_table(table(tmp_path, table_text(rows))) == rows


def test_rows_of_different_columns_share_one_header() -> None:
    assert table_text([{"a": 1.0}, {"b": "x, y", "a": None}]) == 'a,b\n1,\n,"x, y"\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id;age;city\nP1;30,5;Orl\u00e9ans\nP2;40;x\n".encode("latin-1")),
        ("a.csv", "id;age;city\nP1;30,5;Orl\u00e9ans\nP2;40;x\n".encode("utf-16")),
        ("a.tsv", "\ufeffid\tage\tcity\r\nP1\t30.5\tOrl\u00e9ans\r\nP2\t40\tx\r\n".encode()),
        ("a.tsv", "id,age,city\nP1,30.5,Orl\u00e9ans\nP2,40,x\n".encode()),
        ("a.csv", "id\tage\tcity\nP1\t30,5\tOrl\u00e9ans\nP2\t40\tx\n".encode("utf-16-le")),
        ("a.tsv", 'id\tage\tcity\nP1\t30.5\t"Orl\u00e9ans\nP2\t40\tx\n'.encode()),
    ],
)
def test_tables_as_people_write_them(tmp_path: Path, name: str, content: bytes) -> None:
    rows = read_table(table(tmp_path, content, name))
    assert rows == [
        {"id": "P1", "age": 30.5, "city": "Orl\u00e9ans"},
        {"id": "P2", "age": 40.0, "city": "x"},
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('id\tage\nP1\t"30\nP2\t40\t50\nP3\t5"0\n', "row 3"),
        ("id,age\nP1,30,5\n", "row 2: 3 cells under 2"),
        ("id,age,age\nP1,30,5\n", "two columns 'age'"),
        (b"PK\x03\x04\x00 no text", "cannot be read"),
    ],
)
def test_where_a_table_is_wrong(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_table(table(tmp_path, content))


def test_a_name_of_two_lines_with_a_comma_is_no_quote_that_never_closes(tmp_path: Path) -> None:
    rows = [{"image_id": "000000", ",\n0": ":"}, {"image_id": "000001", ",\n0": "a\n, b"}]
    assert read_table(table(tmp_path, table_text(rows))) == rows
