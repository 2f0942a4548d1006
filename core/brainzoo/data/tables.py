"""Tables of subjects and images: lists of rows, read from and written to CSV and TSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Value

Row = dict[str, Value]

TEXT_COLUMNS = frozenset(
    {"image_id", "subject", "participant_id", "scan", "split", "class", "plane", "sex", "site"}
)
"""Columns that stay text even where every cell looks like a number."""

NAME_COLUMNS = frozenset({"image_id", "subject", "scan", "split", "class", "plane"})
"""Columns of names that this program or its user chose: there, only an empty cell is missing."""

MISSING = frozenset({"", "n/a", "na", "nan", "none", "null"})


def read_table(path: Path) -> list[Row]:
    """Read a CSV or TSV file (by its suffix) with a header row.

    A column whose filled cells all parse as finite numbers becomes floats, except the
    :data:`TEXT_COLUMNS`; empty cells and ``n/a`` (as BIDS writes it) become ``None``. A class may
    be called "none": of the :data:`NAME_COLUMNS` only empty cells do.

    Raises:
        DataError: The file is empty, no text, or a row has more cells than the header.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path.name} cannot be read as a table: {error}.") from error
    reader = csv.reader(io.StringIO(text), delimiter="\t" if path.suffix == ".tsv" else ",")
    try:
        lines = [line for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise DataError(f"{path.name} is no table: {error}.") from error
    if not lines:
        raise DataError(f"{path.name} is empty; expected a header row.")
    header = [name.strip() for name in lines[0]]
    for number, line in enumerate(lines[1:], start=2):
        if len(line) > len(header):
            raise DataError(
                f"{path.name}, row {number}: {len(line)} cells under {len(header)} column names."
            )
    columns = {
        name: _typed(name, [line[i].strip() if i < len(line) else "" for line in lines[1:]])
        for i, name in enumerate(header)
    }
    return [{name: columns[name][i] for name in header} for i in range(len(lines) - 1)]


def table_text(rows: Sequence[Mapping[str, Value]]) -> str:
    """Return rows as CSV; the columns are those of all rows in the order of first appearance."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    write_rows(out, names, rows)
    return out.getvalue()


def write_rows(file: TextIO, names: Sequence[str], rows: Iterable[Mapping[str, Value]]) -> None:
    """Write rows as CSV under the given column names, as they come."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)


def counts(values: Iterable[Value]) -> dict[str, int]:
    """Return how often each value occurs, sorted by value; ``None`` counts as ``"missing"``."""
    result: dict[str, int] = {}
    for value in values:
        name = "missing" if value is None else _cell(value)
        result[name] = result.get(name, 0) + 1
    return dict(sorted(result.items()))


def _typed(name: str, cells: list[str]) -> list[Value]:
    missing = {""} if name in NAME_COLUMNS else MISSING
    values: list[Value] = [None if cell.lower() in missing else cell for cell in cells]
    if name in TEXT_COLUMNS:
        return values
    try:
        numbers: list[Value] = [None if v is None else float(v) for v in values]
    except ValueError:
        return values
    if any(isinstance(v, float) and not math.isfinite(v) for v in numbers):
        return values
    return numbers


def _cell(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float | int) else str(value)
