"""Several evaluated runs side by side, on the same test set, and what differs beyond its intervals.

Everything is read from the ``evaluation.json`` of each; nothing is measured here.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.api import (
    BrainzooError,
    DataError,
    Images,
    IntegrityError,
    NotFoundError,
    OptionError,
    console,
    new_folder,
)
from brainzoo_report.charts import interval_plot
from brainzoo_report.evaluators import value_of
from brainzoo_report.looks import as_grid
from brainzoo_report.render import page_of

number = console.number
FILE = "evaluation.json"
SAMPLES = 32  # shown of each run
PLOT_WIDTH = 240
LEVEL = 0.95  # of the intervals that brainzoo.api.interval returns

Found = Mapping[str, Any]

FLOOR_RULE = (
    "at floor: its interval holds its floor (the same measure of other real people in place of the "
    "synthetic images, or what chance gives), so that this many images do not distinguish the two"
)
DIFFERENCE_RULE = (
    "a difference counts if it exceeds the root of the summed squared half widths of both "
    "intervals; without intervals, or where n, version or options differ, none is claimed"
)


def compare(folders: Sequence[Path]) -> dict[str, Any]:
    """Put the evaluations of several folders side by side.

    By evaluator there are its ``metrics`` with a value for each run (``None`` where it lacks one)
    and their ``differences``; then how many differences were looked at (``compared``), ``exceed``,
    and would by chance alone (``by_chance``).

    Raises:
        OptionError: There are fewer than two runs, or one is named twice.
        NotFoundError: One was not evaluated.
        DataError: The test sets differ, or one result does not say what it was measured on.
    """
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        raise OptionError("found fewer than two different runs; expected two or more.")
    results = [_evaluators(folder) for folder in folders]
    for folder, evaluators in zip(folders, results, strict=True):
        if not evaluators:
            raise NotFoundError(
                f"{folder} was not evaluated: {FILE} holds nothing.",
                f"Run: brainzoo evaluate all {folder}",
            )
    test = _test_set(folders, results)
    runs = [
        {"name": name, "sets": next(iter(evaluators.values()))["sets"]}
        for name, evaluators in zip(short_names(folders), results, strict=True)
    ]
    names = [run["name"] for run in runs]
    evaluators = {
        name: _side_by_side([one.get(name) for one in results], names)
        for name in sorted({name for one in results for name in one})
    }
    metrics = [(name, f) for name, one in evaluators.items() for f in one["metrics"]]
    looked_at = [d for _, f in metrics for d in f["differences"]]
    return {
        "schema": 1,
        "test": test,
        "runs": runs,
        "notes": list(_notes(runs)),
        "evaluators": evaluators,
        "compared": len(looked_at),
        "exceed": sum(d["exceeds"] for d in looked_at),
        "by_chance": round((1 - LEVEL) * len(looked_at), 1),
        "rules": {"floor": FLOOR_RULE, "difference": DIFFERENCE_RULE},
        "sentences": [
            f"{name}, {metric['name']}: {_said(metric, found, names)}"
            for name, metric in metrics
            for found in metric["differences"]
            if found["exceeds"]
        ],
    }


def comparison_page(found: Mapping[str, Any], runs: Sequence[Path]) -> str:
    """Return the page as HTML."""
    names = [run["name"] for run in found["runs"]]
    plots = {
        evaluator: [
            interval_plot(m["values"], m["name"], width=PLOT_WIDTH) for m in part["metrics"]
        ]
        for evaluator, part in found["evaluators"].items()
    }
    looks = [_looks(run, name) for run, name in zip(runs, names, strict=True)]
    return page_of(
        "comparison.html.j2",
        found=found,
        names=names,
        sentences=found["sentences"],
        plots=plots,
        looks=looks,
    )


def _looks(run: Path, name: str) -> dict[str, Any] | None:
    try:
        images = Images.open(run / "samples")[:SAMPLES]
    except BrainzooError as error:
        console.note(f"{name}: its images are not shown: {error.message}")
        return None
    caption = f"the first {len(images)} images it made, none selected"
    return {"name": name, "shown": as_grid(images.floats(), 8, caption)}


def allowed_difference(first: Found, second: Found) -> float | None:
    """Return what two values may differ by within their intervals; ``None`` without intervals.

    The square root of the summed squared half widths, as errors of independent estimates add up:
    rather too much than too little for runs that share test subjects.
    """
    ends = [one.get(key) for one in (first, second) for key in ("low", "high")]
    if not all(isinstance(end, int | float) for end in ends):
        return None
    low, high, other_low, other_high = ends
    return math.hypot((high - low) / 2, (other_high - other_low) / 2)  # type: ignore[operator]


def write(found: Found, page: str, out: Path | None) -> Path:
    """Write ``index.html`` and ``comparison.json`` into a new folder, and return it."""
    numbered = (Path(f"comparison-{n:03d}") for n in itertools.count(1))
    folder = out or next(path for path in numbered if not path.exists())
    with new_folder(folder) as temporary:
        text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
        (temporary / "comparison.json").write_text(f"{text}\n", encoding="utf-8")
        (temporary / "index.html").write_text(page, encoding="utf-8")
    return folder


def short_names(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of paths that differ."""
    parts = [folder.resolve().parts for folder in folders]
    ends = (["/".join(p[-depth:]) for p in parts] for depth in range(1, max(map(len, parts)) + 1))
    return next((names for names in ends if len(set(names)) == len(names)), list(map(str, folders)))


