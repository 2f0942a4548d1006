"""What the columns of a table that people made by hand hold: ids, visits, ages, sexes.

Units and codes are read from the table, its columns' names and the JSON file beside it; ages in an
unknown unit are refused, and columns that identify a person are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.common.errors import DataError
from brainzoo.common.files import read_json
from brainzoo.data.subjects import Value
from brainzoo.data.tables import MISSING, RESERVED
from brainzoo.datasets.layouts import Layout
from brainzoo.datasets.names import WORDS

COLUMNS: Mapping[str, Sequence[str]] = WORDS["columns"]
AGE_COLUMNS = re.compile(
    r"age(?:_at_(?:the_)?(?:scan|mri|visit|baseline|imaging))?(?:_in)?(?:_(?P<unit>[a-z]+))?"
)
UNITS = {word: unit for unit, words in WORDS["units"].items() for word in words.split()}
SEXES = {word: sex for sex, words in WORDS["sexes"].items() for word in words.split()}
YEARS = {"years": 1.0, "months": 1 / 12, "weeks": 7 / 365.25, "days": 1 / 365.25}
OLDEST = 120
UNKNOWN_AGES = frozenset({-999.0, -99.0, -9.0, -1.0, 888.0, 999.0, 9999.0})


def is_id(column: str) -> bool:
    """Return whether a column holds ids, which stay text."""
    plain = plain_name(column)
    named = any(plain in COLUMNS[kind] for kind in ("id", "scan", "visit", "site"))
    return named or plain.endswith(("_id", "id"))


def age_of(value: Value, unit: str = "years") -> float | None:
    """Return an age in years, from ``45``, ``"45,5"``, ``"045Y"``, ``"18 months"`` or ``"89+"``.

    A unit in the cell counts more than the column's.
    """
    match = re.fullmatch(
        r"[>≥~]?\s*(\d{1,5}(?:[.,]\d+)?)\s*([a-z]*)\.?(?:\s*old)?\s*\+?", str(value).strip().lower()
    )
    if not match or (match[2] and match[2] not in UNITS):
        return None
    unit = UNITS.get(match[2], unit)
    age = float(match[1].replace(",", ".")) * YEARS[unit]
    return round(age, 2 if unit == "years" else 4) if 0 < age < OLDEST else None


def sex_of(value: Value, column: str = "", codes: Mapping[str, str] | None = None) -> str | None:
    """Return ``F`` or ``M``; other text as it is.

    The column's name may explain a code (``"SEX_ID (1=m, 2=f)"``); so may ``codes``, in words.
    """
    text = (text_of(value) or "").strip()
    code = text.removesuffix(".0")
    explained = dict(re.findall(r"(\d+)\s*[=:]\s*([mf])", column.lower()))
    if explained:
        return explained[code].upper() if code in explained else None
    text = (codes or {}).get(code, text)
    return SEXES.get(text.lower(), text) or None


def plain_name(name: str) -> str:
    """Return a column's name in one spelling: ``age_years`` for ``Age (years)`` or ``ageYears``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


def roles_of(columns: Sequence[str], layout: Layout | None, subject: str) -> dict[str, str]:
    """Return what the columns hold; those of a layout first, each role of a subject once."""
    plain = {column: plain_name(column) for column in columns}
    of = {word: role for role, words in (layout.columns if layout else {}).items()
          for word in words.split()}  # fmt: skip
    roles = {column: of[name] for column, name in plain.items() if name in of}
    taken = set(roles.values())

    def take(role: str, *wanted: str) -> None:
        for name in wanted:
            found = next((c for c in columns if plain[c] == name and c not in roles), None)
            if role not in taken and found is not None:
                roles[found] = role
                taken.add(role)

    if not subject:
        take("id", *COLUMNS["id"])
    take("visit", *COLUMNS["visit"])
    take("scan", *COLUMNS["scan"])
    for name in plain.values():
        age = AGE_COLUMNS.fullmatch(name)
        if age and (not age["unit"] or age["unit"] in UNITS):
            take("age", name)
        elif name.startswith(("sex_", "gender_")):
            take("sex", name)
    take("sex", *COLUMNS["sex"])
    take("site", *COLUMNS["site"])
    take("class", "class")
    return dict.fromkeys(roles, "id") if taken == {"scan"} else roles


