"""Tables that people made by hand join to scans, or say why they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainzoo.common.errors import BrainzooError, DataError
from brainzoo.datasets.columns import age_of, sex_of
from brainzoo.datasets.covariates import Covariates, read_covariates


def table(folder: Path, text: str, name: str = "participants.csv") -> Covariates:
    (folder / name).write_text(text, encoding="utf-8")
    return read_covariates(folder / name)


@pytest.mark.parametrize(
    ("listed", "subject", "stem"),
    [
        ("sub-01", "sub-01", "sub-01_T1w"),
        ("01", "sub-01", "sub-01_T1w"),
        ("1", "sub-01", ""),
        ("sub-01", "01", ""),
        ("IXI012", "IXI012", "IXI012-HH-1211-T1"),
        ("IXI012-HH-1211", "IXI012", "IXI012-HH-1211-T1"),
        ("IXI012-HH-1211-T1", "IXI012", "IXI012-HH-1211-T1"),
        ("IXI012-HH-1211-T1.nii.gz", "IXI012", "IXI012-HH-1211-T1"),
        ("ixi012", "IXI012", ""),
        ("0042", "42", "42"),
    ],
)
@pytest.mark.parametrize("column", ["participant_id", "Subject", "Subject ID", "id", "filename"])
def test_ids_in_every_spelling_join(
    tmp_path: Path, listed: str, subject: str, stem: str, column: str
) -> None:
    rows = table(tmp_path, f"group,{column},Age\nAD,{listed},71\nHC,other,20\n")
    assert rows.find(subject, stem) == {"group": "AD", "age": 71.0}
    assert rows.find("nobody") is None


def test_a_longer_id_is_not_taken_for_its_beginning(tmp_path: Path) -> None:
    rows = table(tmp_path, "id,age\nP-1,30\nP-12,40\n")
    assert rows.find("P-1-2", "P-1-2") is None
    assert rows.find("P-1", "P-1_T1") == {"age": 30.0}
    assert rows.find("P-12", "P-12_T1") == {"age": 40.0}


def test_names_of_columns_and_values_become_one_kind(tmp_path: Path) -> None:
    rows = table(
        tmp_path,
        "participant_id\tAge (years)\tGender\tcentre\tMMSE\todd\n"
        "sub-1\t89+\tfemale\t3\t28\t-nan\nsub-2\tn/a\tMan\t3\tn/a\t1\n",
        "participants.tsv",
    )
    assert rows.find("sub-1") == {"age": 89.0, "sex": "F", "site": "3", "MMSE": 28.0, "odd": "-nan"}
    assert rows.find("sub-2") == {"age": None, "sex": "M", "site": "3", "MMSE": None, "odd": "1"}


def test_a_class_that_is_not_known_is_none(tmp_path: Path) -> None:
    rows = table(tmp_path, "id,class\n1,AD\n2,n/a\n3,NaN\n4,\n")
    assert [rows.find(subject) for subject in "1234"] == [{"class": "AD"}, *[{"class": None}] * 3]


def test_what_identifies_a_person_is_left_out(tmp_path: Path) -> None:
    rows = table(
        tmp_path,
        "id,Name,First name,DOB,date_of_birth,StudyDate,STUDY_DATE,acq_time,E-Mail,zip,age,plane\n"
        "1,Ada,Ada,1,2,3,4,5,a@b,7,36,axial\n",
    )
    assert rows.find("1") == {"age": 36.0}


def test_rows_that_contradict_each_other_leave_the_value_unknown(tmp_path: Path) -> None:
    rows = table(
        tmp_path,
        "id,age,sex,site\n1,30,F,a\n1,30.4,F,b\n1,,,\n2,30,F,a\n2,32,M,a\n3,40,,\n",
    )
    assert rows.find("1") == {"age": 30.0, "sex": "F", "site": None}
    assert rows.find("2") == {"age": None, "sex": None, "site": "a"}
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("value", "age"),
    [(45.0, 45.0), ("045Y", 45.0), ("89+", 89.0), ("45.678 years", 45.68), (0.0, None),
     (-9.0, None), (999.0, None), (None, None), ("young", None), ("", None), ("4 5", None)],
)  # fmt: skip
def test_ages(value: str | float | None, age: float | None) -> None:
    assert age_of(value) == age


@pytest.mark.parametrize(
    ("value", "column", "sex"),
    [("Female", "", "F"), ("m", "", "M"), (" f ", "", "F"), (1.0, "SEX_ID (1=m, 2=f)", "M"),
     ("2", "sex (1 = Male; 2 = Female)", "F"), (0.0, "SEX_ID (1=m, 2=f)", None),
     ("1", "sex", "1"), ("other", "", "other"), ("", "", None), (None, "", None)],
)  # fmt: skip
def test_sexes(value: str | float | None, column: str, sex: str | None) -> None:
    assert sex_of(value, column) == sex


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("age,sex\n1,F\n", "no column of subject ids; its columns: age, sex"),
        ("participant_id,age\n", "no column of subject ids and no rows"),
        ("id,age\n1,2,3\n", "3 cells under 2"),
    ],
)
def test_a_bad_table_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        table(tmp_path, text)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda text: f"id,age,sex\n{text}".encode()),
        st.lists(st.lists(st.text(max_size=12), max_size=5), max_size=8).map(
            lambda rows: "\n".join(["id,age,sex,site,x", *(",".join(r) for r in rows)]).encode()
        ),
    ),
    st.sampled_from(["csv", "tsv"]),
    st.text(max_size=12),
)
def test_no_table_raises_anything_else(
    tmp_path: Path, content: bytes, kind: str, subject: str
) -> None:
    path = tmp_path / f"table.{kind}"
    path.write_bytes(content)
    try:
        rows = read_covariates(path)
    except BrainzooError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    known = rows.find(subject, f"{subject}_T1w") or {}
    age = known.get("age")
    assert age is None or 0 < age < 130  # type: ignore[operator]
    assert all(value == value for value in known.values())  # no NaN: JSON has none


@pytest.mark.parametrize(
    ("header", "described", "cell", "years"),
    [
        ("age", '{"age": {"Units": "months"}}', "18", 1.5),
        ("age", '{"age": {"Units": "weeks"}}', "40", 0.7666),
        ("age", '{"age": {"Units": "Days"}}', "365.25", 1.0),
        ("age", '{"age": {"Units": "year"}}', "30", 30.0),
        ("age", '{"age": {"Description": "age in months at scan"}}', "30", 2.5),
        ("age_months", "", "30", 2.5),
        ("Age (weeks)", "", "52", 0.9966),
        ("age", "", "6 months", 0.5),
        ("age", "", "026W", 0.4983),
        ("age", '{"age": {"Units": "months"}}', "2 years", 2.0),
        ("age", "", "035Y", 35.0),
        ("age", "", "90+", 90.0),
        ("age", "", "30-35", None),
    ],
)
def test_ages_are_years_whatever_their_unit(
    tmp_path: Path, header: str, described: str, cell: str, years: float | None
) -> None:
    if described:
        (tmp_path / "participants.json").write_text(described)
    path = tmp_path / "participants.tsv"
    path.write_text(f"participant_id\t{header}\nP1\t{cell}\n")
    assert (read_covariates(path).find("P1") or {}).get("age") == years


def test_ages_in_an_unknown_unit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "participants.tsv"
    path.write_text("participant_id\tage\nP1\t40\nP2\t600\nP3\t114\n")
    with pytest.raises(DataError, match="not years"):
        read_covariates(path)
    (tmp_path / "participants.json").write_text('{"age": {"Units": "postmenstrual weeks"}}')
    with pytest.raises(DataError, match="expected years, months, weeks or days"):
        read_covariates(path)
    (tmp_path / "participants.json").write_text('{"age": ')
    with pytest.raises(DataError, match=r"participants\.json cannot be read"):
        read_covariates(path)


def test_each_visit_has_its_own_age(tmp_path: Path) -> None:
    rows = table(
        tmp_path,
        "participant_id,session,age,sex\nP1,ses-1,20,M\nP1,ses-02,30,M\nP2,baseline,40,F\n",
    )
    assert rows.find("P1", visit="ses-01") == {"age": 20.0, "sex": "M"}
    assert rows.find("P1", visit="2") == {"age": 30.0, "sex": "M"}
    assert rows.find("P1", visit="ses-3") == {"age": None, "sex": "M"}
    assert rows.find("P1") == {"age": None, "sex": "M"}
    assert rows.find("P2", visit="BL") == {"age": 40.0, "sex": "F"}
    scans = table(tmp_path, "id,age\nS1_MR1,20\nS1_MR2,30\n")
    assert (scans.find("S1", "S1_MR2", "MR2") or {})["age"] == 30.0


def test_ids_are_text(tmp_path: Path) -> None:
    ids = ["001_01", "002_01", "1E1", "12345678901234567", "12345678901234568", "007"]
    rows = table(tmp_path, "ID,age\n" + "".join(f"{id_},{20 + i}\n" for i, id_ in enumerate(ids)))
    assert [(rows.find(id_) or {}).get("age") for id_ in ids] == [20.0 + i for i in range(6)]
    assert rows.find("7") == {"age": 25.0}
    both = table(tmp_path, "ID,age\n7,1\n007,2\n")
    assert [(both.find(id_) or {}).get("age") for id_ in ("7", "007", "07")] == [1.0, 2.0, None]


def test_sexes_by_the_levels_of_the_json(tmp_path: Path) -> None:
    (tmp_path / "participants.json").write_text('{"sex": {"Levels": {"0": "Female", "1": "Male"}}}')
    rows = table(tmp_path, "id,sex\n1,0\n2,1\n")
    assert [(rows.find(id_) or {})["sex"] for id_ in "12"] == ["F", "M"]
