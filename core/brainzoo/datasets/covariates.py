"""What is known of each subject, from a table that people made by hand.

Column names, units and ids differ from table to table: the join is tolerant of them, and strict
about what it does not know: values that contradict each other, and columns that identify a person,
are left out; ages in an unknown unit are refused.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Value
from brainzoo.data.tables import MISSING, Row, read_table
from brainzoo.datasets.layouts import Layout
from brainzoo.datasets.names import read_part
from brainzoo.datasets.spreadsheet import read_xls

ID_COLUMNS = (
    "participant_id", "participant", "subject", "subject_id", "subjectid", "sub", "sub_id",
    "ixi_id", "patient_id", "patient", "id", "case_id", "case", "mri_id", "scan_id", "scan",
    "filename", "file_name", "file", "image",
)  # fmt: skip
"""Where a table holds the subject's id, the likeliest first."""

SCAN_COLUMNS = ("mri_id", "scan_id", "filename", "file_name", "file", "image", "session_label")
VISIT_COLUMNS = (
    "session", "session_id", "sessionid", "ses", "visit", "visit_id", "viscode", "visit_code",
    "timepoint", "time_point", "wave",
)  # fmt: skip
AGE_COLUMNS = re.compile(
    r"age(?:_at_(?:the_)?(?:scan|mri|visit|baseline|imaging))?(?:_in)?(?:_(?P<unit>[a-z]+))?"
)
SEX_COLUMNS = ("sex", "gender", "m_f", "f_m", "geschlecht", "sexe")
SITE_COLUMNS = ("site", "site_id", "site_name", "center", "centre", "hospital")

YEARS = {"y": 1.0, "m": 1 / 12, "w": 7 / 365.25, "d": 1 / 365.25}
UNITS = {
    **dict.fromkeys(["y", "yr", "yrs", "year", "years", "yo", "annum", "a", "jahre", "ans"], "y"),
    **dict.fromkeys(["m", "mo", "mos", "mon", "mths", "month", "months", "monate"], "m"),
    **dict.fromkeys(["w", "wk", "wks", "week", "weeks", "wochen"], "w"),
    **dict.fromkeys(["d", "day", "days", "tage"], "d"),
}
"""The units of an age as people write them."""

OLDEST = 120
UNKNOWN_AGES = frozenset({-999.0, -99.0, -9.0, -1.0, 888.0, 999.0, 9999.0})

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


@dataclasses.dataclass(frozen=True)
class Entry:
    """A row: of a subject, or of one visit of a subject."""

    id: str
    visit: str
    scans: tuple[str, ...]
    values: Row


class Covariates:
    """A table of subjects, looked up by subject, visit, or the stem of a file.

    Args:
        entries: Rows; where those of one subject contradict each other the value is unknown.
        name: How errors name the table.
        notes: What was understood, a line by subject matter.
    """

    def __init__(self, entries: Iterable[Entry], name: str, notes: Mapping[str, str]) -> None:
        self.name = name
        self.notes = dict(notes)
        self._entries = list(entries)
        self._exact: dict[str, list[Entry]] = defaultdict(list)
        self._loose: dict[str, set[str]] = defaultdict(set)
        self._scans: dict[str, list[Entry]] = defaultdict(list)
        for entry in self._entries:
            for key in dict.fromkeys((_key(entry.id), _key(read_part(entry.id).person))):
                self._exact[key].append(entry)
                self._loose[_without_zeros(key)].add(key)
            for scan in entry.scans:
                self._scans[_key(scan)].append(entry)
        self.found: set[str] = set()

    def __len__(self) -> int:
        return len({_key(entry.id) for entry in self._entries})

    @property
    def ids(self) -> frozenset[str]:
        """The ids in small letters and without ``sub-``."""
        return frozenset(_key(entry.id) for entry in self._entries)

    def and_visits(self, other: Covariates) -> Covariates:
        """Return this table with the rows of another, about visits of the same people."""
        notes = self.notes | other.notes
        return Covariates([*self._entries, *other._entries], self.name, notes)

    def find(self, subject: str, stem: str = "", visit: str = "") -> Row | None:
        """Return what is known of a subject at a visit; ``None`` if it is not in the table.

        Args:
            subject: The subject's id; a leading ``sub-`` does not matter, nor leading zeros where
                no two ids differ in them only.
            stem: The scan's file name without its ending; a table may list scans instead, by
                their stem or by its beginning.
            visit: The visit, for example ``ses-2``; an age of another visit is not taken.
        """
        beginning = stem
        while len(beginning) > len(subject):
            rows = self._scans.get(_key(beginning)) or self._exact.get(_key(beginning))
            if rows:
                return self._row(rows, "")
            beginning = re.sub(r"(^|[-_. ])[^-_. ]*$", "", beginning)
        key = _key(subject)
        alike = self._loose.get(_without_zeros(key), set())
        rows = self._exact.get(key) or (self._exact[next(iter(alike))] if len(alike) == 1 else [])
        return self._row(rows, visit) if rows else None

    def _row(self, rows: Sequence[Entry], visit: str) -> Row:
        self.found.update(_key(row.id) for row in rows)
        key = _visit_key(visit)
        if not key:
            return _merged([row.values for row in rows])
        same = [row.values for row in rows if _visit_key(row.visit) == key]
        general = _merged([row.values for row in rows if not row.visit] or [r.values for r in rows])
        if same:
            known = {k: v for k, v in _merged(same).items() if v is not None}
            return {**_merged(same), **general, **known}
        if all(row.visit for row in rows):  # of other visits only
            general["age"] = None
        return general

    def check_joined(self, subjects: Iterable[str]) -> None:
        """Refuse a table that fits no scan at all.

        Raises:
            DataError: Nobody was found; the message shows an id of both sides.
        """
        if not self.found:
            ours = next(iter(subjects), "none")
            theirs = next((entry.id for entry in self._entries), "none")
            raise DataError(
                f"{self.name} fits none of the scans: it lists {theirs!r}, the scans {ours!r}.",
                "Correct its id column, choose another with --data.table, or take it away.",
            )


