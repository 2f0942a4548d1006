"""Tables of subjects and images: lists of rows, read from and written to CSV and TSV."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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

RESERVED = NAME_COLUMNS | {"position_mm"}
"""Columns that the preparation fills; no covariate may take their place."""

MISSING = frozenset({"", "n/a", "na", "nan", "none", "null"})

NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})?(?:\.\d+)?(?:[eE][-+]?\d{1,3})?")
"""How numbers are written; 007, 001_01 and 17 digits are names."""


def read_table(
    path: Path, *, names: Callable[[str], bool] = TEXT_COLUMNS.__contains__
) -> list[Row]:
    """Read a CSV or TSV file with a header row, as brainzoo or people write them.

    A column whose filled cells are all numbers becomes floats, except columns of ``names``; empty
    cells and ``n/a`` (as BIDS writes it) become ``None``. A class may be called "none": of the
    :data:`NAME_COLUMNS` only empty cells do. Semicolons and tabs, decimal commas, other encodings
    and stray quotes are read; anything else is a DataError.
    """
    text = _text(path)
    first = text.lstrip().partition("\n")[0]
    usual = "\t" if path.suffix == ".tsv" else ","
    delimiter = max((usual, "\t", ";", ","), key=re.sub(r'"[^"]*"', "", first).count)
    lines = _lines(path, text, delimiter)
    if not lines:
        raise DataError(f"{path.name} is empty; expected a header row.")
    header = [name.strip() for name in lines[0][1]]
    for number, line in lines[1:]:
        if len(line) > len(header):
            raise DataError(
                f"{path.name}, row {number}: {len(line)} cells under {len(header)} column names."
            )
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path.name} has two columns {twice!r}.", "Rename one of them.")
    columns = {
        name: _typed(
            name, [c[i].strip() if i < len(c) else "" for _, c in lines[1:]], names, delimiter
        )
        for i, name in enumerate(header)
    }
    return [{name: columns[name][i] for name in header} for i in range(len(lines) - 1)]


def _text(path: Path) -> str:
    """Return a file's text: UTF-8, UTF-16 or Windows-1252."""
    try:
        content = path.read_bytes()
        if b"\0" not in content[:200]:
            return content.decode("utf-8-sig")
        wide = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-16-le"
        return content.decode(wide)
    except UnicodeDecodeError as error:
        text = content.decode("latin-1" if 0x81 in content else "cp1252", "replace")
        if re.search(r"[\x00-\x08\x0e-\x1f\ufffd]", text):
            raise DataError(
                f"{path.name} cannot be read as a table: {error}.",
                "Save it as CSV with the encoding UTF-8.",
            ) from error
        return text
    except OSError as error:
        raise DataError(f"{path.name} cannot be read as a table: {error}.") from error


def _lines(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the cells of each row that has any, and its number in the file."""
    try:
        lines = _parsed(text, delimiter)
        if not any("\n" in cell and delimiter in cell for _, line in lines for cell in line):
            return lines
        lines = _parsed(text, delimiter, strict=True)
        if len({len(line) for _, line in lines}) == 1:
            return lines  # its quotes mean what they say
    except csv.Error as error:
        if '"' not in text:
            raise DataError(f"{path.name} is not a table: {error}.") from error
    # A quote that opens and never closes swallows rows: without quotes, do all rows fit?
    plain = [(n, line.split(delimiter)) for n, line in enumerate(text.splitlines(), start=1)]
    plain = [(n, line) for n, line in plain if any(cell.strip() for cell in line)]
    for number, cells in plain:
        if len(cells) != len(plain[0][1]):
            names = dict(enumerate(plain[0][1]))
            bad = next((i for i, cell in enumerate(cells) if cell.count('"') % 2), 0)
            raise DataError(
                f"{path.name}, row {number}, column {names.get(bad, bad)!r}: a quote is never "
                "closed.",
                "Correct the table.",
            )
    return [(number, [cell.strip().strip('"') for cell in cells]) for number, cells in plain]


def _parsed(text: str, delimiter: str, *, strict: bool = False) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=strict)
    return [(reader.line_num, line) for line in reader if any(cell.strip() for cell in line)]


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


def _typed(
    name: str, cells: list[str], names: Callable[[str], bool], delimiter: str
) -> list[Value]:
    missing = {""} if name in NAME_COLUMNS else MISSING
    values: list[Value] = [None if cell.lower() in missing else cell for cell in cells]
    if names(name):
        return values
    texts = [None if value is None else str(value) for value in values]
    if delimiter != ",":
        texts = [t and re.sub(r"^(-?\d+),(\d+)$", r"\1.\2", t) for t in texts]
    if not all(text is None or NUMBER.fullmatch(text) for text in texts):
        return values
    try:
        numbers = [None if text is None else float(text) for text in texts]
    except ValueError:  # "-", ".", "e5"
        return values
    return values if math.inf in map(abs, filter(None, numbers)) else list(numbers)


def _cell(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float | int) else str(value)
