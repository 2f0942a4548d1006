"""Where the pixels of prepared images lie in space, for ``images.json``."""

from __future__ import annotations

import numpy as np

from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.grid import PLANES


def affine_of(config: PrepareConfig, spacing_mm: tuple[float, ...]) -> list[list[float]]:
    """Return the affine from voxel indices to RAS+ mm; its origin is the brain's centre.

    Args:
        config: Gives plane and size.
        spacing_mm: Of a pixel: (row, column) or (x, y, z).

    Returns:
        4 × 4. In 2-D it maps (row, column, 0) of a slice at position 0 mm; a slice at another
        position is shifted along the normal, whose step is 1 mm.
    """
    affine = np.eye(4)
    half = (config.size - 1) / 2
    if config.dims == 3:
        affine[[0, 1, 2], [0, 1, 2]] = spacing_mm
        affine[:3, 3] = [-half * spacing for spacing in spacing_mm]
    else:
        normal, row, column = PLANES[config.plane]
        affine[:3, :3] = 0
        affine[normal, 2] = 1
        for index, axis in enumerate((row, column)):
            affine[axis, index] = -spacing_mm[index]
            affine[axis, 3] = half * spacing_mm[index]
    return [[float(value) for value in line] for line in affine]


def orientation_of(config: PrepareConfig) -> str:
    """Return the directions in which rows and columns (or x, y, z) run."""
    if config.dims == 3:
        return "RAS"
    _, row, column = PLANES[config.plane]
    return f"{'LPI'[row]}{'LPI'[column]}"
