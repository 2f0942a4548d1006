"""A score as text: how numbers are written, and what the terminal shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from brainzoo.api import console
from brainzoo_quiz.statistics.scoring import verdict
from brainzoo_quiz.study.files import templates

PAGES = Path(__file__).parent / "page"
MOST_IMAGES = 10  # shown of those that fooled somebody

Row = Mapping[str, Any]


def show(found: Row) -> None:
    """Print a score."""
    fooling = [image for image in found.get("images", []) if image["fooled"]][:MOST_IMAGES]
    text = environment(autoescape=False).get_template("score.txt.j2")
    shown = text.render(found=found, verdict=verdict(found), fooling=fooling)
    console.result(shown.rstrip("\n"))


def group_lines(found: Row) -> list[str]:
    """Return sentences on all readers together."""
    text = environment(autoescape=False).get_template("group.txt.j2")
    return text.render(found=found).splitlines()


def environment(*, autoescape: bool) -> jinja2.Environment:
    """Return the templates of a score, with the filters that write its numbers."""
    made = templates(PAGES).overlay(autoescape=autoescape)
    named = {"rate": rate, "limits": limits, "interval": interval, "table": _table}
    made.filters |= {**named, "number": console.number}
    return made


def rate(value: float | None) -> str:
    """Write a rate as papers do: ``.555``."""
    if value is None:
        return "–"
    text = f"{value:.3f}".replace("-", "−")
    return text.replace("0.", ".", 1) if abs(value) < 0.9995 else text


def limits(found: Row) -> str:
    """Write an interval: ``.418 to .684``."""
    return "–" if found["low"] is None else f"{rate(found['low'])} to {rate(found['high'])}"


def interval(found: Row, digits: int = 3) -> str:
    """Write a value with its interval: ``.555 (.418 to .684)``."""
    if found["value"] is None:
        return "–"
    if digits != 3:
        low, high = found["low"], found["high"]
        ends = f" ({low:.{digits}f} to {high:.{digits}f})" if low is not None else ""
        return f"{found['value']:.{digits}f}{ends}".replace("-", "−")
    return rate(found["value"]) + (f" ({limits(found)})" if found["low"] is not None else "")


def _table(rows: Sequence[Row], name: str) -> str:
    cells = [[write(row) for write in TABLES[name].values()] for row in rows]
    return console.table(list(TABLES[name]), cells)


def _median(row: Row) -> str:
    late = row["seconds"]["median"] is None and row["timed_out"]
    return "late" if late else _seconds(row["seconds"]["median"])


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _repeats(row: Row) -> str:
    found = row["repeats"]
    return "–" if not found["n"] else f"{found['same'] * found['n']:.0f}/{found['n']}"


TABLES: Mapping[str, Mapping[str, Callable[[Row], str]]] = {
    "counts": {
        "reader": lambda r: r["reader"],
        "group": lambda r: r["group"],
        "TP": lambda r: f"{r['tp']:g}",
        "FN": lambda r: f"{r['fn']:g}",
        "FP": lambda r: f"{r['fp']:g}",
        "TN": lambda r: f"{r['tn']:g}",
        "accuracy": lambda r: rate(r["accuracy"]["value"]),
        "Wilson": lambda r: limits(r["accuracy"]),
        "exact": lambda r: limits(r["accuracy_exact"]),
    },
    "detection": {
        "reader": lambda r: r["reader"],
        "balanced accuracy": lambda r: interval(r["balanced_accuracy"]),
        "sensitivity": lambda r: interval(r["sensitivity"]),
        "specificity": lambda r: interval(r["specificity"]),
        "d′": lambda r: interval(r["d_prime"], 2),
        "d′ raw": lambda r: rate(r["d_prime_raw"]),
        "criterion": lambda r: rate(r["criterion"]),
        "AUC": lambda r: interval(r["auc"]) if "auc" in r else "–",
    },
    "behaviour": {
        "reader": lambda r: r["reader"],
        "median s": _median,
        "right s": lambda r: _seconds(r["seconds"]["median_right"]),
        "wrong s": lambda r: _seconds(r["seconds"]["median_wrong"]),
        "repeats": _repeats,
        "kappa": lambda r: rate(r["repeats"]["kappa"]),
        "late": lambda r: str(r["timed_out"]),
        "unfocused": lambda r: str(r["lost_focus"]),
    },
    "images": {
        "image": lambda i: i["case"],
        "truth": lambda i: i["truth"],
        "fooled": lambda i: f"{len(i['fooled'])} of {i['answers']}",
        "whom": lambda i: ", ".join(i["fooled"]),
    },
    "reasons": {
        "reason": lambda r: r["reason"],
        "given": lambda r: str(r["given"]),
        "right": lambda r: str(r["right"]),
    },
}
"""Each table's columns, and what stands in them."""
