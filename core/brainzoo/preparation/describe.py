"""What was understood of a data set, and what it holds: ``brainzoo data``."""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from brainzoo.common import console
from brainzoo.data.images import Images
from brainzoo.data.splits import SPLITS
from brainzoo.data.subjects import Subject, channels_of
from brainzoo.data.tables import RESERVED, Row
from brainzoo.plugin.interfaces import Dataset

SHOWN = 5
"""Of a long list of notes."""


def understood(dataset: Dataset, subjects: Sequence[Subject], name: str) -> list[tuple[str, str]]:
    """Return people, scans, channels, ... of a dataset as pairs of label and text."""
    notes = dict(dataset.understood)
    facts = [
        (label, f"{text} {notes.pop(label, '')}".strip())
        for label, text in _facts(dataset, subjects)
    ]
    return [("data", name), *facts, *notes.items()]


def _facts(dataset: Dataset, subjects: Sequence[Subject]) -> Iterator[tuple[str, str]]:
    total = len(subjects)
    scans = Counter(subject.id for subject in subjects)
    several = [count for count in scans.values() if count > 1]
    yield "people", f"{len(scans):,}"
    more = f": {min(several)} to {max(several)} of {len(several):,} people" if several else ""
    if several and len(several) == len(scans) and min(several) == max(several):
        more = f", {several[0]} per person"
    yield "scans", f"{total:,}{more}"
    having = Counter(channel for subject in subjects for channel in subject.images)
    channels = channels_of(dataset.channels, subjects)
    yield (
        "channels",
        ", ".join(c if having[c] == total else f"{c} ({having[c]:,})" for c in channels),
    )
    labels = sum(subject.labels is not None for subject in subjects)
    if labels:
        yield "label maps", "all" if labels == total else f"{labels:,} of {total:,}"
    known = {name for subject in subjects for name in subject.covariates}
    if "age" in known:
        ages = [age for s in subjects if isinstance(age := s.covariates.get("age"), int | float)]
        rest = f", missing of {total - len(ages):,} of {total:,}" if len(ages) < total else ""
        yield "age", (f"{min(ages):.3g} to {max(ages):.3g} years" if ages else "unknown") + rest
    if "sex" in known:
        sexes = Counter(
            {s.id: str(s.covariates.get("sex") or "unknown") for s in subjects}.values()
        )
        yield "sex", ", ".join(f"{sex} {count:,}" for sex, count in sorted(sexes.items()))
    if not known:
        yield "table", "none of ages and sexes"


def describe(images: Images) -> dict[str, Any]:
    """Count what images hold, subjects rather than images; the result is plain JSON.

    Reads all pixels once, for duplicates.
    """
    rows = list(_people(images.table).values())
    of_images, of_people = Counter(images.column("split")), Counter(r.get("split") for r in rows)
    expressions = images.info.get("class_expressions", {})
    return {
        "images": len(images),
        "subjects": len(images.subjects()),
        "shape": list(images.spatial),
        "spacing_mm": images.info.get("spacing_mm"),
        "plane": images.info.get("plane"),
        "channels": images.channel_names,
        "labels": images.label_names,
        "synthetic": images.synthetic,
        "source": images.info.get("source", {}),
        "classes": {name: expressions.get(name) for name in images.classes},
        "splits": {
            split: {"subjects": of_people[split], "images": of_images[split]}
            for split in SPLITS
            if of_images[split]
        },
        "groups": _groups(images, rows),
        "age": _ages(rows),
        "missing": _missing(rows),
        "identical": _identical(images),
        "failed": list(images.info.get("failed", [])),
    }


def _people(table: Sequence[Row]) -> dict[str, Row]:
    """Return one row per subject, with the first value known of each column."""
    people: dict[str, Row] = {}
    for row in table:
        person = people.setdefault(str(row.get("subject") or row.get("image_id")), {})
        person.update({k: v for k, v in row.items() if person.get(k) is None})
    return people


def _groups(images: Images, rows: Sequence[Row]) -> dict[str, dict[str, dict[str, int]]]:
    """Return counts of subjects: column, value, split (and ``all``)."""
    result: dict[str, dict[str, dict[str, int]]] = {}
    for column in ("class", "sex", "site") if images.classes else ("sex", "site"):
        found = sorted({str(row[column]) for row in rows if row.get(column) is not None})
        for name in dict.fromkeys([*(images.classes if column == "class" else []), *found]):
            splits = Counter(row.get("split") for row in rows if str(row.get(column)) == name)
            counted = {"all": splits.total(), **{split: splits[split] for split in SPLITS}}
            result.setdefault(column, {})[name] = counted
    return result


