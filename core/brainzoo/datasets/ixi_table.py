"""Reads IXI's table of subjects.

The spreadsheet holds dates of birth, height, weight, ethnicity and more: only id, sex and age are
read. Its traps: an id may have several rows, ages are blank in about thirty, and some scanned
subjects have no row at all.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Value
from brainzoo.data.tables import Row, read_table
from brainzoo.datasets.covariates import (
    AGE_COLUMNS,
    ID_COLUMNS,
    Covariates,
    age_of,
    plain_name,
    sex_of,
)

HINT = "Get IXI.xls from https://brain-development.org/ixi-dataset/ and name it with --data.table."


def read_ixi_table(path: Path) -> Covariates:
    """Read id, sex and age of IXI's subjects, and nothing else.

    Args:
        path: ``IXI.xls``, the same as CSV, or any CSV/TSV with columns of ids like ``IXI012`` or
            ``12``, sexes and ages in years.

    Returns:
        The table by ids like ``IXI012``, with ``age`` (years) and ``sex`` (``F`` or ``M``).

    Raises:
        DataError: It is no table, or lacks one of the three columns.
    """
    header, lines = _read_xls(path) if path.suffix.lower() == ".xls" else _read_text(path)
    plain = [plain_name(name) for name in header]
    where: dict[str, int] = {}
    for i, name in enumerate(plain):
        if name in ID_COLUMNS:
            where.setdefault("id", i)
        elif name in AGE_COLUMNS:
            where.setdefault("age", i)
        elif re.match("(sex|gender)(_|$)", name):
            where.setdefault("sex", i)
    missing = [wanted for wanted in ("id", "sex", "age") if wanted not in where]
    if missing:
        raise DataError(f"{path.name} is no table of IXI: no column of {', '.join(missing)}.", HINT)
    rows: list[Row] = [
        {
            "id": subject,
            "age": age_of(line[where["age"]]),
            "sex": sex_of(line[where["sex"]], header[where["sex"]]),
        }
        for line in lines
        if (subject := subject_id(line[where["id"]])) is not None
    ]
    return Covariates(rows, "id", path.name)


def subject_id(value: Value) -> str | None:
    """Return ``IXI012`` for ``12``, ``12.0``, ``IXI012-HH-1211`` or ``sub-IXI012``."""
    text = f"{value:g}" if isinstance(value, float) else str(value).strip()
    match = re.match(r"(?:sub-)?(?:IXI)?0*(\d{1,3})(?:\.0+)?(?![\d.])", text, re.IGNORECASE)
    return f"IXI{int(match[1]):03d}" if match else None


def _read_text(path: Path) -> tuple[list[str], list[list[Value]]]:
    rows = read_table(path)
    header = list(rows[0]) if rows else []
    return header, [[row[name] for name in header] for row in rows]


def _read_xls(path: Path) -> tuple[list[str], list[list[Value]]]:
    import xlrd

    try:
        # xlrd writes warnings to stdout unless it is given another place.
        with xlrd.open_workbook(str(path), logfile=io.StringIO(), on_demand=True) as book:
            sheet = book.sheet_by_index(0)
            lines = [sheet.row_values(row) for row in range(sheet.nrows)]
    except Exception as error:  # of a broken file xlrd raises nearly anything
        raise DataError(f"{path.name} cannot be read as .xls: {error}.", HINT) from error
    if not lines:
        raise DataError(f"{path.name} is empty.", HINT)
    cells: list[list[Value]] = [
        [cell if isinstance(cell, float) else str(cell).strip() or None for cell in line]
        for line in lines[1:]
    ]
    return [str(cell).strip() for cell in lines[0]], cells
