"""What a scanner makes of an anatomy: contrast, bias field, noise."""

from __future__ import annotations

import numpy as np

from brainzoo_atlas.anatomy import Anatomy
from brainzoo_atlas.fields import Array, Field, Grid


def scan(anatomy: Anatomy, grid: Grid, rng: np.random.Generator) -> Array:
    """Return a T1-weighted magnitude image, white matter near 1.

    Contrast is that of IXI's scans at 2 mm: grey 0.68 and ventricles 0.42 of white matter, which
    includes what fluid shares with its neighbours' voxels.
    """
    varied = np.clip(rng.standard_normal(4), -2, 2)
    fluid = 0.26 + 0.03 * varied[0]
    grey = 0.67 + 0.025 * varied[1]
    signal = np.interp(anatomy.tissue, (0, 1, 2), (fluid, grey, 1.0)).astype(np.float32)
    # Black holes, as T1 shows them: between grey matter and fluid.
    lesion = 0.5 * (fluid + grey) + 0.05 * varied[2]
    signal += (lesion - signal) * anatomy.lesion
    signal = anatomy.outside * (1 - anatomy.brain) + signal * anatomy.brain
    signal *= 1 + 0.025 * Field(rng, grid, 9).values()  # tissue is nowhere quite uniform
    signal *= np.exp(0.09 * Field(rng, grid, 90).values())
    noise = 0.02 * np.exp(0.3 * varied[3])
    real, imaginary = rng.standard_normal((2, *grid.shape), np.float32) * noise
    return np.hypot(signal + real, imaginary)  # Rician, as magnitude images are
