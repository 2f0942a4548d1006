"""What is known of each subject, from a table that people made by hand.

The join is tolerant of ids in other spellings, and strict about what it does not know: values that
contradict each other are left out, and so is the age of another visit.
"""

from __future__ import annotations

import dataclasses
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Value
from brainzoo.data.tables import Row, read_table
from brainzoo.datasets.columns import cleaned, described, is_id, roles_of, text_of
from brainzoo.datasets.layouts import Layout
from brainzoo.datasets.names import read_part


@dataclasses.dataclass(frozen=True)
class Entry:
    """A row: of a subject, or of one visit of a subject."""

    id: str
    visit: str
    scans: tuple[str, ...]
    values: Row


class Covariates:
    """A table of subjects, looked up by subject, visit, or the stem of a file.

    Where rows of one subject contradict each other, the value is unknown. ``notes`` say what was
    understood, a line by subject matter.
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

        In ids, ``sub-`` does not matter, nor zeros that distinguish nobody. A table may list scans
        instead, by the beginning of their ``stem``. An age of another visit is not taken.
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
            own = _merged(same)
            return {**own, **general, **{k: v for k, v in own.items() if v is not None}}
        if all(row.visit for row in rows):  # of other visits only
            general["age"] = None
        return general

    def check_joined(self, subjects: Iterable[str]) -> None:
        """Refuse a table that fits no scan at all, with a DataError."""
        if not self.found:
            ours = next(iter(subjects), "none")
            theirs = next((entry.id for entry in self._entries), "none")
            raise DataError(
                f"{self.name} fits none of the scans: it lists {theirs!r}, the scans {ours!r}.",
                "Correct its id column, choose another with --data.table, or remove it.",
            )


def read_covariates(path: Path, layout: Layout | None = None, *, subject: str = "") -> Covariates:
    """Read a table of subjects: CSV, TSV or .xls with a header row and a column of ids.

    Age becomes a number of years, sex ``F`` or ``M`` where the table or the JSON file beside it
    says which is which; columns that may identify a person are left out. ``subject`` says whose
    table it is, where its rows are visits (``sessions.tsv``). Anything else is a DataError.
    """
    excel = path.suffix.lower() == ".xls"
    rows = _read_xls(path) if excel else read_table(path, names=is_id)
    columns = list(rows[0]) if rows else []
    roles = roles_of(columns, layout, subject)
    if "id" not in roles.values() and not subject:
        raise DataError(
            f"{path.name} has no column of subject ids"
            + (f"; its columns: {', '.join(columns)}." if columns else " and no rows."),
            "Name the column participant_id.",
        )
    about, notes = described(path), dict[str, str]()
    values: dict[str, list[Value]] = {}
    for column in columns:
        role, codes = roles.get(column, ""), layout.codes if layout else {}
        if role or not (layout and layout.only_columns):
            cells, meant = [row[column] for row in rows], codes.get(role, {})
            found = cleaned(column, role, cells, about.get(column, {}), meant, path.name, notes)
            if found is not None:
                values.setdefault(role or column, found)
    entries = []
    for i, row in enumerate(rows):
        own = {role: text_of(row[c]) for c, role in roles.items() if role in ("id", "visit")}
        id_ = subject or own.get("id") or ""
        if not id_:
            continue
        if layout and layout.number and re.fullmatch(r"\d+(?:\.0+)?", id_):
            id_ = layout.number.format(int(float(id_)))
        scans = tuple(t for c, role in roles.items() if role == "scan" and (t := text_of(row[c])))
        visit = own.get("visit") or next((read_part(s).visit for s in (id_, *scans)), "")
        entries.append(Entry(id_, visit, scans, {name: of[i] for name, of in values.items()}))
    return Covariates(entries, path.name, notes)


def _read_xls(path: Path) -> list[Row]:
    """Read the first sheet of an old Excel file, as IXI publishes its subjects; or a DataError."""
    import xlrd

    hint = "Save it as CSV and name it with --data.table."
    try:
        # xlrd writes warnings to stdout unless it is given another place.
        with xlrd.open_workbook(str(path), logfile=io.StringIO(), on_demand=True) as book:
            sheet = book.sheet_by_index(0)
            lines = [sheet.row_values(row) for row in range(sheet.nrows)]
    except Exception as error:  # of a broken file xlrd raises nearly anything
        raise DataError(f"{path.name} cannot be read as .xls: {error}.", hint) from error
    if not lines:
        raise DataError(f"{path.name} is empty.", hint)
    header, *rows = ([c if isinstance(c, float) else str(c).strip() or None for c in line]
                     for line in lines)  # fmt: skip
    names = ["" if name is None else str(name) for name in header]
    return [dict(zip(names, row, strict=False)) for row in rows]


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


def _merged(rows: Sequence[Mapping[str, Value]]) -> Row:
    """Join the rows of one subject: a value stays only if the rows that have it agree."""
    merged: Row = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        known = [value for row in rows if (value := row.get(name)) is not None]
        merged[name] = known[0] if known and _agree(name, known) else None
    return merged


def _agree(name: str, values: Sequence[Value]) -> bool:
    if name == "age":  # two visits within a year may differ
        ages = [value for value in values if isinstance(value, float)]
        return len(ages) == len(values) and max(ages) - min(ages) < 1
    return all(value == values[0] for value in values)
