"""What the columns of a table that people made by hand hold: ids, visits, ages, sexes.

Units and codes are read from the table, its columns' names and the JSON file beside it; ages in an
unknown unit are refused, and columns that identify a person are left out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Value
from brainzoo.data.tables import MISSING
from brainzoo.datasets.layouts import Layout

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


class IdColumns:
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


def roles_of(columns: Sequence[str], layout: Layout | None, subject: str) -> dict[str, str]:
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


def cleaned(
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
        texts = [codes.get(text, text) if (text := text_of(cell)) else None for cell in cells]
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
        text_of(c) for c, age in zip(cells, ages, strict=True) if c is not None and not age
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


def described(path: Path) -> Mapping[str, Any]:
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
            "Correct it, or remove it.",
        ) from error
    return content if isinstance(content, dict) else {}


def text_of(value: Value) -> str | None:
    """Return a cell as text."""
    if value is None:
        return None
    return f"{value:.15g}" if isinstance(value, float) else str(value)
