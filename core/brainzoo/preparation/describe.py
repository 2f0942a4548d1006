"""What a data set holds, and where it is thin: the figures behind ``brainzoo data``."""

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
from brainzoo.data.tables import Row

THIN = 5
"""A group with fewer subjects than this is named as thin."""

BIN_YEARS = 10

Description = dict[str, Any]


def describe(images: Images) -> Description:
    """Count what images hold; everything in the result is plain JSON.

    Subjects are counted, not images, wherever images have subjects. Reads all pixels once, for
    duplicates.

    Args:
        images: Real or synthetic images.

    Returns:
        ``images``, ``subjects``, ``shape``, ``spacing_mm``, ``plane``, ``modality``,
        ``synthetic``, ``source``, ``classes`` (expressions), ``splits``, ``groups`` (counts by
        class, sex and site in each split), ``age`` (figures and bins in years), ``missing``
        (subjects without a value), ``identical`` (groups of scans that share pixels),
        ``repeated`` (scans whose ids occur twice), ``several_scans``, ``failed`` and ``thin``.
    """
    people = _people(images.table)
    rows = list(people.values())
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
        "classes": {
            name: images.info.get("class_expressions", {}).get(name) for name in images.classes
        },
        "splits": _by_split(images, rows),
        "groups": _groups(images, rows),
        "age": _ages(rows),
        "missing": _missing(rows),
        "identical": _identical(images),
        "repeated": _repeated(images.table),
        "several_scans": _several_scans(images.table),
        "failed": list(images.info.get("failed", [])),
        "thin": _thin(images, rows),
    }


def describe_text(found: Description) -> str:
    """Return a description as lines for a terminal."""
    return "\n".join(_lines(found))


def _people(table: Sequence[Row]) -> dict[str, Row]:
    """Return one row per subject, with the first value known of each column."""
    people: dict[str, Row] = {}
    for row in table:
        person = people.setdefault(str(row.get("subject") or row.get("image_id")), {})
        for name, value in row.items():
            if person.get(name) is None:
                person[name] = value
    return people