def _ages(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return mean and range of the ages."""
    ages = [age for row in rows if isinstance(age := row.get("age"), int | float)]
    if not ages:
        return None
    return {
        "subjects": len(ages),
        "mean": round(statistics.fmean(ages), 1),
        "sd": round(statistics.pstdev(ages), 1),
        "low": min(ages),
        "high": max(ages),
    }


def _missing(rows: Sequence[Row]) -> dict[str, int]:
    """Return how many subjects lack a value, for the columns that describe people."""
    columns = dict.fromkeys(name for row in rows for name in row if name not in RESERVED)
    missing = {name: sum(row.get(name) is None for row in rows) for name in columns}
    return {name: count for name, count in missing.items() if count}


def _identical(images: Images) -> list[list[str]]:
    """Return groups of scans of which some image is the same, pixel by pixel."""
    owners: dict[bytes, dict[str, None]] = {}
    step = max(1, 4_000_000 // max(1, int(np.prod(images.spatial))))
    with console.progress("looking for duplicates", len(images)) as advance:
        for start in range(0, len(images), step):
            block = images.read(np.arange(start, min(start + step, len(images))))
            for pixels, row in zip(block, images.table[start:], strict=False):
                if pixels.min() == pixels.max():
                    continue
                digest = hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()
                name = " ".join(str(row[k]) for k in ("subject", "scan") if row.get(k) is not None)
                owners.setdefault(digest, {})[name or str(row.get("image_id"))] = None
            advance(len(block))
    groups = {tuple(sorted(group)) for group in owners.values() if len(group) > 1}
    return [list(group) for group in sorted(groups)]


def describe_text(found: Mapping[str, Any]) -> str:
    """Return a description as lines for a terminal."""
    lines = [_headline(found)]
    source = found["source"]
    if source:
        simulated = " (simulated)" if source.get("simulated") else ""
        lines += [
            f"source: {source.get('name', 'unknown')}{simulated}, licence {source.get('license')}"
        ]
        lines += [f"  {source[key]}" for key in ("citation", "url") if source.get(key)]
    counts = [[s, f"{c['subjects']:,}", f"{c['images']:,}"] for s, c in found["splits"].items()]
    lines += ["", console.table(["split", "subjects", "images"], counts)]
    for column, values in found["groups"].items():
        expressions = found["classes"] if column == "class" else {}
        rows = [
            [f"{name} ({rule})" if (rule := expressions.get(name)) else name]
            + [f"{of[split]:,}" for split in ("all", *SPLITS)]
            for name, of in values.items()
        ]
        lines += ["", console.table([column, "subjects", *SPLITS], rows)]
    return "\n".join([*lines, "", *_notes(found)]).rstrip()


def _headline(found: Mapping[str, Any]) -> str:
    spacing = " × ".join(f"{value:.4g}" for value in found["spacing_mm"] or [])
    kind = "synthetic images" if found["synthetic"] else "images"
    whose = f" of {found['subjects']:,} subjects" if found["subjects"] else ""
    words = [
        f"{found['images']:,} {kind}{whose}: {' × '.join(map(str, found['shape']))}",
        f"at {spacing} mm," if spacing else "",
        found["plane"],
        " + ".join(found["channels"]),
    ]
    return " ".join(filter(None, words))


def _notes(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a person should know, where there is something to know."""
    if age := found["age"]:
        yield f"age: {age['mean']:g} ± {age['sd']:g} years, {age['low']:.0f} to {age['high']:.0f}"
    if found["missing"]:
        parts = [f"{name} of {count}" for name, count in found["missing"].items()]
        yield f"missing: {', '.join(parts)} subjects"
    yield from _some("identical pixels", [" = ".join(group) for group in found["identical"]])
    failed = [(f["subject"], f.get("scan"), f["reason"]) for f in found["failed"]]
    yield from _some("left out", [f"{' '.join(filter(None, f[:2]))}: {f[2]}" for f in failed])


def _some(what: str, texts: Sequence[str]) -> Iterator[str]:
    yield from (f"{what}: {text}" for text in texts[:SHOWN])
    if len(texts) > SHOWN:
        yield f"{what}: {len(texts) - SHOWN} more"
