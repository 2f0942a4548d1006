"""What an exported file says about itself, and under which name it is written.

Synthetic images carry everything that made them, and nothing of any real subject; of real
images only what is needed to read them, and no identifier beyond ``image_id``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from brainzoo.common.errors import DataError
from brainzoo.data.images import Images
from brainzoo.data.subjects import Value

NOT_FOR_DIAGNOSIS = "Synthetic images made by a generative model. Not for diagnosis."
REAL = "Real images prepared by brainzoo; their licence and their subjects' consent apply."

_OF_SUBJECTS = frozenset({"image_id", "subject", "participant_id", "scan", "split"})


def describe(images: Images) -> dict[str, Any]:
    """Return what holds for all images, ready for JSON."""
    info, source = images.info, images.info.get("source") or {}
    common = {
        "Description": NOT_FOR_DIAGNOSIS if images.synthetic else REAL,
        "Modality": "MR",
        "synthetic": images.synthetic,
        "channels": images.channel_names,
        **({"labels": images.label_names} if images.label_names else {}),
        "plane": info.get("plane"),
        "spacing_mm": info.get("spacing_mm"),
        "value_range": [0, 1],
        "trained_on" if images.synthetic else "source": {
            "name": source.get("name"),
            "license": source.get("license", "unknown"),
            "citation": source.get("citation", ""),
            "url": source.get("url", ""),
            "simulated": bool(source.get("simulated", False)),
        },
    }
    if images.synthetic:
        common |= {
            "generator": info.get("generator"),
            "checkpoint_sha256": info.get("checkpoint_sha256"),
            "seed": info.get("seed"),
        }
    return common


def describe_image(images: Images, row: Mapping[str, Value]) -> dict[str, Any]:
    """Return what an image's JSON sidecar holds.

    The condition of a synthetic image is what was asked for, completed by what was drawn.
    """
    about = {"image_id": row.get("image_id"), **describe(images)}
    if not images.synthetic:
        return about
    drawn = {k: v for k, v in row.items() if k not in _OF_SUBJECTS and v is not None}
    return {**about, "condition": {**(images.info.get("condition") or {}), **drawn} or None}


def public_rows(rows: Iterable[Mapping[str, Value]]) -> Iterator[dict[str, Value]]:
    """Yield what a table of exported images may say of each: nothing that names a person."""
    for row in rows:
        yield {k: v for k, v in row.items() if k not in _OF_SUBJECTS}


def limited(images: Images, limit: int | None) -> Images:
    """Return the first ``limit`` images.

    Raises:
        DataError: There are none at all.
    """
    if not len(images):
        raise DataError("there are no images to export; expected at least one.")
    return images[:limit] if limit else images


def file_names(images: Images) -> list[str]:
    """Return a file name, without suffix, for each image: its ``image_id`` made safe.

    Raises:
        DataError: An image has no id, or two would get the same name.
    """
    names = [safe_name(row.get("image_id")) for row in images.table]
    if not all(names):
        raise DataError(f"image {names.index('') + 1} of {len(names)} has no image_id.")
    twice = _first_twice(name.lower() for name in names)  # some file systems ignore case
    if twice:
        raise DataError(f"two images would be written as {twice!r}; expected different image ids.")
    return names


def safe_name(value: Value) -> str:
    """Return text as a file name that is safe on every system; empty if nothing is left."""
    text = f"{value:.10g}" if isinstance(value, float | int) else str(value or "")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:120]


def _first_twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""
