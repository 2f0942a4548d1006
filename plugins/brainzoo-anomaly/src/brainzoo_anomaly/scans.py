"""Scans with lesions that the user brings, with masks beside them, as in BraTS.

Every mask is paired with the scan in its folder whose name begins like its own. Both are sampled on
the grid of the model's own images.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from brainzoo.api import (
    VOLUMES,
    BrainzooError,
    DataError,
    Images,
    NotFoundError,
    PrepareConfig,
    Scan,
    Subject,
    console,
    files_below,
    find_head,
    make_config,
    make_images,
    read_volume,
    stem,
)
from brainzoo_anomaly.cases import Cases, given_cases
from brainzoo_anomaly.config import AnomalyConfig
from brainzoo_anomaly.regions import Bools, Floats

LESION = 0.5
"""Pixels of which at least this part is lesion count as such."""


def pairs(config: AnomalyConfig) -> list[tuple[Path, Path]]:
    """Return scans and their masks.

    Raises:
        NotFoundError: There is no such folder.
        DataError: There is no mask, or one has no scan of its own.
    """
    assert config.scans is not None
    if not config.scans.is_dir():
        raise NotFoundError(f"there is no folder {config.scans}.", "Check --anomaly.scans.")
    files = [p for p in files_below(config.scans)[0] if p.name.lower().endswith(VOLUMES)]
    masks = [p for p in files if fnmatch(p.name.lower(), config.masks_pattern.lower())]
    scans = [
        p for p in files if p not in masks and fnmatch(p.name.lower(), config.scans_pattern.lower())
    ]
    if not masks:
        raise DataError(
            f"{config.scans} holds no masks: {len(files)} NIfTI files, none is named "
            f"{config.masks_pattern!r}.",
            "Say how they are named: --anomaly.masks-pattern.",
        )
    return [(_scan_of(mask, scans, config), mask) for mask in masks]


def scan_cases(config: AnomalyConfig, test: Images) -> Cases:
    """Return the given scans on the grid of the test images, where they show a lesion.

    Raises:
        DataError: The test images do not tell how they were prepared, or nothing can be used.
    """
    given: Mapping[str, Any] | None = test.info.get("preparation")
    try:
        prepare = make_config(PrepareConfig, given or {}, "preparation of the test images")
    except BrainzooError:
        prepare = None
    if not given or prepare is None or (prepare.size,) * prepare.dims != test.spatial:
        raise DataError(
            "the test images do not say how they were prepared, so scans cannot be made alike.",
            "Evaluate a run, or images that brainzoo data made.",
        )
    prepare = dataclasses.replace(prepare, rotations=0, flips=False, mask=False)
    found = pairs(config)
    pixels, masks, places, subjects = [], [], list[int](), list[str]()
    with console.progress("preparing scans with lesions", len(found)) as advance:
        for scan, mask in found:
            try:
                image, lesion = _prepared(scan, mask, prepare)
            except BrainzooError as error:
                console.warn(f"{scan.name} is skipped: {error.message}")
            else:
                pixels.append(image)
                masks.append(lesion)
                places += range(len(image))
                subjects += [f"scan {scan.parent.name}/{stem(scan)}"] * len(image)
            advance(1)
    if not pixels:
        raise DataError(f"none of {len(found)} scans with masks can be used.", "See the warnings.")
    return given_cases(np.concatenate(pixels), np.concatenate(masks), places, subjects, config)


def _scan_of(mask: Path, scans: list[Path], config: AnomalyConfig) -> Path:
    """Return the scan beside a mask whose name has the longest beginning in common with it."""
    beside = [scan for scan in scans if scan.parent == mask.parent]
    common = [_alike(scan.name, mask.name) for scan in beside]
    best = [scan for scan, length in zip(beside, common, strict=True) if length == max(common)]
    if len(best) != 1:
        raise DataError(
            f"mask {mask.name} has {len(best)} scans beside it that are named "
            f"{config.scans_pattern!r}; expected one.",
            "Say how the scans are named: --anomaly.scans-pattern.",
        )
    return best[0]


def _alike(one: str, other: str) -> int:
    """Return how many characters two names begin with alike."""
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length


def _prepared(scan: Path, mask: Path, config: PrepareConfig) -> tuple[Floats, Bools]:
    """Return the images of a scan and where they show lesion, on the same grid."""
    volume, lesion = read_volume(scan), read_volume(mask)
    if lesion.data.shape != volume.data.shape or not np.allclose(
        lesion.affine, volume.affine, atol=0.1
    ):
        raise DataError(f"its mask {mask.name} lies on another grid.")
    seen = Scan.of(volume, config.axes)
    head = find_head(seen, config.percentiles)
    subject = Subject(stem(scan), {"scan": scan})
    image = make_images(seen, head, config, subject).pixels
    binary = dataclasses.replace(
        lesion, data=(lesion.data != 0).astype(np.float32), affine=volume.affine
    )
    unit = dataclasses.replace(head, black=0.0, white=1.0)
    part = make_images(Scan.of(binary, config.axes), unit, config, subject).pixels
    return np.clip(image, 0, 1).astype(np.float32), part[:, 0] >= LESION
