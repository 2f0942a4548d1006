"""Answers as CSV, tidy and long, for spreadsheets and R.

A row an answer, many sessions in one file, everything of the session repeated in each row, reasons
joined by ``;``. It converts into the JSON form (:mod:`brainzoo_quiz.study.answers`) and back
without loss, and the digest is the same.

Readers' own words may not become formulas in a spreadsheet: a text that starts with ``=``, ``+``,
``-``, ``@`` or an apostrophe has an apostrophe before it, which reading takes away again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from brainzoo.api import DataError
from brainzoo_quiz.study.answers import KIND, SCHEMA, Answers, checked

COLUMNS = (
    *("study", "commitment", "session", "reader", "group", "years", "started_at", "finished_at"),
    *("position", "phase", "token", "answer", "confidence", "response_ms", "shown_at"),
    *("timed_out", "lost_focus", "reloads", "reasons", "click_x", "click_y", "digest"),
)
"""Of the CSV form."""


_SPECIAL = ("=", "+", "-", "@", "'")
_NUMBERS = ("position", "confidence", "response_ms", "lost_focus", "reloads")


def to_csv(sessions: Iterable[Answers]) -> str:
    """Return sessions as tidy long CSV; a session without any answer has no row."""
    out = io.StringIO()
    rows = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    rows.writeheader()
    for session in sessions:
        content = session.content()
        reader, answers = content.pop("reader"), content.pop("answers")
        names = {"reader": plain(reader["id"]), "group": plain(reader["group"])}
        shared = {**content, **names, "years": reader["years"]}
        for answer in answers:
            x, y = answer.pop("click") or (None, None)
            reasons = ";".join(map(plain, answer.pop("reasons")))
            row = {**shared, **answer, "reasons": reasons, "click_x": x, "click_y": y}
            rows.writerow({column: _cell(row[column]) for column in COLUMNS})
    return out.getvalue()


def from_csv(text: str, name: str = "answers") -> list[Answers]:
    """Parse the CSV form.

    Raises:
        DataError: It is no answers file.
        IntegrityError: It was edited: a digest does not fit.
    """
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise DataError(f"{name} is no answers file: {error}.") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise DataError(f"{name} is no answers file: its columns are not {', '.join(COLUMNS)}.")
    sessions: dict[str, list[dict[str, str]]] = {}
    for number, cells in enumerate(rows[1:], 2):
        if len(cells) != len(COLUMNS):
            raise DataError(f"{name}: row {number} has {len(cells)} cells, not {len(COLUMNS)}.")
        row = dict(zip(COLUMNS, cells, strict=True))
        sessions.setdefault(row["session"], []).append(row)
    if not sessions:
        raise DataError(f"{name} holds no answers.")
    return [checked(_session(found, name), name) for found in sessions.values()]


def _session(rows: Sequence[dict[str, str]], name: str) -> dict[str, Any]:
    """Return rows of one session as the JSON form; odd cells are left for its checks to refuse."""
    first = rows[0]
    shared = (*COLUMNS[:8], "digest")
    if any(row[column] != first[column] for row in rows for column in shared):
        raise DataError(f"{name}: rows of session {first['session'][:8]} contradict each other.")
    names = {"id": _told(first["reader"]), "group": _told(first["group"])}
    answers = []
    for row in rows:
        click = [_number(row["click_x"]), _number(row["click_y"])]
        answers.append(
            {
                **{column: row[column] for column in ("token", "phase")},
                **{column: row[column] or None for column in ("answer", "shown_at")},
                **{column: _number(row[column]) for column in _NUMBERS},
                "timed_out": {"true": True, "false": False}.get(row["timed_out"]),
                "reasons": [*map(_told, row["reasons"].split(";"))] if row["reasons"] else [],
                "click": None if click == [None, None] else click,
            }
        )
    return {
        "kind": KIND,
        "schema": SCHEMA,
        **{column: first[column] for column in ("study", "commitment", "session", "started_at")},
        "finished_at": first["finished_at"] or None,
        "reader": {**names, "years": _number(first["years"])},
        "answers": answers,
        "digest": first["digest"],
    }


def plain(text: str) -> str:
    """Return text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_SPECIAL) else text


def _told(cell: str) -> str:
    return cell[1:] if cell.startswith(tuple(f"'{sign}" for sign in _SPECIAL)) else cell


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else value


def _number(cell: str) -> int | str | None:
    whole = cell.isascii() and cell.isdigit() and (cell == "0" or cell[0] != "0")
    return None if cell == "" else int(cell) if whole and len(cell) < 16 else cell