def read_covariates(path: Path, layout: Layout | None = None, *, subject: str = "") -> Covariates:
    """Read a table of subjects.

    Age becomes a number of years, sex ``F`` or ``M`` where the table or the JSON file beside it
    says which is which; columns that may identify a person are left out.

    Args:
        path: CSV, TSV or .xls with a header row and a column of ids.
        layout: Says what the columns of a known data set hold.
        subject: Whose table it is, where its rows are visits (``sessions.tsv``).

    Raises:
        DataError: It is no table, has no column of ids, or ages in an unknown unit.
    """
    if path.suffix.lower() == ".xls":
        rows = read_xls(path)
    else:
        rows = read_table(path, names=_Names(), own=False)
    columns = list(rows[0]) if rows else []
    roles = _roles(columns, layout, subject)
    if "id" not in roles.values() and not subject:
        raise DataError(
            f"{path.name} has no column of subject ids"
            + (f"; its columns: {', '.join(columns)}." if columns else " and no rows."),
            "Name the column participant_id.",
        )
    described = _described(path)
    notes: dict[str, str] = {}
    values = {c: _cleaned(c, [r[c] for r in rows], roles, described, layout, notes, path.name)
              for c in columns}  # fmt: skip
    entries = []
    for i, row in enumerate(rows):
        own = {role: _text(row[c]) for c, role in roles.items() if role in ("id", "visit")}
        id_ = subject or own.get("id") or ""
        if not id_:
            continue
        if layout and layout.number and re.fullmatch(r"\d+(?:\.0+)?", id_):
            id_ = layout.number.format(int(float(id_)))
        clean: Row = {}
        for column in columns:
            name = roles.get(column, column)
            if column in values and values[column] is not None:
                clean.setdefault(name, values[column][i])  # type: ignore[index]
        scans = tuple(t for c, role in roles.items() if role == "scan" and (t := _text(row[c])))
        visit = own.get("visit") or next((read_part(s).visit for s in (id_, *scans)), "")
        entries.append(Entry(id_, visit, scans, clean))
    return Covariates(entries, path.name, notes)


class _Names:
    """The columns of ids, which stay text."""

    def __contains__(self, column: object) -> bool:
        plain = plain_name(str(column))
        return plain in ID_COLUMNS or plain in SCAN_COLUMNS or plain in VISIT_COLUMNS or (
            plain.endswith(("_id", "id")) or plain in SITE_COLUMNS
        )  # fmt: skip


