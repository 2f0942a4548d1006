"""What an export found, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brainzoo.api import console

HEADER = ["channel", "AUC before", "as written", "p", "difference"]


def show_export(found: Mapping[str, Any]) -> None:
    """Print what ``export_study`` returned."""
    for line in audit_lines(found["audit"]):
        console.result(line)
    console.result("")
    for note in found["notes"]:
        console.result(f"note: {note}")
    console.result(
        f"\n{found['test']} cases and {found['practice']} to practise, for {found['readers']} "
        f"readers; commitment {found['commitment']}"
    )
    console.result(found["folder"])


def audit_lines(audit: Mapping[str, Any]) -> Iterator[str]:
    """Yield the audit's table: how well each trivial feature tells created from real."""
    pool = audit["pool"]
    yield (
        f"Leak audit on {pool['real']} real images of {pool['subjects']} subjects and "
        f"{pool['created']} created ones (AUC 0.50: tells nothing)\n"
    )
    rows = [
        [
            row["channel"],
            f"{row['before']['auc']:.2f}",
            f"{row['after']['auc']:.2f}",
            f"{row['after']['p']:.3f}",
            row["finding"],
        ]
        for row in audit["channels"]
    ]
    before, after = (audit["classifier"][name] for name in ("before", "after"))
    rows.append(
        ["all together", f"{before['auc']:.2f}", f"{after['auc']:.2f}", f"{after['p']:.3f}", ""]
    )
    yield console.table(HEADER, rows)
