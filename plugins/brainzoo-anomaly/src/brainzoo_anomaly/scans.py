"""Scans with lesions that the user brings, with masks beside them, as in BraTS.

Every mask is paired with the scan in its folder whose name begins like its own. Both are sampled on
the grid of the model's own images.
"""

from __future__ import annotations

import os.path
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from brainzoo.api import (
    BrainzooError,
    DataError,
    Images,
    NotFoundError,
    OptionError,
    console,
    prepare_pair,
)
from brainzoo_anomaly.cases import Cases, given_cases
from brainzoo_anomaly.config import AnomalyConfig

VOLUMES = (".nii", ".nii.gz")


def pairs(config: AnomalyConfig) -> list[tuple[Path, Path]]:
    """Return scans and their masks.

    Raises:
        NotFoundError: No such folder.
        DataError: There is no mask, or one has no scan of its own.
    """
    assert config.scans is not None
    if not config.scans.is_dir():
        raise NotFoundError(f"there is no folder {config.scans}.", "Check --anomaly.scans.")
    files = [p for p in sorted(config.scans.rglob("*")) if p.name.lower().endswith(VOLUMES)]
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
        DataError: None of the scans can be used.
    """
    found = pairs(config)
    pixels, masks, places, subjects = [], [], list[int](), list[str]()
    with console.progress("preparing scans with lesions", len(found)) as advance:
        for scan, mask in found:
            try:
                image, lesion = prepare_pair(test, scan, mask)
            except OptionError:
                raise  # of the test images: no scan can be made like them
            except BrainzooError as error:
                console.warn(f"{scan.name} is skipped: {error.message}")
            else:
                pixels.append(image)
                masks.append(lesion)
                places += range(len(image))
                name = scan.name.partition(".")[0]
                subjects += [f"scan {scan.parent.name}/{name}"] * len(image)
            advance(1)
    if not pixels:
        raise DataError(f"none of {len(found)} scans with masks can be used.", "See the warnings.")
    return given_cases(np.concatenate(pixels), np.concatenate(masks), places, subjects, config)


def _scan_of(mask: Path, scans: list[Path], config: AnomalyConfig) -> Path:
    """Return the scan beside a mask whose name has the longest beginning in common with it."""
    beside = [scan for scan in scans if scan.parent == mask.parent]
    alike = os.path.commonprefix  # of names, character by character
    common = [len(alike([scan.name, mask.name])) for scan in beside]
    best = [scan for scan, length in zip(beside, common, strict=True) if length == max(common)]
    if len(best) != 1:
        raise DataError(
            f"mask {mask.name} has {len(best)} scans beside it that are named "
            f"{config.scans_pattern!r}; expected one.",
            "Say how the scans are named: --anomaly.scans-pattern.",
        )
    return best[0]
