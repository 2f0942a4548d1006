"""The MNI152 template that nilearn's wheel carries, and what is derived from it once a process.

ICBM 2009a nonlinear symmetric, T1, 1 mm, brain only (Fonov et al. 2011, NeuroImage 54:313-327,
https://doi.org/10.1016/j.neuroimage.2010.07.033).
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import DataError, IntegrityError, NotFoundError, Volume
from brainzoo_atlas.fields import Array, Grid, covering

TEMPLATE_FILE = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"

# Typical values of cerebrospinal fluid, grey and white matter in the template file (0 to 255):
# the medians where its tissue probability maps are below 0.1, above 0.7 and above 0.8.
FLUID, GREY, WHITE = 40, 167, 220

DISTANCE_SPACING_MM = 3.0
HEAD_LOW_MM, HEAD_HIGH_MM = (-120.0, -150.0, -150.0), (120.0, 140.0, 120.0)


@dataclasses.dataclass(frozen=True)
class Map:
    """One quantity on a grid of the template's space."""

    values: Array
    grid: Grid

    def at(self, points_mm: Array) -> Array:
        """Return the quantity at points (3, ...) in millimetres, linearly between voxels."""
        from scipy.ndimage import map_coordinates

        origin = np.array(self.grid.origin_mm, np.float32).reshape(3, *[1] * (points_mm.ndim - 1))
        voxels = (points_mm - origin) * np.float32(1 / self.grid.spacing_mm)
        result: Array = map_coordinates(
            self.values, voxels, np.float32, order=1, mode="nearest", prefilter=False
        )
        return result


@dataclasses.dataclass(frozen=True)
class Template:
    """What a simulated head is made from.

    Attributes:
        tissue: 0 is fluid, 1 grey and 2 white matter, with everything between.
        brain_mm: Distance to the brain's hull, negative inside.
        depth_mm: Depth below the outer or the medial surface of the cerebrum.
        ventricle_mm: Distance to the lateral ventricles, negative inside.
        ventricle_slopes: The way along x, y and z on which that distance grows by 1 mm.
    """

    tissue: Map
    brain_mm: Map
    depth_mm: Map
    ventricle_mm: Map
    ventricle_slopes: tuple[Map, ...]


@functools.cache
def template(spacing_mm: float) -> Template:
    """Return the template, its tissues smoothed for scans of a spacing."""
    from scipy.ndimage import gaussian_filter

    t1, grid = _read(template_path())
    brain = t1 > 0
    # Half a voxel of smoothing keeps linear interpolation at a coarser spacing from aliasing;
    # sharpening gives back some of what averaging 152 brains blurred.
    tissue = np.interp(t1, (FLUID, GREY, WHITE), (0.0, 1.0, 2.0)).astype(np.float32)
    tissue = gaussian_filter(tissue, max(0.5, 0.4 * spacing_mm / grid.spacing_mm), truncate=3)
    tissue += 0.7 * (tissue - gaussian_filter(tissue, 2.5, truncate=2))

    coarse = covering(DISTANCE_SPACING_MM, HEAD_LOW_MM, HEAD_HIGH_MM)
    points = np.stack(np.broadcast_arrays(*coarse.axes_mm()))
    inside = Map(brain.astype(np.float32), grid).at(points) > 0.5
    brain_mm = _hull_mm(inside, coarse)
    depth_mm = np.minimum(-brain_mm, _medial_depth_mm(points)).astype(np.float32)
    ventricle = _ventricle_mm(t1, grid)
    slopes = np.asarray(np.gradient(ventricle.values, ventricle.grid.spacing_mm))
    # A step along these changes the distance by its length; smoothing has flattened it in places.
    slopes /= np.maximum((slopes**2).sum(0), 0.3)
    return Template(
        tissue=Map(np.clip(tissue, 0, 2) * brain, grid),
        brain_mm=Map(brain_mm, coarse),
        depth_mm=Map(depth_mm, coarse),
        ventricle_mm=ventricle,
        ventricle_slopes=tuple(Map(slope, ventricle.grid) for slope in slopes),
    )


def template_path() -> Path:
    """Find the template without importing nilearn, which takes seconds."""
    nilearn = importlib.util.find_spec("nilearn")
    for folder in (nilearn.submodule_search_locations or []) if nilearn else []:
        path = Path(folder) / TEMPLATE_FILE
        if path.is_file():
            return path
    raise NotFoundError(
        "dataset 'atlas' needs the MNI152 template of nilearn, which is not installed here.",
        "Try: pip install --upgrade nilearn",
    )


def _read(path: Path) -> tuple[Array, Grid]:
    try:
        volume = Volume.read(path)
    except DataError as error:
        raise IntegrityError(
            f"the MNI152 template cannot be read: {error.message}",
            "Try: pip install --force-reinstall --no-deps nilearn",
        ) from error
    x, y, z = volume.affine[:3, 3].tolist()
    a, b, c = volume.data.shape
    return volume.data.astype(np.float32), Grid((a, b, c), volume.spacing_mm[0], (x, y, z))


def _hull_mm(inside: NDArray[np.bool_], grid: Grid) -> Array:
    """Return the signed distance to the brain's outer surface, its fissures closed."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    grown = distance_transform_edt(~inside) * grid.spacing_mm < 8
    closed = distance_transform_edt(grown) * grid.spacing_mm > 8
    return np.asarray(gaussian_filter(_signed_mm(closed | inside, grid), 1.5))


def _ventricle_mm(t1: Array, grid: Grid) -> Map:
    """Return the signed distance to the lateral ventricles, in the box around them."""
    from scipy.ndimage import gaussian_filter, label

    box = Grid((121, 151, 81), grid.spacing_mm, (-60.0, -88.0, -30.0))
    first = np.rint(np.subtract(box.origin_mm, grid.origin_mm) / grid.spacing_mm).astype(int)
    crop = t1[tuple(slice(at, at + n) for at, n in zip(first, box.shape, strict=True))]
    x, y, z = box.axes_mm()
    # Above the third ventricle and the cisterns, inside of the fissures.
    lateral = (np.abs(x) < 40) & (np.abs(y + 8) < 48) & (z > -4) & (z < 32)
    lateral &= (np.abs(x) > 5) | (z > 8)
    lateral &= (np.abs(x) > 12) | (y > -25) | (z > 20)
    lateral &= (x / 48) ** 2 + ((y + 8) / 52) ** 2 + ((z - 8) / 30) ** 2 < 1
    components, _ = label((crop < (FLUID + GREY) / 2) & lateral)
    # Bodies and horns hang together; what else is dark in the box belongs to the insula's fissure.
    bodies = components[(np.abs(x) < 20) & (np.abs(y) < 20) & (z > 8) & (z < 25)]
    fluid = np.isin(components, np.unique(bodies[bodies > 0]))
    return Map(gaussian_filter(_signed_mm(fluid, box), 1.0), box)


def _medial_depth_mm(points: Array) -> Array:
    """Return the distance to the midline where cortex faces it, large elsewhere."""
    x, y, z = points
    # An ellipse around corpus callosum, thalamus and brainstem keeps the deep midline out.
    inner = np.sqrt(((y + 8) / 52) ** 2 + ((z + 2) / 38) ** 2)
    return np.asarray(np.abs(x) + np.clip((1.1 - inner) * 100, 0, 100))


def _signed_mm(inside: NDArray[np.bool_], grid: Grid) -> Array:
    from scipy.ndimage import distance_transform_edt

    outside_mm = distance_transform_edt(~inside) - distance_transform_edt(inside)
    return np.asarray((outside_mm * grid.spacing_mm).astype(np.float32))
