"""A score as text and as a self-contained page, and what both show beside it."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from brainzoo.api import DataError, Images, console, grid
from brainzoo_quiz.statistics.scoring import verdict
from brainzoo_quiz.study.files import parse_object, read_text, templates
from brainzoo_quiz.study.key import Key

PAGES = Path(__file__).parent / "page"
MOST_IMAGES = 10  # in the terminal, of those that fooled somebody
MOST_PICTURES = 24

SHOWN = {"privacy": None, "metrics": ("coverage", "recall")}
"""Which metric values of which evaluator; None means all."""

MISSING = (
    "Copies of training images and missing people were not looked for: give the evaluated run of "
    "these synthetic images as --run."
)

Row = Mapping[str, Any]
Pictures = dict[tuple[str, int], bytes]
"""PNG by the fingerprint of an Images folder, and row."""


def text_of(found: Row) -> str:
    """Return a score as the terminal shows it."""
    text = _environment(autoescape=False).get_template("score.txt.j2")
    shown = text.render(found=found, verdict=verdict(found), fooling=_fooling(found)[:MOST_IMAGES])
    return shown.rstrip("\n")


def page_of(found: Row, pictures: Pictures) -> str:
    """Return a score as HTML."""
    style = (PAGES / "page.css").read_text(encoding="utf-8")
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    images = list(_pictured(_fooling(found)[:MOST_PICTURES], pictures))
    rows = [(row["reader"], row["balanced_accuracy"], "") for row in found["readers"]]
    mean = found["group"]["balanced_accuracy"]
    if mean["value"] is not None and mean["readers"] > 1:
        rows.append(("Group", mean, "group"))
    group = _environment(autoescape=False).get_template("group.txt.j2").render(found=found)
    page = _environment(autoescape=True).get_template("page.html.j2")
    return page.render(
        found=found,
        verdict=verdict(found),
        lines=group.splitlines(),
        chart_rows=rows,
        margin=found["group"]["test"].get("margin"),
        style=Markup(style),
        style_hash=f"sha256-{hashed}",
        images=images,
        pictured=any(image["uris"] for image in images),
        version=importlib.metadata.version("brainzoo-quiz"),
    )


def _fooling(found: Row) -> list[dict[str, Any]]:
    """Return images that fooled somebody, most of all first."""
    return [image for image in found.get("images", []) if image["fooled"]]


def _pictured(images: Sequence[Row], pictures: Pictures) -> Iterator[dict[str, Any]]:
    for image in images:
        keys = [(source["images"], source["row"]) for source in image["sources"]]
        shown = [base64.b64encode(pictures[key]).decode() for key in keys if key in pictures]
        yield {**image, "uris": [f"data:image/png;base64,{code}" for code in shown]}


def pictures_of(key: Key, folders: Sequence[Path]) -> Pictures:
    """Return a picture of each image of the test cases that lies in one of the folders.

    Raises:
        DataError: A folder is none of those that the study was made of.
    """
    sources = [source for case in key.cases if case.phase == "test" for source in case.sources]
    found: Pictures = {}
    for folder in folders:
        images = Images.open(folder)
        rows = [source.row for source in sources if source.images == images.fingerprint]
        if not rows:
            raise DataError(
                f"{folder} does not belong to this study: the key names no image of it.",
                "Give the folders that the study was exported from.",
            )
        found |= {(images.fingerprint, row): grid(images.floats([row])) for row in rows}
    return found


def beside(run: Path | None) -> dict[str, Any]:
    """Return the privacy and coverage results of an evaluated run, as ``notes`` and ``metrics``.

    That readers cannot tell says nothing of copies or of missing people: a generator that hands out
    its training images would pass every reader study.

    Raises:
        NotFoundError: The run has no evaluation.
    """
    if run is None:
        return {"notes": [MISSING], "metrics": []}
    text = read_text(run / "evaluation.json", "evaluation")
    evaluators = parse_object(text, "evaluation", "evaluation.json").get("evaluators", {})
    notes, metrics = [], []
    for name, wanted in SHOWN.items():
        found = evaluators.get(name)
        if found is None:
            notes.append(f"{run.name} was not evaluated by {name}.")
            continue
        if name == "privacy":  # its first note is the verdict
            notes += [f"Privacy. {note}" for note in found.get("notes", [])[:1]]
        for row in found.get("metrics", []):
            if wanted is None or row["name"] in wanted:
                keys = ("name", "value", "low", "high", "floor")
                metrics.append({"evaluator": name, **{key: row.get(key) for key in keys}})
    return {"notes": notes, "metrics": metrics}


def _environment(*, autoescape: bool) -> jinja2.Environment:
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
    low, high = found["low"], found["high"]

    def write(value: float) -> str:
        return rate(value) if digits == 3 else f"{value:.{digits}f}".replace("-", "−")

    ends = "" if low is None else f" ({write(low)} to {write(high)})"
    return write(found["value"]) + ends


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
