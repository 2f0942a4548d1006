"""Reads a sheet of an old Excel file, as IXI publishes its subjects."""

from __future__ import annotations

import io
from pathlib import Path

from brainzoo.common.errors import DataError
from brainzoo.data.subjects import Value
from brainzoo.data.tables import Row


def read_xls(path: Path) -> list[Row]:
    """Return the rows of the first sheet under its header.

    Raises:
        DataError: It is not an .xls file, or is empty.
    """
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
    header = [str(cell).strip() for cell in lines[0]]
    rows: list[Row] = []
    for line in lines[1:]:
        cells: list[Value] = [
            cell if isinstance(cell, float) else str(cell).strip() or None for cell in line
        ]
        rows.append(dict(zip(header, cells, strict=False)))
    return rows