def cleaned(
    column: str,
    role: str,
    cells: Sequence[Value],
    about: Mapping[str, Any],
    codes: Mapping[str, str],
    table: str,
    notes: dict[str, str],
) -> list[Value] | None:
    """Return a column's values as covariates; ``None`` if it is none."""
    plain, levels = plain_name(column), about.get("Levels")
    if isinstance(levels, dict):
        codes = {str(k): str(v.get("Description", v) if isinstance(v, dict) else v).strip()
                 for k, v in levels.items()}  # fmt: skip
    if role == "age":
        return _ages(column, cells, about, table, notes)
    if role == "sex":
        return [sex_of(cell, column, codes) for cell in cells]
    if role in ("class", "site"):
        texts = [text_of(cell) or "" for cell in cells]
        return [None if text.lower() in MISSING else codes.get(text, text) for text in texts]
    own = {*RESERVED, "acq_time"}
    private = plain in own or set(COLUMNS["identifying"]).intersection(plain.split("_"))
    return None if role in ("id", "visit", "scan") or not plain or private else list(cells)


def _ages(
    column: str, cells: Sequence[Value], about: Mapping[str, Any], table: str, notes: dict[str, str]
) -> list[Value]:
    """Return ages in years; those of an unknown unit, and what cannot be years, are a DataError."""
    stated = str(about.get("Units") or "").strip()
    match = AGE_COLUMNS.fullmatch(plain_name(column))
    words = re.findall(r"\b(?:in |\()(years|months|weeks|days)\b", str(about.get("Description")))
    explained = stated or (match and match["unit"]) or "".join(words[:1])
    unit = UNITS.get((explained or "years").lower().split(" ")[0])
    beside = f"{Path(table).stem}.json"
    if unit is None or len(stated.split()) > 1:
        raise DataError(
            f"{table} states its ages in {stated!r}; expected years, months, weeks or days.",
            f"Correct Units of {column!r} in {beside}, or convert the ages.",
        )
    ages: list[Value] = [age_of(cell, unit) for cell in cells]
    lost = Counter(
        text_of(c) for c, age in zip(cells, ages, strict=True) if c is not None and not age
    )
    if not explained:
        found = [float(t) for t in lost if t and re.fullmatch(r"\d+(?:\.\d+)?", t)]
        odd = {*found, *(age for age in ages if isinstance(age, float) and age > 105)}
        odd -= UNKNOWN_AGES
        if len(odd) > 1 and max(odd) > 105:
            raise DataError(
                f"{table} has ages up to {max(odd):g}, which are not years.",
                f"Name the column age_months, age_weeks or age_days, or state Units in {beside}.",
            )
    if unit != "years":
        notes["age"] = f"({unit} in {table})"
    if lost:
        shown = ", ".join(f"{text!r}" for text in list(lost)[:3])
        notes["ages not understood"] = f"{lost.total()} ({shown}): taken as missing"
    bounds = sum(str(cell).strip().endswith("+") for cell in cells)
    if bounds:
        notes["ages with +"] = f"{bounds}, taken as the number"
    return ages


def described(path: Path) -> Mapping[str, Any]:
    """Return the JSON file beside a table that describes its columns; empty if there is none."""
    beside = path.with_suffix(".json")
    if not beside.is_file() and path.stem.endswith("_sessions"):
        beside = path.parent.parent / "sessions.json"
    found = read_json(beside, "It may state the unit of ages: correct it, or remove it.")
    return {column: about for column, about in found.items() if isinstance(about, dict)}


def text_of(value: Value) -> str | None:
    """Return a cell as text."""
    return f"{value:.15g}" if isinstance(value, float) else value if value is None else str(value)