def age_of(value: Value, unit: str = "y") -> float | None:
    """Return an age in years, from ``45``, ``"45,5"``, ``"045Y"``, ``"18 months"`` or ``"89+"``.

    Args:
        value: The cell; a unit in it counts more than the column's.
        unit: ``y``, ``m``, ``w`` or ``d``.
    """
    match = re.fullmatch(
        r"[>≥~]?\s*(\d{1,5}(?:[.,]\d+)?)\s*([a-z]*)\.?(?:\s*old)?\s*\+?", str(value).strip().lower()
    )
    if not match or (match[2] and match[2] not in UNITS):
        return None
    unit = UNITS.get(match[2], unit)
    age = float(match[1].replace(",", ".")) * YEARS[unit]
    return round(age, 2 if unit == "y" else 4) if 0 < age < OLDEST else None


def sex_of(value: Value, column: str = "", codes: Mapping[str, str] | None = None) -> str | None:
    """Return ``F`` or ``M``; other text as it is.

    Args:
        value: The table's cell.
        column: The column's name, which may explain a code: ``"SEX_ID (1=m, 2=f)"``.
        codes: What codes mean, in words.
    """
    if value is None:
        return None
    text = f"{value:g}" if isinstance(value, float) else str(value).strip()
    explained = {
        code: letter.upper()
        for code, letter in re.findall(r"(\d+)\s*[=:]\s*([mf])", column.lower())
    }
    if explained:
        return explained.get(text.removesuffix(".0"))
    text = (codes or {}).get(text.removesuffix(".0"), text)
    words = {**dict.fromkeys(("f", "female", "woman", "girl", "w", "weiblich", "femme"), "F"),
             **dict.fromkeys(("m", "male", "man", "boy", "männlich", "homme"), "M")}  # fmt: skip
    return words.get(text.lower(), text) or None


def plain_name(name: str) -> str:
    """Return a column's name in one spelling: ``age_years`` for ``Age (years)`` or ``ageYears``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


def _roles(columns: Sequence[str], layout: Layout | None, subject: str) -> dict[str, str]:
    """Return what the columns hold; those of a layout first, each role of a subject once."""
    plain = {column: plain_name(column) for column in columns}
    roles = {c: layout.columns[p] for c, p in plain.items() if layout and p in layout.columns}
    taken = set(roles.values())

    def take(role: str, wanted: Iterable[str], but: Iterable[str] = ()) -> None:
        for name in wanted:
            found = next((c for c in columns if plain[c] == name and c not in roles), None)
            if role not in taken and found is not None and name not in but:
                roles[found] = role
                taken.add(role)

    if not subject:
        take("id", ID_COLUMNS)
    take("visit", VISIT_COLUMNS)
    take("scan", SCAN_COLUMNS)
    for name in plain.values():
        age = AGE_COLUMNS.fullmatch(name)
        if age and (not age["unit"] or age["unit"] in UNITS):
            take("age", [name])
        elif name.startswith(("sex_", "gender_")):
            take("sex", [name])
    take("sex", SEX_COLUMNS)
    take("site", SITE_COLUMNS)
    take("class", ["class"])
    if taken == {"scan"}:
        roles = dict.fromkeys(roles, "id")
    return roles


def _cleaned(
    column: str,
    cells: Sequence[Value],
    roles: Mapping[str, str],
    described: Mapping[str, Any],
    layout: Layout | None,
    notes: dict[str, str],
    table: str,
) -> list[Value] | None:
    """Return a column's values as covariates; ``None`` if it is none."""
    role, plain = roles.get(column, ""), plain_name(column)
    codes = dict(layout.codes.get(role, {})) if layout else {}
    about = described.get(column) if isinstance(described.get(column), dict) else {}
    levels = about.get("Levels") if isinstance(about, dict) else None
    if role in ("sex", "class", "site") and isinstance(levels, dict):
        codes = {str(k): str(v.get("Description", v) if isinstance(v, dict) else v).strip()
                 for k, v in levels.items()}  # fmt: skip
    if role in ("id", "visit", "scan") or not plain:
        return None
    if role == "age":
        return _ages(column, cells, about or {}, notes, table)
    if role == "sex":
        return [sex_of(cell, column, codes) for cell in cells]
    if role in ("class", "site"):
        texts = [codes.get(text, text) if (text := _text(cell)) else None for cell in cells]
        return [None if text and role == "class" and text.lower() in MISSING else text
                for text in texts]  # fmt: skip
    if plain in RESERVED or plain == "acq_time" or IDENTIFYING.intersection(plain.split("_")):
        return None
    return None if layout and layout.only_columns else list(cells)


