"""Several evaluated runs side by side, on the same test set, and what differs beyond its intervals.

Everything is read from the ``evaluation.json`` of each; nothing is measured here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.common.console import number
from brainzoo.common.errors import BrainzooError, DataError, NotFoundError, OptionError
from brainzoo.common.files import free_folder, new_folder, write_text
from brainzoo.evaluating.intervals import LEVEL
from brainzoo.evaluating.results import FILE, read_evaluation
from brainzoo.plugin.findings import MetricValue
from brainzoo.plugin.interfaces import Exporter
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.part import Part

Found = Mapping[str, Any]

FLOOR_RULE = (
    "at floor: its interval holds its floor (the same measure of other real people in place of the "
    "synthetic images, or what chance gives), so that this many images do not distinguish the two"
)
DIFFERENCE_RULE = (
    "a difference counts if it exceeds the root of the summed squared half widths of both "
    "intervals; without intervals, or where n, version or options differ, none is claimed"
)


def expect_folders(folders: Sequence[Path]) -> None:
    """Refuse folders that are not there or given twice, or were measured on other test sets."""
    if len(folders) < 2:
        raise OptionError(
            f"--compare needs two runs or more; found {len(folders)}.",
            "Try: brainzoo evaluate --compare runs/dcgan-ixi-001 runs/pggan-ixi-001",
        )
    resolved = [folder.resolve() for folder in folders]
    twice = next((f for f, r in zip(folders, resolved, strict=True) if resolved.count(r) > 1), None)
    if twice is not None:
        raise OptionError(f"{twice} is given twice.", "Name different runs.")
    for folder in folders:
        if not folder.is_dir():
            raise NotFoundError(f"there is no folder {folder}.", "Check the name of the run.")
    _test_set(folders, [read_evaluation(folder)["evaluators"] for folder in folders])


def lacking(folder: Path, parts: Sequence[Part]) -> list[Part]:
    """Return those evaluators that a run has no result of."""
    there = read_evaluation(folder)["evaluators"]
    return [part for part in parts if part.name not in there]


def compare(folders: Sequence[Path]) -> dict[str, Any]:
    """Put the evaluations of several folders side by side.

    By evaluator there are its ``metrics`` with a value for each run (``None`` where it lacks one)
    and their ``differences``; then how many differences were looked at (``compared``), ``exceed``,
    and would by chance alone (``by_chance``).

    Raises:
        NotFoundError: One was not evaluated.
        DataError: The test sets differ, or one result does not say what it was measured on.
    """
    results = [read_evaluation(folder)["evaluators"] for folder in folders]
    for folder, evaluators in zip(folders, results, strict=True):
        if not evaluators:
            raise NotFoundError(
                f"{folder} was not evaluated: {FILE} holds nothing.",
                f"Add --evaluate all, or run: brainzoo evaluate all {folder}",
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


def write(found: Found, runs: Sequence[Path], out: Path | None) -> tuple[Path, Path | None]:
    """Write ``comparison.json`` into a new folder, and a page if an exporter can; return both."""
    folder, page = out or free_folder("comparison"), None
    with new_folder(folder) as temporary:
        text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
        write_text(temporary / "comparison.json", text + "\n")
        for spec in plugins().specs("exporter"):
            with contextlib.suppress(BrainzooError):  # a broken plugin; the table remains
                exporter: Exporter = plugins().load("exporter", spec.name)(spec.config())
                page = page or exporter.export_comparison(found, runs, temporary)
    return folder, folder / page.name if page else None


def short_names(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of paths that differ."""
    parts = [folder.resolve().parts for folder in folders]
    ends = (["/".join(p[-depth:]) for p in parts] for depth in range(1, max(map(len, parts)) + 1))
    return next((names for names in ends if len(set(names)) == len(names)), list(map(str, folders)))


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
        values = [v and {**v, "at_floor": _value(v).at_floor} for v in found]
        differences = [] if unlike else list(_differences(found))
        metrics.append({"name": name, "values": values, "differences": differences})
    return {"notes": notes, "metrics": metrics}


def _value(found: Found) -> MetricValue:
    """Return an entry of ``evaluation.json`` as it was measured; null where it was not finite."""
    names = {field.name for field in dataclasses.fields(MetricValue)}
    return MetricValue(**{"value": math.nan, "n": 0, **{k: found[k] for k in found if k in names}})


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
