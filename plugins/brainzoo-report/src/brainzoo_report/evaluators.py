"""What evaluators found, for the page: notes, then values beside their floors, then the rest.

Any evaluator is shown; of the project's own, ``captions.yaml`` knows what to say.
Nobody is named: cells that tell a subject stay in ``evaluation.json``.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from brainzoo.api import MetricValue
from brainzoo_report.charts import MEASURED, interval_plot
from brainzoo_report.facts import flat, measured
from brainzoo_report.looks import evaluator_picture
from brainzoo_report.runfolder import RunFolder, number, read_json

REALISM = ("FID", "FD", "SWD", "KID")  # what is named in the conclusion, the first that is there
MOST_TIMES = 100  # as far as the floor: beyond, the floor is as good as 0
TABLE_ROWS = 100  # of an evaluator's table at most
OF_SUBJECTS = re.compile(r"(?:\b|_)(?:subject|participant|scan)(?:_?id)?\b", re.IGNORECASE)
"""Columns that may name somebody, if they hold text."""
PUBLISHED = (("Alam et al., PGGAN", 0.736, 0.883), ("Alam et al., DCGAN", 0.598, 0.883))
"""Harmonic means that Alam et al. published (brain MRI, SVM on VGG-16): synthetic, and real."""


def evaluators_of(run: RunFolder, real: bool) -> list[dict[str, Any]]:
    """Return what each evaluator found, ready for the template."""
    people = set(run.prepared.subjects()) if run.prepared else set()
    return [
        _evaluator(run, str(name), mapping(found), real, people)
        for name, found in mapping(run.evaluation.get("evaluators")).items()
    ]


def conclusion(evaluators: list[dict[str, Any]], run: RunFolder) -> str:
    """Say in a sentence how real and how private the images are, as far as it was measured."""
    found = mapping(mapping(run.evaluation.get("evaluators")).get("metrics")).get("metrics")
    values = [value_of(m) for m in listed(found) if isinstance(m, dict)]
    known = [v for v in values if v.floor is not None and math.isfinite(v.value)]
    best = next((v for name in REALISM for v in known if v.name.split()[0] == name), None)
    if best is None:
        real = "How real the images are was not measured"
    elif best.at_floor:
        real = (
            "By their distance to people it never saw, the images look like those of other "
            f"real people ({best.name} {measured(best.value)}, floor {measured(best.floor)})"
        )
    else:
        # Of a floor near 0 or below, as KID's may be, nothing is a multiple.
        times = best.value / best.floor if best.floor and best.floor > 0 else math.nan
        real = (
            f"Their distance to people it never saw is {times:.2g} times that of other real people "
            f"({best.name} {measured(best.value)}, floor {measured(best.floor)})"
            if 1 < times < MOST_TIMES
            else f"Their distance to people it never saw is {best.name} {measured(best.value)}, "
            f"where other real people have {measured(best.floor)}"
        )
    audit = next((e["verdict"] for e in evaluators if e["name"] == "privacy"), "")
    said = {
        "passed": "the privacy audit passed",
        "failed": "the privacy audit failed: the images reveal people it learned from",
        "undecided": "the privacy audit could not decide: there are too few people",
    }
    return f"{real}; {said.get(audit, 'privacy was not audited')}."


def failed_of(run: RunFolder) -> list[str]:
    """Return the names of evaluators that failed and were not run again since."""
    return [str(name) for name in mapping(run.evaluation.get("failed"))]


def _evaluator(
    run: RunFolder, name: str, found: Mapping[str, Any], real: bool, people: set[str]
) -> dict[str, Any]:
    metrics = [_metric(m) for m in listed(found.get("metrics")) if isinstance(m, dict)]
    tables = [
        _table(name, str(title), rows, people)
        for title, rows in mapping(found.get("tables")).items()
    ]
    pictures = listed(found.get("pictures")) if real else []
    files = _files(run, found)
    return {
        "name": name,
        "lead": str(_words()["leads"].get(name) or found.get("summary") or ""),
        "notes": [str(note) for note in listed(found.get("notes"))],
        "metrics": metrics,
        "floors": any(metric["floor"] for metric in metrics),
        "at_floor": sum(metric["at_floor"] for metric in metrics),
        "published": _published(found) if name == "gantrain" else [],
        "tables": [table for table in tables if table["rows"]],
        "pictures": list(_pictures(run, name, pictures)),
        "verdict": _verdict(files),
        "files": [(file, _pairs(content, people)) for file, content in files],
        "sets": _sets(found),
    }


def _metric(found: Mapping[str, Any]) -> dict[str, Any]:
    metric = value_of(found)
    ends = metric.low is not None and metric.high is not None
    return {
        "name": str(found.get("name", "")),
        "value": measured(found.get("value")),
        "interval": f"{measured(metric.low)} to {measured(metric.high)}" if ends else "",
        "floor": measured(found.get("floor")),
        "n": f"{n:,.0f}" if (n := number(found.get("n"))) is not None else "",
        "detail": str(found.get("detail") or ""),
        "at_floor": metric.at_floor,
        "plot": interval_plot([{k: number(found.get(k)) for k in MEASURED}]),
    }


def value_of(found: Mapping[str, Any]) -> MetricValue:
    """Return an entry of ``evaluation.json``; anything but numbers is missing."""
    value, low, high, floor = (number(found.get(key)) for key in MEASURED)
    name = str(found.get("name", ""))
    return MetricValue(name, math.nan if value is None else value, 0, low, high, floor)


def _published(found: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return GAN-train's harmonic means beside those that Alam et al. published.

    A name, and the harmonic mean of what was trained on synthetic images, on real ones, and the
    ratio of both.
    """
    own = {
        str(f.get("name")): number(f.get("value"))
        for f in listed(found.get("metrics"))
        if isinstance(f, dict)
    }
    if own.get("harmonic mean") is None:
        return []
    names = ("harmonic mean", "harmonic mean, real", "ratio to real")
    rows = [("this run", [own.get(name) for name in names])]
    rows += [(name, [value, real, value / real]) for name, value, real in PUBLISHED]
    return [(name, ["" if v is None else f"{v:.3f}" for v in values]) for name, values in rows]


