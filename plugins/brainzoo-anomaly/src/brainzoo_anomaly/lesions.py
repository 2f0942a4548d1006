"""Simulated lesions: deviations that are added to real images, with masks.

Four kinds, of which two cannot be found by brightness:

- ``texture``: the values in the lesion are rearranged in the order of a patch from elsewhere, so
  that their histogram stays exactly the same;
- ``hypointense`` and ``hyperintense``: blobs darker or brighter than the tissue, with soft edges;
- ``mass``: tissue swells and pushes its surroundings aside.
"""

# ruff: noqa: TID253 (imported by the evaluator only)

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainzoo.api import DataError
from brainzoo_anomaly.regions import Bools, Floats, width_of

TRIES = 12
LEAST_CHANGE = 0.05
"""A lesion that changes its voxels by less than this part of the tissue's brightness on average
(dark in a ventricle, say, or for the most part outside the brain) is tried at another place."""
LEAST_RADIUS_PIXELS = 1.5
EDGE_PIXELS = 2.0
KEPT_TEXTURE = 0.3
SWELLING = 0.6
SHOWN = 0.85
"""Of the radius of a mass: beyond it, voxels move by little and are not counted as lesion."""


@dataclasses.dataclass(frozen=True)
class Lesion:
    """Where a lesion is; the distance from its centre is 1 on its surface."""

    region: Bools
    distance: NDArray[np.float64]
    centre: NDArray[np.intp]
    radius: float


def add_lesion(
    image: Floats, region: Bools, kind: str, width: float, rng: np.random.Generator
) -> tuple[Floats, Bools]:
    """Add one lesion of a kind to one image ``(channel, *spatial)`` in [0, 1].

    It lies in the ``region`` (:func:`brainzoo_anomaly.regions.inside`), and its ``width`` is a part
    of the region's. Returns the changed image, and the mask of the lesion ``(*spatial)``.
    """
    radius = max(LEAST_RADIUS_PIXELS, width * width_of(region) / 2)
    depth = ndimage.distance_transform_edt(region)
    if not depth.max() > LEAST_RADIUS_PIXELS:
        raise DataError(
            "an image shows no head that a lesion could be put into.",
            "Look at the test images, or leave out less of the rim (--anomaly.rim).",
        )
    places = np.argwhere(depth >= min(0.8 * radius, float(depth.max())))
    tissue = float(np.median(image[:, region]))
    best = (-1.0, image, np.zeros_like(region))
    for _ in range(TRIES):
        centre = places[rng.integers(len(places))]
        distance = _distance(region.shape, centre, radius, rng)
        at = Lesion(region, distance, centre, radius)
        changed, mask = _CHANGES[kind](image, at, rng)
        if not mask.any():
            continue
        change = float(np.abs(changed - image)[:, mask].mean(0).sum() / (distance < 1).sum())
        if change > best[0]:
            best = (change, changed, mask)
        if change >= LEAST_CHANGE * tissue:
            break
    return best[1], best[2]


def _distance(
    spatial: tuple[int, ...], centre: NDArray[np.intp], radius: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the distance from the centre, 1 on the surface of a turned, uneven ellipsoid."""
    offsets = _offsets(spatial, centre)
    turn, _ = np.linalg.qr(rng.normal(size=(len(spatial),) * 2))
    axes = np.exp(rng.uniform(-0.25, 0.25, len(spatial)))
    stretched = np.tensordot(turn / axes[:, None], offsets, 1)
    uneven = ndimage.gaussian_filter(rng.normal(size=spatial), max(1.0, radius / 2))
    uneven /= max(float(uneven.std()), 1e-12)
    return np.asarray(np.sqrt((stretched**2).sum(0)) / radius * np.exp(0.15 * uneven))


def _offsets(spatial: tuple[int, ...], centre: NDArray[np.intp]) -> NDArray[np.float64]:
    grid = np.stack(np.meshgrid(*map(np.arange, spatial), indexing="ij")).astype(float)
    return grid - centre.reshape(-1, *[1] * len(spatial))


def _texture(image: Floats, at: Lesion, rng: np.random.Generator) -> tuple[Floats, Bools]:
    mask = (at.distance < 1) & at.region
    places = np.argwhere(at.region)
    far = places[np.linalg.norm(places - at.centre, axis=1) > 1.5 * at.radius]
    source = far[rng.integers(len(far))] if len(far) else places[rng.integers(len(places))]
    offsets = np.argwhere(mask) - at.centre
    offsets[:, rng.integers(mask.ndim)] *= -1
    taken = np.clip(source + offsets, 0, np.array(mask.shape) - 1)
    changed = image.copy()
    for channel in range(len(image)):
        order = image[channel][tuple(taken.T)].argsort(kind="stable").argsort(kind="stable")
        changed[channel][mask] = np.sort(image[channel][mask])[order]
    return changed, mask


def _blob(
    image: Floats, at: Lesion, rng: np.random.Generator, *, bright: bool
) -> tuple[Floats, Bools]:
    """Bring each channel near a level; what is darker (brighter) already is not a lesion."""
    factor = rng.uniform(1.15, 1.5) if bright else rng.uniform(0.3, 0.6)
    limit, quantile = (np.maximum, 0.9) if bright else (np.minimum, 0.5)
    blob = (at.distance < 1) & at.region
    edge = (1 - at.distance) * at.radius / EDGE_PIXELS + 0.5
    weight = (np.clip(edge, 0, 1) * blob).astype(np.float32)
    changed = image.copy()
    for channel, own in enumerate(image):
        level = factor * float(np.quantile(own[at.region], quantile))
        target = np.clip(level + KEPT_TEXTURE * (own - np.median(own[at.region])), 0, 1)
        changed[channel] += weight * (limit(own, target) - own)
    return changed, blob & (changed != image).any(0)


def _mass(image: Floats, at: Lesion, rng: np.random.Generator) -> tuple[Floats, Bools]:
    inner = np.clip(1 - at.distance**2, 0, None) ** 2
    moved = _offsets(at.region.shape, at.centre) * SWELLING * inner
    places = np.stack(np.meshgrid(*map(np.arange, at.region.shape), indexing="ij")) - moved
    swollen = np.stack([ndimage.map_coordinates(channel, places, order=1) for channel in image])
    changed: Floats = np.where(at.region, swollen, image).astype(np.float32)  # not the skull
    return changed, (at.distance < SHOWN) & at.region


_CHANGES: dict[str, Callable[..., tuple[Floats, Bools]]] = {
    "texture": _texture,
    "hypointense": functools.partial(_blob, bright=False),
    "hyperintense": functools.partial(_blob, bright=True),
    "mass": _mass,
}