def _ages(
    column: str, cells: Sequence[Value], about: Mapping[str, Any], notes: dict[str, str], table: str
) -> list[Value]:
    """Return ages in years.

    Raises:
        DataError: Their unit is not known, or they cannot be years.
    """
    stated = str(about.get("Units") or "").strip()
    match = AGE_COLUMNS.fullmatch(plain_name(column))
    in_name = (match["unit"] if match else None) or ""
    words = re.findall(r"\b(?:in |\()(years|months|weeks|days)\b", str(about.get("Description")))
    unit = UNITS.get((stated or in_name or (words or ["years"])[0]).lower().split(" ")[0])
    if unit is None or len(stated.split()) > 1:
        raise DataError(
            f"{table} states its ages in {stated!r}; expected years, months, weeks or days.",
            f"Correct Units of {column!r} in {Path(table).stem}.json, or convert the ages.",
        )
    ages: list[Value] = [age_of(cell, unit) for cell in cells]
    lost = Counter(
        _text(c) for c, age in zip(cells, ages, strict=True) if c is not None and not age
    )
    numbers = {float(t) for t in lost if t and re.fullmatch(r"\d+(?:\.\d+)?", t)} - UNKNOWN_AGES
    explained = stated or in_name or words
    old = {age for age in ages if isinstance(age, float) and age > 105} if not explained else set()
    if len(numbers | old) > 1 and not explained and max(numbers | old) > 105:
        raise DataError(
            f"{table} has ages up to {max(numbers | old):g}, which are not years.",
            f"Name the column age_months, age_weeks or age_days, or state Units in "
            f"{Path(table).stem}.json.",
        )
    long = {"y": "years", "m": "months", "w": "weeks", "d": "days"}[unit]
    if unit != "y":
        notes["age"] = f"({long} in {table})"
    if lost:
        shown = ", ".join(f"{text!r}" for text in list(lost)[:3])
        notes["ages not understood"] = f"{sum(lost.values())} ({shown}): taken as missing"
    bounds = sum(str(cell).strip().endswith("+") for cell in cells)
    if bounds:
        notes["ages with +"] = f"{bounds}, taken as the number"
    return ages


def _described(path: Path) -> Mapping[str, Any]:
    """Return the JSON file beside a table that describes its columns; empty if there is none."""
    beside = path.with_suffix(".json")
    if not beside.is_file() and path.stem.endswith("_sessions"):
        beside = path.parent.parent / "sessions.json"
    if not beside.is_file():
        return {}
    try:
        content = json.loads(beside.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(
            f"{beside.name} cannot be read as JSON: {error}; it may state the unit of ages.",
            "Correct it, or take it away.",
        ) from error
    return content if isinstance(content, dict) else {}


def _key(value: str) -> str:
    text = value.strip().casefold().removeprefix("sub-")
    return re.sub(r"\.(nii(\.gz)?|mgz)$", "", text)


def _without_zeros(key: str) -> str:
    key = re.sub(r"^(\d+)\.0+$", r"\1", key)
    return (key.lstrip("0") or "0") if key.isdecimal() else key


def _visit_key(visit: str) -> str:
    """Return a visit in one spelling: ``1`` for ``ses-01``, ``MR1`` or ``visit 1``."""
    text = re.sub(r"[-_ ]+", "", visit.casefold())
    text = {"baseline": "bl", "followup": "fu"}.get(text, text)
    text = re.sub(r"^(?:session|sess|ses|visit|vis|timepoint|time|tp|wave|exam|scan|mri?|v|w)"
                  r"(?=[a-z]*\d|[a-z]$)", "", text)  # fmt: skip
    return _without_zeros(text)


def _text(value: Value) -> str | None:
    if value is None:
        return None
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _merged(rows: Sequence[Mapping[str, Value]]) -> Row:
    """Join the rows of one subject: a value stays only if the rows that have it agree."""
    merged: Row = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        known = [value for row in rows if (value := row.get(name)) is not None]
        merged[name] = known[0] if known and _agree(name, known) else None
    return merged


def _agree(name: str, values: Sequence[Value]) -> bool:
    if name == "age":  # two visits within a year are no contradiction
        ages = [value for value in values if isinstance(value, float)]
        return len(ages) == len(values) and max(ages) - min(ages) < 1
    return all(value == values[0] for value in values)
