"""The images that are scored: healthy ones, and the same with lesions and masks."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import DataError, Generator, Images, Value, console, seen_by, subjects_of
from brainzoo_anomaly.config import AnomalyConfig
from brainzoo_anomaly.lesions import add_lesion
from brainzoo_anomaly.regions import Bools, Floats, inside, width_of
from brainzoo_anomaly.shapes import STROKE, Shapes

HEALTHY = ""


@dataclasses.dataclass(frozen=True)
class Cases:
    """Images with masks of what does not belong; empty kinds and widths of 0 for healthy ones."""

    pixels: Floats  # (case, channel, *spatial) in [0, 1]
    maps: Floats  # label maps as further channels, for a model that learned any
    masks: Bools  # (case, *spatial)
    regions: Bools  # where scores count
    kinds: NDArray[np.str_]  # of lesions
    widths: NDArray[np.float64]  # as parts of the brain's
    places: NDArray[np.intp]  # among the images of a subject: the level of a slice
    subjects: list[str]
    rows: list[Mapping[str, Value]]  # of the table

    def __len__(self) -> int:
        return len(self.pixels)

    def __add__(self, other: Cases) -> Cases:
        joined = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("pixels", "maps", "masks", "regions", "kinds", "widths", "places")
        }
        return Cases(**joined, subjects=self.subjects + other.subjects, rows=self.rows + other.rows)

    @property
    def healthy(self) -> Bools:
        """Which are images without lesion."""
        return np.asarray(self.kinds == HEALTHY)


def places_of(images: Images) -> NDArray[np.intp]:
    """Return the position of each image among those of its subject, from 0."""
    seen: dict[str, int] = {}
    places = []
    for subject in subjects_of(images):
        places.append(seen.get(subject, 0))
        seen[subject] = places[-1] + 1
    return np.asarray(places, np.intp)


def healthy_cases(images: Images, model: Generator, config: AnomalyConfig) -> Cases:
    """Return some images of each subject, spread evenly, without lesions.

    With the label maps that ``model`` was shown: a lesion leaves them as they are.
    """
    places, subjects = places_of(images), np.asarray(subjects_of(images))
    chosen: list[int] = []
    for subject in dict.fromkeys(subjects.tolist()):
        own = np.flatnonzero(subjects == subject)
        middles = (np.arange(config.per_subject) + 0.5) / config.per_subject * len(own)
        chosen += own[np.unique(middles.astype(int))].tolist()
    pixels, maps = np.split(seen_by(model, images).floats(chosen), [images.channels], axis=1)
    regions = np.stack([inside(image, config.rim) for image in pixels])
    shown = regions.reshape(len(regions), -1).any(1)
    if not shown.any():
        raise DataError(
            "no test image shows a head.", "Look at the images, or lower --anomaly.rim."
        )
    kept = np.asarray(chosen)[shown]
    return Cases(
        pixels=pixels[shown],
        maps=maps[shown],
        masks=np.zeros_like(regions[shown]),
        regions=regions[shown],
        kinds=np.full(len(kept), HEALTHY, dtype="<U16"),
        widths=np.zeros(len(kept)),
        places=places[kept],
        subjects=subjects[kept].tolist(),
        rows=[images.table[i] for i in kept],
    )


def _step(mask: Bools, region: Bools, widths: Sequence[float]) -> float:
    """Return which of the widths of lesions is nearest to that of a mask."""
    own = width_of(mask) / width_of(region)
    return min(widths, key=lambda width: abs(width - own))


def with_lesions(healthy: Cases, config: AnomalyConfig, seed: int) -> Cases:
    """Return each image once with each kind of lesion; widths and real shapes take turns."""
    parts = []
    shapes = Shapes(config.shapes, seed) if config.shapes is not None else None
    kinds = [*config.kinds, *([STROKE] if shapes else [])]
    with console.progress("adding lesions", len(kinds) * len(healthy)) as advance:
        for number, kind in enumerate(kinds):
            pixels, masks, widths = [], [], []
            for i, (image, region) in enumerate(zip(healthy.pixels, healthy.regions, strict=True)):
                rng = np.random.default_rng(np.random.SeedSequence([seed, i, number]))
                if shapes and kind == STROKE:
                    changed, mask = shapes.add(image, region, i, rng)
                    widths.append(_step(mask, region, config.widths))
                else:
                    widths.append(config.widths[(i + number) % len(config.widths)])
                    changed, mask = add_lesion(image, region, kind, widths[-1], rng)
                pixels.append(changed)
                masks.append(mask)
                advance(1)
            made = dataclasses.replace(healthy, pixels=np.stack(pixels), masks=np.stack(masks))
            named, sizes = np.full(len(healthy), kind, dtype="<U16"), np.asarray(widths)
            parts.append(dataclasses.replace(made, kinds=named, widths=sizes))
    return functools.reduce(operator.add, parts)


def scans_with_lesions(folder: Path) -> Images:
    """Open images whose label maps show lesions: all that is not 0."""
    scans = Images.open(folder)
    if scans.labels([0]) is None:
        raise DataError(
            f"{folder} has no label maps; expected one per image, of its lesion.",
            "Prepare scans with label maps: brainzoo data brats --data.root FOLDER.",
        )
    return scans


def given_cases(scans: Images, test: Images, config: AnomalyConfig) -> Cases:
    """Return scans that the user brought, where they show a lesion where scores count."""
    found, wanted = ((images.channels, *images.spatial) for images in (scans, test))
    if found != wanted:
        raise DataError(
            f"the scans with lesions have the shape {found}, the test images {wanted}.",
            "Prepare both alike (--size, --data.channels, --data.dims).",
        )
    pixels, labels = scans.floats(), scans.labels()
    assert labels is not None
    regions = np.stack([inside(image, config.rim) for image in pixels])
    masks = (labels != 0) & regions
    shown = np.flatnonzero(masks.reshape(len(masks), -1).any(1))
    if not len(shown):
        raise DataError(
            "no image of the given scans shows a lesion.",
            "Check which slices are prepared, their label maps, and --anomaly.rim.",
        )
    widths = [_step(masks[i], regions[i], config.widths) for i in shown]
    subjects = subjects_of(scans)
    return Cases(
        pixels=pixels[shown],
        maps=pixels[shown, :0],
        masks=masks[shown],
        regions=regions[shown],
        kinds=np.full(len(shown), "given", dtype="<U16"),
        widths=np.asarray(widths),
        places=places_of(scans)[shown],
        subjects=[f"scan {subjects[i]}" for i in shown],
        rows=[{} for _ in shown],
    )