def _evaluators(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return dict(content["evaluators"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{folder / FILE} cannot be read: {error}.") from error


def _test_set(folders: Sequence[Path], found: Sequence[Found]) -> dict[str, Any]:
    """Return the one test set that everything was measured on."""
    known: dict[str, dict[str, Any]] = {}
    where: dict[str, str] = {}
    for folder, evaluators in zip(folders, found, strict=True):
        for name, entry in evaluators.items():
            test = (entry.get("sets") or {}).get("test")
            if not isinstance(test, dict):
                raise DataError(
                    f"{folder}: the result of {name} does not say which test set it is of.",
                    f"Measure it again with: brainzoo evaluate {name} {folder} --again",
                )
            known.setdefault(test["fingerprint"], test)
            where.setdefault(test["fingerprint"], f"{name} of {folder}")
    if len(known) > 1:
        (first, second), sets = list(known)[:2], known
        raise DataError(
            f"the test sets differ: {where[first]} was measured on {_described(sets[first])}, "
            f"{where[second]} on {_described(sets[second])}.",
            "Evaluate all of them with one --test.",
        )
    return next(iter(known.values()), {})


def _described(found: Found) -> str:
    return f"{found['images']} images of {found['subjects']} subjects ({found['fingerprint'][:12]})"


def _side_by_side(entries: Sequence[Found | None], names: Sequence[str]) -> dict[str, Any]:
    there = [entry for entry in entries if entry is not None]
    said = {
        note: [r for r, e in zip(names, entries, strict=True) if e and note in e.get("notes", ())]
        for entry in there
        for note in entry.get("notes", ())
    }
    notes = [n if len(by) == len(names) else f"{', '.join(by)}: {n}" for n, by in said.items()]
    missing = [run for run, entry in zip(names, entries, strict=True) if entry is None]
    if missing:
        notes.append(f"not measured of {', '.join(missing)}")
    unlike = [key for key in ("version", "options") if any(e[key] != there[0][key] for e in there)]
    if unlike:
        notes.append(f"measured with other {' and '.join(unlike)}: no differences are claimed")
    by_name = [{f["name"]: f for f in (entry or {}).get("metrics", ())} for entry in entries]
    order = dict.fromkeys(name for one in by_name for name in one)
    metrics = []
    for name in order:
        found = [one.get(name) for one in by_name]
        values = [v and {**v, "at_floor": value_of(v).at_floor} for v in found]
        differences = [] if unlike else list(_differences(found))
        metrics.append({"name": name, "values": values, "differences": differences})
    return {"notes": notes, "metrics": metrics}


def _differences(values: Sequence[Found | None]) -> Iterator[dict[str, Any]]:
    numbered = [(i, v) for i, v in enumerate(values) if v and v.get("value") is not None]
    for (i, first), (j, second) in itertools.combinations(numbered, 2):
        allowed = allowed_difference(first, second)
        if allowed is None or first.get("n") != second.get("n"):
            continue
        difference = second["value"] - first["value"]
        found = {"runs": [i, j], "difference": difference, "allowed": allowed}
        yield found | {"exceeds": abs(difference) > allowed}


def _said(metric: Found, found: Found, names: Sequence[str]) -> str:
    i, j = found["runs"]
    first, second = metric["values"][i], metric["values"][j]
    word = "higher" if found["difference"] > 0 else "lower"
    text = (
        f"{names[j]} {number(second['value'])} is {word} than {names[i]} {number(first['value'])}, "
        f"by {number(abs(found['difference']))} where {number(found['allowed'])} is within the "
        "intervals"
    )
    floors = [first.get("floor"), second.get("floor")]
    if None in floors:
        return f"{text}."
    distances = [abs(v["value"] - f) for v, f in zip((first, second), floors, strict=True)]
    nearer = names[j] if distances[1] < distances[0] else names[i]
    return f"{text}; {nearer} is nearer to real against real."


def _notes(runs: Sequence[Found]) -> Iterator[str]:
    trained = {run["sets"]["train"]["fingerprint"] for run in runs}
    if len(trained) > 1:
        yield "The runs were trained on different images."
    counts = [run["sets"]["synthetic"]["images"] for run in runs]
    if len(set(counts)) > 1:
        shown = ", ".join(f"{run['name']}: {n:,}" for run, n in zip(runs, counts, strict=True))
        yield f"The numbers of synthetic images differ ({shown}): distances depend on them."
    made = [run["sets"]["synthetic"]["fingerprint"] for run in runs]
    if len(set(made)) < len(made):
        yield "Two of the runs made the very same images."


def lines_of(found: Found) -> Iterator[str]:
    """Yield notes, a table per evaluator, the differences that count, and the rules."""
    yield f"{found['test']['images']:,} test images of {found['test']['subjects']:,} subjects"
    yield from (f"note: {note}" for note in found["notes"])
    header = ["metric", *(run["name"] for run in found["runs"]), "floor", "n", "differs"]
    for name, part in found["evaluators"].items():
        yield f"\n{name}"
        yield from (f"note: {note}" for note in part["notes"])
        if part["metrics"]:
            yield console.table(header, [_cells(metric) for metric in part["metrics"]])
    yield ""
    yield from found["sentences"]
    yield (
        f"{found['exceed']} of {found['compared']} differences exceed their intervals; "
        f"about {found['by_chance']:g} would by chance alone."
    )
    yield f"= {found['rules']['floor']}."
    yield f"* {found['rules']['difference']}."


def _cells(metric: Found) -> list[str]:
    """Return a metric of several runs as cells; = marks a value at its floor."""
    there = [value for value in metric["values"] if value]
    values = [
        f"{console.interval(value)}{' =' if value['at_floor'] else ''}" if value else "-"
        for value in metric["values"]
    ]
    floors = {number(v["floor"]) for v in there if v.get("floor") is not None}
    counts = {f"{v['n']:,}" for v in there}
    exceeds = any(d["exceeds"] for d in metric["differences"])
    differs = "*" if exceeds else "no" if metric["differences"] else ""
    facts = [" / ".join(sorted(found)) for found in (floors, counts)]
    return [metric["name"], *values, *facts, differs]
