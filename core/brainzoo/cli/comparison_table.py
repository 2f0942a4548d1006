"""A comparison of runs as a table on a terminal, and as plain columns in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from brainzoo.common import console

AT_FLOOR = "="  # marks a value at its floor


def comparison_lines(found: Mapping[str, Any]) -> None:
    """Print notes, a table an evaluator, the differences that count, and the rules."""
    test = found["test"]
    console.result(f"{test['images']:,} test images of {test['subjects']:,} subjects")
    for note in found["notes"]:
        console.result(f"note: {note}")
    for name, part in found["evaluators"].items():
        console.result(f"\n{name}")
        for note in part["notes"]:
            console.result(f"note: {note}")
        _table([run["name"] for run in found["runs"]], part["metrics"])
    console.result("")
    for sentence in found["sentences"]:
        console.result(sentence)
    console.result(
        f"{found['exceed']} of {found['compared']} differences exceed their intervals; "
        f"about {found['by_chance']:g} would by chance alone."
    )
    console.result(f"{AT_FLOOR} {found['rules']['floor']}.")
    console.result(f"* {found['rules']['difference']}.")


def _table(runs: list[str], metrics: list[Mapping[str, Any]]) -> None:
    header = ["metric", *runs, "floor", "n", "differs"]
    rows = list(_rows(metrics))
    if not rows:
        return
    if not sys.stdout.isatty():
        console.result(console.table(header, rows))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, box=None, header_style="dim", pad_edge=False)
    for i, title in enumerate(header):
        table.add_column(Text(title), justify="left" if i in (0, len(header) - 1) else "right")
    for row in rows:
        table.add_row(*(Text(c, style="dim" if c.endswith(AT_FLOOR) else "") for c in row))
    Console().print(table)


def _rows(metrics: list[Mapping[str, Any]]) -> Iterator[list[str]]:
    for metric in metrics:
        there = [value for value in metric["values"] if value]
        floors = {console.number(v["floor"]) for v in there if v.get("floor") is not None}
        counts = {f"{v['n']:,}" for v in there}
        exceeds = any(d["exceeds"] for d in metric["differences"])
        yield [
            metric["name"],
            *map(_cell, metric["values"]),
            " / ".join(sorted(floors)),
            " / ".join(sorted(counts)),
            "*" if exceeds else "no" if metric["differences"] else "",
        ]


def _cell(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return "-"
    text = console.number(value["value"])
    if value.get("low") is not None and value.get("high") is not None:
        text += f" ({console.number(value['low'])} to {console.number(value['high'])})"
    return f"{text} {AT_FLOOR}" if value["at_floor"] else text