def _by_split(images: Images, rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    of_images = Counter(images.column("split"))
    of_people = Counter(row.get("split") for row in rows)
    return {
        split: {"subjects": of_people[split], "images": of_images[split]}
        for split in SPLITS
        if of_images[split]
    }


def _groups(images: Images, rows: Sequence[Row]) -> dict[str, dict[str, dict[str, int]]]:
    """Return counts of subjects: column, value, split (and ``all``)."""
    result: dict[str, dict[str, dict[str, int]]] = {}
    for column in ("class", "sex", "site"):
        if column == "class" and not images.classes:
            continue
        counted: dict[str, dict[str, int]] = {}
        names = images.classes if column == "class" else []
        found = sorted({str(row[column]) for row in rows if row.get(column) is not None})
        for name in dict.fromkeys([*names, *found]):
            of = [row for row in rows if str(row.get(column)) == name]
            splits = Counter(row.get("split") for row in of)
            counted[name] = {"all": len(of), **{s: splits[s] for s in SPLITS}}
        if counted:
            result[column] = counted
    return result


def _ages(rows: Sequence[Row]) -> Description | None:
    """Return mean, range and bins of the ages, by sex where it is known."""
    known = [(age, row) for row in rows if isinstance(age := row.get("age"), int | float)]
    if not known:
        return None
    ages = [age for age, _ in known]
    bins = []
    first = int(min(ages) // BIN_YEARS) * BIN_YEARS
    for start in range(first, int(max(ages)) + 1, BIN_YEARS):
        of = [row for age, row in known if start <= age < start + BIN_YEARS]
        sexes = Counter(str(row["sex"]) for row in of if row.get("sex") is not None)
        bins.append({"from": start, "subjects": len(of), "sex": dict(sorted(sexes.items()))})
    return {
        "subjects": len(ages),
        "mean": round(statistics.fmean(ages), 1),
        "sd": round(statistics.pstdev(ages), 1),
        "low": min(ages),
        "high": max(ages),
        "bins": bins,
    }


def _missing(rows: Sequence[Row]) -> dict[str, int]:
    """Return how many subjects lack a value, for the columns that describe people."""
    own = {"image_id", "subject", "scan", "split", "class", "plane", "position_mm"}
    columns = dict.fromkeys(name for row in rows for name in row if name not in own)
    missing = {name: sum(row.get(name) is None for row in rows) for name in columns}
    return {name: count for name, count in missing.items() if count}


def _identical(images: Images) -> list[list[str]]:
    """Return groups of scans of which some image is the same, pixel by pixel."""
    owners: dict[bytes, dict[str, None]] = {}
    for i, pixels in _pixels(images):
        if pixels.min() == pixels.max():
            continue
        digest = hashlib.blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=16).digest()
        row = images.table[i]
        name = " ".join(str(row[k]) for k in ("subject", "scan") if row.get(k) is not None)
        owners.setdefault(digest, {})[name or str(row.get("image_id"))] = None
    groups = {tuple(sorted(group)) for group in owners.values() if len(group) > 1}
    return [list(group) for group in sorted(groups)]


def _pixels(images: Images) -> Iterator[tuple[int, Any]]:
    step = max(1, 4_000_000 // max(1, int(np.prod(images.spatial))))
    starts = range(0, len(images), step)
    with console.progress("looking for duplicates", len(images)) as advance:
        for start in starts:
            block = images.read(np.arange(start, min(start + step, len(images))))
            yield from enumerate(block, start=start)
            advance(len(block))


def _repeated(table: Sequence[Row]) -> list[str]:
    """Return scans that are there more than once under the same ids."""
    columns = ("subject", "scan", "plane", "position_mm", "patch", "turned_deg", "flipped")
    found = Counter(tuple(row.get(column) for column in columns) for row in table)
    repeated = {
        " ".join(str(part) for part in key[:2] if part is not None)
        for key, count in found.items()
        if count > 1 and key[0] is not None
    }
    return sorted(repeated)


def _several_scans(table: Sequence[Row]) -> dict[str, int]:
    """Return subjects with more than one scan."""
    scans: dict[str, set[str]] = {}
    for row in table:
        if row.get("subject"):
            scans.setdefault(str(row["subject"]), set()).add(str(row.get("scan")))
    return {subject: len(of) for subject, of in sorted(scans.items()) if len(of) > 1}


def _thin(images: Images, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return groups with few subjects: of ages by sex, and of classes in each split."""
    thin: list[dict[str, Any]] = []
    if images.synthetic:
        return thin
    for name, counts in _groups(images, rows).get("class", {}).items():
        for split in ("train", "test"):
            if counts[split] < THIN:
                thin.append({"group": f"class {name}, {split}", "subjects": counts[split]})
    ages = _ages(rows)
    sexes = sorted({str(row["sex"]) for row in rows if row.get("sex") is not None})
    for part in ages["bins"] if ages else []:
        label = f"age {part['from']} to {part['from'] + BIN_YEARS}"
        cells = {f"{label}, {sex}": part["sex"].get(sex, 0) for sex in sexes}
        for group, count in (cells or {label: part["subjects"]}).items():
            if count < THIN:
                thin.append({"group": group, "subjects": count})
    return thin


def _lines(found: Description) -> Iterator[str]:
    yield _headline(found)
    source = found["source"]
    if source:
        simulated = " (simulated)" if source.get("simulated") else ""
        yield f"source: {source.get('name', 'unknown')}{simulated}, licence {source.get('license')}"
        yield from (f"  {source[key]}" for key in ("citation", "url") if source.get(key))
    yield ""
    header = ["split", "subjects", "images"]
    counts = [[s, f"{c['subjects']:,}", f"{c['images']:,}"] for s, c in found["splits"].items()]
    yield console.table(header, counts)
    for column, values in found["groups"].items():
        yield ""
        rows = [
            [_class_label(found, column, name), *(f"{of[s]:,}" for s in ("all", *SPLITS))]
            for name, of in values.items()
        ]
        yield console.table([column, "subjects", *SPLITS], rows)
    yield from _age_lines(found["age"])
    yield from _notes(found)


def _headline(found: Description) -> str:
    spacing = found["spacing_mm"] or []
    return " ".join(
        [
            f"{found['images']:,}",
            "synthetic images" if found["synthetic"] else "images",
            f"of {found['subjects']:,} subjects:" if found["subjects"] else ":",
            " × ".join(map(str, found["shape"])),
            f"at {' × '.join(f'{value:.4g}' for value in spacing)} mm," if spacing else "",
            " ".join(filter(None, (found["plane"], " + ".join(found["channels"])))),
        ]
    ).replace(" :", ":")


def _class_label(found: Description, column: str, name: str) -> str:
    expression = found["classes"].get(name) if column == "class" else None
    return f"{name} ({expression})" if expression else name


def _age_lines(age: Mapping[str, Any] | None) -> Iterator[str]:
    if age is None:
        return
    yield ""
    yield (
        f"age: {age['mean']:g} ± {age['sd']:g} years, {age['low']:.0f} to {age['high']:.0f} "
        f"({age['subjects']:,} subjects)"
    )
    most = max(part["subjects"] for part in age["bins"])
    for part in age["bins"]:
        bar = "█" * round(40 * part["subjects"] / most)
        sexes = " ".join(f"{sex} {count}" for sex, count in part["sex"].items())
        label = f"{part['from']:>3} to {part['from'] + BIN_YEARS:<3}"
        yield f"  {label} {bar or '▏'} {part['subjects']}{f'  ({sexes})' if sexes else ''}"


def _notes(found: Description) -> Iterator[str]:
    """Yield what a person should know, where there is something to know."""
    notes = []
    missing = dict(found["missing"])
    if found["subjects"] and missing.get("age") == missing.get("sex") == found["subjects"]:
        notes.append("there is no table of ages and sexes for these subjects")
        unknown = ("age", "sex", "site")
        missing = {
            k: v for k, v in missing.items() if not (k in unknown and v == found["subjects"])
        }
    if missing:
        parts = [f"{name} of {count}" for name, count in missing.items()]
        notes.append(f"missing: {', '.join(parts)} subjects")
    if found["several_scans"]:
        notes.append(f"several scans: {len(found['several_scans'])} subjects, each in one split")
    if found["repeated"]:
        notes.append(f"the same ids twice: {', '.join(found['repeated'][:8])}")
    for group in found["identical"][:5]:
        notes.append(f"identical pixels: {' = '.join(group)}")
    if len(found["identical"]) > 5:
        notes.append(f"identical pixels: {len(found['identical']) - 5} more groups")
    for failed in found["failed"][:5]:
        name = " ".join(filter(None, (failed["subject"], failed.get("scan"))))
        notes.append(f"left out: {name}: {failed['reason']}")
    if len(found["failed"]) > 5:
        notes.append(f"left out: {len(found['failed']) - 5} more scans")
    if found["thin"]:
        parts = [f"{part['group']} ({part['subjects']})" for part in found["thin"][:8]]
        more = f", and {len(found['thin']) - 8} more" if len(found["thin"]) > 8 else ""
        notes.append(f"thin (fewer than {THIN} subjects): {'; '.join(parts)}{more}")
    if notes:
        yield ""
        yield from notes
