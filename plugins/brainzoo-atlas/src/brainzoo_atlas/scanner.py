"""What a scanner makes of an anatomy: contrasts, bias field, noise."""

from __future__ import annotations

import math

import numpy as np

from brainzoo_atlas.anatomy import WATER, Anatomy
from brainzoo_atlas.fields import Array, Field, Grid


def t1_weighted(anatomy: Anatomy, grid: Grid, rng: np.random.Generator) -> Array:
    """Return a T1-weighted magnitude image, white matter near 1.

    Contrast is that of IXI's scans at 2 mm: grey 0.68 and ventricles 0.42 of white matter, which
    includes what fluid shares with its neighbours' voxels.
    """
    varied: list[float] = np.clip(rng.standard_normal(4), -2, 2).tolist()
    fluid = 0.26 + 0.03 * varied[0]
    grey = 0.67 + 0.025 * varied[1]
    # Black holes, as T1 shows them: between grey matter and fluid.
    lesion = 0.5 * (fluid + grey) + 0.05 * varied[2]
    signal = _mixed(anatomy, fluid, grey, 1.0, lesion, anatomy.outside)
    return _measured(signal, 0.012 * math.exp(0.3 * varied[3]), grid, rng)


def t2_weighted(anatomy: Anatomy, grid: Grid, rng: np.random.Generator) -> Array:
    """Return a T2-weighted magnitude image of the same head, fluid near 1.4.

    As spin echoes show it: fluid is brightest, grey matter brighter than white, lesions bright.
    """
    varied: list[float] = np.clip(rng.standard_normal(4), -2, 2).tolist()
    fluid = 1.4 + 0.05 * varied[0]
    grey = 0.82 + 0.03 * varied[1]
    outside = 0.75 * (anatomy.outside - WATER * anatomy.water) + fluid * anatomy.water
    signal = _mixed(anatomy, fluid, grey, 0.6, 1.1 + 0.05 * varied[2], outside)
    return _measured(signal, 0.014 * math.exp(0.3 * varied[3]), grid, rng)


def _mixed(
    anatomy: Anatomy, fluid: float, grey: float, white: float, lesion: float, outside: Array
) -> Array:
    """Return what the tissues of each voxel give together."""
    signal = fluid + (grey - fluid) * np.minimum(anatomy.tissue, 1)
    signal += (white - grey) * np.maximum(anatomy.tissue - 1, 0)
    signal += (lesion - signal) * anatomy.lesion
    return (outside * (1 - anatomy.brain) + signal * anatomy.brain).astype(np.float32)


def _measured(signal: Array, noise: float, grid: Grid, rng: np.random.Generator) -> Array:
    """Return what a scanner measures: uneven tissue, uneven coils, noise."""
    signal *= 1 + 0.025 * Field(rng, grid, 9).values()  # tissue is nowhere quite uniform
    signal *= _bias(grid, rng)
    real, imaginary = rng.standard_normal((2, *grid.shape), np.float32) * noise
    return np.asarray(np.hypot(signal + real, imaginary))  # Rician, as magnitude images are


def _bias(grid: Grid, rng: np.random.Generator) -> Array:
    """Return the bias field: brighter in the middle of the head, as at 3 T, and a smooth rest."""
    squared = sum(((axis - axis.mean()) / 110) ** 2 for axis in grid.axes_mm())
    strength = 0.22 + 0.05 * max(-2.0, min(2.0, rng.standard_normal()))
    return np.asarray(np.exp(0.07 * Field(rng, grid, 90).values() - strength * squared))
