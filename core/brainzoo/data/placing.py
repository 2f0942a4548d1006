"""Where images lie in the scanner: an image as a volume with its affine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from brainzoo.data.subjects import Value
from brainzoo.data.volumes import Volume

if TYPE_CHECKING:
    from brainzoo.data.images import Images

# Directions in RAS+ of a slice's rows, columns and normal, where images.json has no affine.
_PLANES = {
    "axial": ([0, -1, 0], [-1, 0, 0], [0, 0, 1]),
    "coronal": ([0, 0, -1], [-1, 0, 0], [0, 1, 0]),
    "sagittal": ([0, 0, -1], [0, -1, 0], [1, 0, 0]),
}


def volume_of(images: Images, data: NDArray[Any], position_mm: Value = None) -> Volume:
    """Return one channel of an image as a volume in the voxel order nearest to RAS+.

    ``position_mm`` is how far a slice lies from the nominal position along its normal.
    """
    affine = _affine(images)
    if data.ndim == 2:
        data = data[:, :, None]
        if isinstance(position_mm, float | int):
            normal = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
            affine[:3, 3] += position_mm * normal
    kind = np.float32 if data.dtype.kind == "f" else data.dtype
    image = nib.Nifti1Image(data.astype(kind), affine)  # type: ignore[no-untyped-call]
    turned = nib.as_closest_canonical(image)  # type: ignore[no-untyped-call]
    return Volume(np.ascontiguousarray(turned.dataobj), turned.affine)


def _affine(images: Images) -> NDArray[np.float64]:
    """Return voxel to RAS+ mm as described, else a centred one made of plane and spacing."""
    if images.info.get("affine") is not None:
        return np.array(images.info["affine"], dtype=np.float64)
    shape = (*images.spatial, 1)[:3]
    spacing = [float(mm) for mm in images.info.get("spacing_mm") or [1.0] * images.dims]
    directions = np.eye(3)
    if images.dims == 2:
        directions = np.array(_PLANES.get(str(images.info.get("plane")), _PLANES["axial"])).T
        spacing.append(max(spacing))  # a thickness must be written, and none is known
    zooms = directions * np.array(spacing)
    centre = zooms @ (np.array(shape) - 1) / 2
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = zooms, -centre
    return affine
