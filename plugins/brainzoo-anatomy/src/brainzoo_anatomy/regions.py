"""What is measured of a segmented head: volumes of regions, on the left and on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import IntegrityError

REGIONS: Mapping[str, Sequence[str]] = {
    "grey matter": ("Cerebral-Cortex",),
    "white matter": ("Cerebral-White-Matter",),
    "ventricles": (
        "Lateral-Ventricle",
        "Inferior-Lateral-Ventricle",
        "3rd-Ventricle",
        "4th-Ventricle",
    ),
    "thalamus": ("Thalamus",),
    "caudate": ("Caudate",),
    "putamen": ("Putamen",),
    "pallidum": ("Pallidum",),
    "hippocampus": ("Hippocampus",),
    "amygdala": ("Amygdala",),
    "cerebellum": ("Cerebellum-White-Matter", "Cerebellum-Cortex"),
    "brain stem": ("Brain-Stem",),
}
"""The network's classes that a region is made of; grey and white matter are those of the cerebrum.
"""

BRAIN = "brain"
"""All classes but the background: the network knows no fluid around the brain."""

NAMES = (*REGIONS, BRAIN)
PAIRED = tuple(name for name in NAMES if name not in ("brain stem", BRAIN))


def numbers_of(classes: Sequence[str]) -> list[list[int]]:
    """Return the numbers of each region's classes, in the order of :data:`NAMES`.

    Raises:
        IntegrityError: The network has no such class.
    """
    missing = [part for parts in REGIONS.values() for part in parts if part not in classes]
    if missing:
        raise IntegrityError(
            f"the network has no class {missing[0]!r}.",
            "Name the folder of brainchop's model30chan18cls with --anatomy.weights.",
        )
    numbers = [[classes.index(part) for part in parts] for parts in REGIONS.values()]
    return [*numbers, list(range(1, len(classes)))]


def volumes_ml(
    labels: NDArray[np.uint8], numbers: Sequence[Sequence[int]], voxel_ml: float
) -> NDArray[np.float64]:
    """Return the volumes of the regions: ``(region, 2)``, left and right, in ml.

    Args:
        labels: Classes ``(x, y, z)``, x running to the right.
        numbers: The classes of each region.
        voxel_ml: Volume of a voxel.
    """
    right = right_of_middle(labels > 0)
    count = max(256, int(labels.max()) + 1)
    whole = np.bincount(labels.ravel(), minlength=count)
    half = np.bincount(labels[right], minlength=count)
    sides = np.stack([whole - half, half], 1)
    return np.stack([sides[list(of)].sum(0) for of in numbers]) * voxel_ml


def right_of_middle(brain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which voxels lie to the right of the plane between the hemispheres.

    The plane x = a + b y + c z that fits the brain's middle in every row best: a head may be tilted
    or turned.
    """
    x = np.arange(brain.shape[0])[:, None, None]
    counts = brain.sum(0)
    if not counts.any():
        return np.broadcast_to(x >= brain.shape[0] / 2, brain.shape)
    middles = (brain * x).sum(0) / np.maximum(counts, 1)
    y, z = np.indices(counts.shape)
    terms = np.stack([np.ones_like(y), y, z], -1).reshape(-1, 3).astype(np.float64)
    root = np.sqrt(counts.ravel())[:, None]  # a row counts by its voxels
    plane, *_ = np.linalg.lstsq(terms * root, middles.reshape(-1, 1) * root, rcond=None)
    return np.asarray(x > (terms @ plane).reshape(counts.shape))
