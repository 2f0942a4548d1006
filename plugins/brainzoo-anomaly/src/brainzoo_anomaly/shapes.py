"""Real shapes and places of lesions: masks in standard space, laid into slices or volumes.

Blobs are where a random number put them; strokes follow arteries. A mask is brought from standard
space onto a head by the extent of both brains, axis by axis, and of a slice the level is the one
where the lesion is largest. Within it, tissue is as dark as an old infarct on T1.

Masks of 300 people (CC0): neurolabusc/StrokeOutcomeOptimizationProjectDemo.
"""

# ruff: noqa: TID253 (imported by the evaluator only)

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainzoo.api import DataError, NotFoundError, Volume, console
from brainzoo_anomaly.regions import Bools, Floats

STROKE = "stroke"
MOST = 60
"""Masks that are read; images take turns."""
BRAIN_MM = (140.0, 175.0, 140.0)
"""Extent of the brain in standard space: left-right, front-back, up-down (ICBM 2009)."""
CENTRE_MM = (0.0, -17.0, 5.0)
"""Its middle there."""
LEAST_PIXELS = 12
DARK = (0.35, 0.65)  # of the tissue's grey
KEPT = 0.3
EDGE = 0.8


class Shapes:
    """Lesions of real people: NIfTI masks in standard space, below a folder at any depth.

    The seed chooses which are read, if there are many.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        files = sorted(folder.rglob("*.nii*"))
        if not files:
            raise NotFoundError(
                f"there are no masks (.nii, .nii.gz) in {folder}.", "Check --anomaly.shapes."
            )
        chosen = np.random.default_rng(seed).permutation(len(files))[:MOST]
        self.points: list[NDArray[np.float64]] = []
        with console.progress("reading shapes of lesions", len(chosen)) as advance:
            for i in np.sort(chosen):
                self.points.append(_relative(files[i]))
                advance(1)
        self.points = [points for points in self.points if len(points)]
        if not self.points:
            raise DataError(f"the masks in {folder} are empty.", "Check --anomaly.shapes.")

    def add(
        self, image: Floats, region: Bools, number: int, rng: np.random.Generator
    ) -> tuple[Floats, Bools]:
        """Add a stroke to an image; see :func:`brainzoo_anomaly.lesions.add_lesion`."""
        for turn in range(len(self.points)):
            points = self.points[(number + turn) % len(self.points)]
            mask = _laid(points, region)
            if mask.sum() >= LEAST_PIXELS:
                return _darkened(image, region, mask, rng)
        raise DataError("none of the shapes of lesions lies within the head.")


def _relative(file: Path) -> NDArray[np.float64]:
    """Return the voxels of a mask ``(voxel, x y z)``: -1 to 1 across the brain, RAS."""
    volume = Volume.read(file)
    voxels = np.argwhere(np.asarray(volume.data) > 0.5)
    mm = voxels @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    return np.asarray((mm - CENTRE_MM) / (np.asarray(BRAIN_MM) / 2), np.float64)


def _laid(points: NDArray[np.float64], region: Bools) -> Bools:
    """Return a mask on the grid of a head: slices are axial, seen from below, front at the top."""
    if region.ndim == 2:
        levels = np.round(points[:, 2] / 0.04).astype(int)
        largest = np.bincount(levels - levels.min()).argmax() + levels.min()
        own = points[levels == largest]
        points = np.stack([-own[:, 1], -own[:, 0]], axis=1)  # rows go back, columns to the left
    places = np.argwhere(region)
    low, high = places.min(0), places.max(0)
    at = np.round((low + high) / 2 + points * (high - low) / 2).astype(int)
    inside = ((at >= 0) & (at < region.shape)).all(1)
    mask = np.zeros(region.shape, bool)
    mask[tuple(at[inside].T)] = True
    return np.asarray(ndimage.binary_closing(mask, iterations=1) & region)


def _darkened(
    image: Floats, region: Bools, mask: Bools, rng: np.random.Generator
) -> tuple[Floats, Bools]:
    level = rng.uniform(*DARK)
    weight = ndimage.gaussian_filter(mask.astype(np.float32), EDGE) * region
    changed = image.copy()
    for channel, own in enumerate(image):
        tissue = float(np.median(own[region]))
        target = np.clip(level * tissue + KEPT * (own - tissue), 0, 1)
        changed[channel] += weight * (np.minimum(own, target) - own)
    return changed, mask & (changed != image).any(0)