def _table(evaluator: str, name: str, found: Any, people: set[str]) -> dict[str, Any]:
    rows = [row for row in listed(found) if isinstance(row, dict)]
    columns = list(dict.fromkeys(str(key) for row in rows for key in row))
    shown = [column for column in columns if not _names_somebody(column, rows, people)]
    cells = [[measured(row.get(column)) for column in shown] for row in rows[:TABLE_ROWS]]
    numeric = [all(number(row.get(c)) is not None or not row.get(c) for row in rows) for c in shown]
    title, about, shown_at_once = _table_title(evaluator, name)
    return {
        "name": name,
        "title": title,
        "about": about,
        "open": shown_at_once,
        "columns": list(zip(shown, numeric, strict=True)),
        "rows": cells,
        "numeric": numeric,
        "more": len(rows) - len(cells),
        "left_out": len(columns) - len(shown),
    }


def _names_somebody(column: str, rows: list[dict[str, Any]], people: set[str]) -> bool:
    texts = {cell for row in rows if isinstance(cell := row.get(column), str)}
    return bool(texts) and (bool(OF_SUBJECTS.search(column)) or not texts.isdisjoint(people))


def _pictures(run: RunFolder, evaluator: str, places: list[Any]) -> Iterator[dict[str, Any]]:
    for place in map(str, places):
        picture = evaluator_picture(run, place)
        if picture is None:
            run.notes.append(f"The picture {place} cannot be read and is left out.")
            continue
        title, about = _title_of(evaluator, PurePosixPath(place).stem)
        wide = picture.width > 1.7 * picture.height or picture.width > 600
        yield {"picture": picture, "title": title, "about": about, "wide": wide}


def _verdict(files: list[tuple[str, dict[str, Any]]]) -> str:
    """Return ``passed``, ``failed`` or ``undecided`` if an evaluator's file says so."""
    for _, content in files:
        if isinstance(content.get("passed"), bool):
            failed = (
                "undecided" if content.get("doubts") and not content.get("reasons") else "failed"
            )
            return "passed" if content["passed"] else failed
    return ""


def _title_of(evaluator: str, name: str) -> tuple[str, str]:
    """Return the title of a picture and a word on it; of a plane, the plane is added."""
    known = _words()["pictures"].get(evaluator, {})
    first, _, plane = name.partition("-")
    for key, shown in ((name, ""), (first, plane)):
        if key in known:
            title, about = known[key]
            return (f"{title}, {shown}" if shown else title), about
    return name.replace("_", " ").replace("-", " "), ""


def _table_title(evaluator: str, name: str) -> tuple[str, str, bool]:
    """Return the title of a table, a word on it, and whether it is shown without a click."""
    title, about = _words()["tables"].get(evaluator, {}).get(name, (name, ""))
    return title, about, name in _words()["open"].get(evaluator, ())


@functools.cache
def _words() -> dict[str, dict[str, Any]]:
    text = (Path(__file__).parent / "captions.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return found


def _files(run: RunFolder, found: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the small JSON files that an evaluator wrote for machines: name and content."""
    places = [p for p in map(str, listed(found.get("files"))) if p.endswith(".json")]
    contents = [(PurePosixPath(place).name, read_json(run, place)) for place in places]
    return [(name, content) for name, content in contents if isinstance(content, dict)]


def _pairs(content: dict[str, Any], people: set[str]) -> list[tuple[str, str]]:
    """Return what a file holds but the texts that may name somebody."""
    return [
        (key, text)
        for key, text in flat(content)
        if text not in people and (not OF_SUBJECTS.search(key) or text.isdigit())
    ]


def _sets(found: Mapping[str, Any]) -> str:
    sets = {name: mapping(one) for name, one in mapping(found.get("sets")).items()}
    if not {"test", "synthetic"} <= set(sets):
        return ""
    counts = {name: number(one.get("images")) or 0 for name, one in sets.items()}
    people = number(sets["test"].get("subjects")) or 0
    return (
        f"{counts['synthetic']:,.0f} synthetic images against {counts['test']:,.0f} of "
        f"{people:,.0f} test subjects"
    )


def mapping(value: Any) -> dict[str, Any]:
    """Return a mapping, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """Return a list, or an empty one for anything else."""
    return value if isinstance(value, list) else []
