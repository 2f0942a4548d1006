"""What is known of each subject, from a table that people made by hand.

Column names and ids differ from table to table: the join is tolerant of them, and strict about
what it does not know: values that contradict each other, and columns that identify a person, are
left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Value
from brainzoo.data.tables import MISSING, Row, read_table

ID_COLUMNS = (
    "participant_id", "participant", "subject", "subject_id", "subjectid", "sub", "ixi_id",
    "patient_id", "patient", "id", "scan_id", "scan", "filename", "file", "image",
)  # fmt: skip
"""Where a table holds the subject's id, the likeliest first."""

AGE_COLUMNS = ("age", "age_years", "age_in_years", "age_yrs", "age_at_scan", "age_y")
SEX_COLUMNS = ("sex", "gender", "sex_id")
SITE_COLUMNS = ("site", "site_id", "site_name", "center", "centre", "hospital")

RESERVED = frozenset({"image_id", "subject", "scan", "split", "plane", "position_mm"})
"""Columns of an image table that a covariate may not take the place of."""

IDENTIFYING = frozenset(
    [
        *("name", "names", "surname", "firstname", "lastname", "initials", "mrn", "ssn", "nhs"),
        *("dob", "birth", "birthdate", "birthday", "born", "date", "dates", "datetime"),
        *("address", "street", "zip", "zipcode", "postcode", "phone", "telephone", "mobile"),
        *("email", "mail", "insurance"),
    ]
)
"""Words in a column's name that say that it may identify a person."""


class Covariates:
    """A table of subjects, looked up by subject id or by the stem of a file.

    Args:
        rows: A row per subject, or several; where they contradict each other the value is unknown.
        id_column: The column that holds the ids.
        name: How errors name the table.
    """

    def __init__(self, rows: Iterable[Mapping[str, Value]], id_column: str, name: str) -> None:
        self.name = name
        grouped: dict[str, list[Mapping[str, Value]]] = {}
        for row in rows:
            value = row.get(id_column)
            if value is not None:
                grouped.setdefault(_key(value), []).append(row)
        self._rows = {key: _merged(same, id_column) for key, same in grouped.items()}

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, subject: str, stem: str = "") -> Row | None:
        """Return what is known of a subject; ``None`` if it is not in the table.

        Args:
            subject: The subject's id; a leading ``sub-`` and leading zeros do not matter.
            stem: The scan's file name without its ending; a table may list scans instead, by
                their stem or by its beginning.
        """
        beginning = stem
        while len(beginning) > len(subject):
            if _key(beginning) in self._rows:
                return dict(self._rows[_key(beginning)])
            beginning = re.sub(r"(^|[-_. ])[^-_. ]*$", "", beginning)
        row = self._rows.get(_key(subject))
        return None if row is None else dict(row)

    def check_joined(self, found: int, subjects: Iterable[str]) -> None:
        """Refuse a table that fits no scan at all.

        Raises:
            DataError: ``found`` is zero; the message shows an id of both sides.
        """
        if found == 0:
            ours = next(iter(subjects), "none")
            theirs = next(iter(self._rows), "none")
            raise DataError(
                f"{self.name} fits none of the scans: it lists {theirs!r}, the scans {ours!r}.",
                "Correct its id column, choose another with --data.table, or take it away.",
            )


def read_covariates(path: Path) -> Covariates:
    """Read a table of subjects.

    Age becomes a number of years, sex ``F`` or ``M`` where the table says which is which; columns
    that may identify a person (names, dates, addresses) are left out.

    Args:
        path: CSV or TSV (by its suffix) with a header row and a column of ids.

    Raises:
        DataError: It is no table, or has no column of ids.
    """
    rows = read_table(path)
    names = list(rows[0]) if rows else []
    plain = {plain_name(name): name for name in reversed(names)}
    id_column = next((plain[known] for known in ID_COLUMNS if known in plain), None)
    if id_column is None:
        raise DataError(
            f"{path.name} has no column of subject ids"
            + (f"; its columns: {', '.join(names)}." if names else " and no rows."),
            "Name the column participant_id.",
        )
    return Covariates([_cleaned(row, id_column) for row in rows], id_column, path.name)


def age_of(value: Value) -> float | None:
    """Return an age in years, from ``45``, ``"45.5"``, ``"045Y"`` or ``"89+"``; else ``None``."""
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*(?:\+|y|yrs?|years?)?", str(value).strip().lower())
    age = float(match[1]) if match else None
    return round(age, 2) if age is not None and 0 < age < 130 else None


def sex_of(value: Value, column: str = "") -> str | None:
    """Return ``F`` or ``M``; other text as it is.

    Args:
        value: The table's cell.
        column: The column's name, which may explain a code: ``"SEX_ID (1=m, 2=f)"``.
    """
    if value is None:
        return None
    text = f"{value:g}" if isinstance(value, float) else str(value).strip()
    codes = {
        code: letter.upper()
        for code, letter in re.findall(r"(\d+)\s*[=:]\s*([mf])", column.lower())
    }
    if codes:
        return codes.get(text.removesuffix(".0"))
    words = {"f": "F", "female": "F", "woman": "F", "m": "M", "male": "M", "man": "M"}
    return words.get(text.lower(), text) or None


def _key(value: Value) -> str:
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    text = text.strip().casefold().removeprefix("sub-")
    text = re.sub(r"\.nii(\.gz)?$", "", text)
    return (text.lstrip("0") or "0") if text.isdecimal() else text


def plain_name(name: str) -> str:
    """Return a column's name in one spelling: ``age_years`` for ``Age (years)`` or ``ageYears``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


def _cleaned(row: Row, id_column: str) -> Row:
    clean: Row = {id_column: row[id_column]}
    for name, value in row.items():
        plain = plain_name(name)
        if name == id_column or not plain or plain in RESERVED:
            continue
        if plain in AGE_COLUMNS:
            clean.setdefault("age", age_of(value))
        elif plain in SEX_COLUMNS or plain.startswith(("sex_", "gender_")):
            clean.setdefault("sex", sex_of(value, name))
        elif plain in SITE_COLUMNS:
            clean.setdefault("site", _text(value))
        elif plain == "class":
            text = _text(value)
            clean["class"] = None if text is None or text.lower() in MISSING else text
        elif plain != "acq_time" and not IDENTIFYING.intersection(plain.split("_")):
            clean[name] = value
    return clean


def _text(value: Value) -> str | None:
    if value is None:
        return None
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _merged(rows: list[Mapping[str, Value]], id_column: str) -> Row:
    """Join the rows of one subject: a value stays only if the rows that have it agree."""
    merged: Row = {}
    for name in dict.fromkeys(name for row in rows for name in row if name != id_column):
        known = [value for row in rows if (value := row.get(name)) is not None]
        merged[name] = known[0] if known and _agree(name, known) else None
    return merged


def _agree(name: str, values: Sequence[Value]) -> bool:
    if name == "age":  # two visits within a year are no contradiction
        ages = [value for value in values if isinstance(value, float)]
        return len(ages) == len(values) and max(ages) - min(ages) < 1
    return all(value == values[0] for value in values)
