"""A scan seen in RAS+ order, and sampling it on any grid in millimetres.

Grids along the scan's axes are computed with one small weight matrix per axis, from the voxels that
the grid needs and no others; turned grids are gathered point by point.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import DataError
from brainzoo.data.volumes import Volume

_nibabel: Any = nibabel  # typed in part only

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]

OBLIQUE_DEG = 15.0
"""Beyond this the scan's own axes are no longer called axial, coronal and sagittal. Operators tilt
the slab by less to follow the head, so that within it the scan's axes are as good as the world's
(six IXI scans: tilted by up to 8°, either way as upright)."""


@dataclasses.dataclass(frozen=True)
class Scan:
    """Voxels in RAS+ order with a frame in millimetres whose origin is the first voxel's centre.

    Attributes:
        view: ``(x, y, z)``, increasing to the right, front and top; a view on the stored voxels.
        spacing_mm: Edges of a voxel.
        to_voxels: 3 × 3, from millimetres in the frame to voxel indices.
        aligned: Whether the frame's axes are the scan's.
        affine: 4 × 4, from voxel indices of ``view`` to RAS+ millimetres.
        offset: The voxel index of the frame's origin: 0 unless the frame is another scan's.
        nearest: Whether values are labels: the nearest is taken, nothing is interpolated.
    """

    view: NDArray[Any]
    spacing_mm: Matrix
    to_voxels: Matrix
    aligned: bool
    affine: Matrix
    offset: Matrix = dataclasses.field(default_factory=lambda: np.zeros(3))
    nearest: bool = False

    @classmethod
    def of(cls, volume: Volume, axes: str = "auto") -> Scan:
        """Reorder a volume in any orientation to RAS+; ``axes`` as in ``PrepareConfig``."""
        orientation = _nibabel.io_orientation(volume.affine)
        view = _nibabel.apply_orientation(volume.data, orientation)
        affine = volume.affine @ _nibabel.orientations.inv_ornt_aff(orientation, volume.data.shape)
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        cosines = np.diag(affine[:3, :3]) / spacing
        turned_deg = float(np.degrees(np.arccos(np.clip(cosines.min(), -1, 1))))
        world = axes == "world" or (axes == "auto" and turned_deg > OBLIQUE_DEG)
        if not world or turned_deg < 0.1:
            return cls(view, spacing, np.diag(1 / spacing), True, affine)
        return cls(view, spacing, np.linalg.inv(affine[:3, :3]), False, affine)

    @classmethod
    def beside(cls, volume: Volume, other: Scan, *, nearest: bool = False) -> Scan:
        """See another volume of the same person, on any grid that overlaps, in a scan's frame."""
        own = cls.of(volume, "scan")
        world = other.affine[:3, :3] @ other.to_voxels  # millimetres of the frame to RAS+
        inverse = np.linalg.inv(own.affine[:3, :3])
        to_voxels = inverse @ world
        offset = inverse @ (other.affine[:3, 3] - own.affine[:3, 3])
        spacing = np.linalg.norm(np.linalg.inv(to_voxels), axis=0)
        turned = to_voxels - np.diag(np.diag(to_voxels))
        # Within a tenth of a voxel over the whole scan the axes are the same.
        aligned = other.aligned and abs(turned).max() * max(own.view.shape) * spacing.max() < 0.1
        corners = np.array(np.meshgrid(*zip(*other.corners_mm(), strict=True))).reshape(3, -1)
        voxels, ends = to_voxels @ corners + offset[:, None], np.array(own.view.shape) - 1
        if (voxels.max(axis=1) <= 0).any() or (voxels.min(axis=1) >= ends).any():
            raise DataError("it lies elsewhere in space: the grids do not overlap.")
        return cls(own.view, spacing, to_voxels, aligned, own.affine, offset, nearest)

    def on_grid_of(self, other: Scan) -> Scan:
        """Return the scan with its values at the voxels of the scan whose frame it is seen in."""
        if self.view.shape == other.view.shape and not self.offset.any() and self.aligned:
            return self
        to_frame: Matrix = np.asarray(np.linalg.inv(other.to_voxels), np.float64)
        view = self.gather(np.zeros(3), to_frame, list(other.view.shape), 0.0)
        return dataclasses.replace(other, view=view, nearest=self.nearest)

    def corners_mm(self) -> tuple[Matrix, Matrix]:
        """Return the lower and upper corner of the scan's bounding box in the frame."""
        ends = np.array(np.meshgrid(*[(0, n - 1) for n in self.view.shape])).reshape(3, -1)
        corners = np.linalg.inv(self.to_voxels) @ (ends - self.offset[:, None])
        return corners.min(axis=1), corners.max(axis=1)

    def coarse(self, spacing_mm: float) -> tuple[NDArray[Any], Matrix, Matrix]:
        """Return few voxels of the whole scan: values, the first's place and their spacing in mm.

        Along the scan's axes every n-th voxel is taken: nothing is computed.
        """
        if self.aligned:
            steps = np.maximum(1, np.rint(spacing_mm / self.spacing_mm)).astype(int)
            x, y, z = (slice(None, None, int(step)) for step in steps)
            first = -self.offset * self.spacing_mm
            return np.ascontiguousarray(self.view[x, y, z]), first, steps * self.spacing_mm
        low, high = self.corners_mm()
        counts = [int(n) for n in np.floor((high - low) / spacing_mm) + 1]
        values = self.gather(low, np.eye(3) * spacing_mm, counts, float(self.view.min()))
        return values, low, np.full(3, spacing_mm)

    def along_axes(
        self, centres_mm: list[Matrix], widths_mm: list[float], outside: float
    ) -> Floats:
        """Sample a grid along the scan's axes: ``(x, y, z)``, as long as the ``centres_mm``.

        The mean over the width of a sample is taken, and linear interpolation where it is at most
        as wide as a voxel. ``outside`` is the value beyond the scan.
        """
        used, weights = [], []
        for axis, count in enumerate(self.view.shape):
            spacing = self.spacing_mm[axis]
            centres = centres_mm[axis] / spacing + self.offset[axis]
            width = widths_mm[axis] / spacing
            if self.nearest:
                matrix = (np.rint(centres)[:, None] == np.arange(count)).astype(np.float32)
            else:
                matrix = area_weights(count, centres, width)
            columns = np.flatnonzero(matrix.any(axis=0))
            used.append(columns if len(columns) else np.arange(1))
            weights.append(matrix[:, used[-1]])
        values = np.asarray(_pick(self.view, used), dtype=np.float32)
        x, y, z = (matrix.sum(axis=1) for matrix in weights)
        for axis in sorted(range(3), key=lambda a: len(weights[a]) / len(used[a])):
            turned = np.moveaxis(values, axis, -1) @ weights[axis].T
            values = np.asarray(np.moveaxis(turned, -1, axis), dtype=np.float32)
        if outside and min(x.min(), y.min(), z.min()) < 1:
            inside = x[:, None, None] * y[:, None] * z
            values += np.float32(outside) * (1 - inside)
        return values

    def gather(
        self, origin_mm: Matrix, steps_mm: Matrix, counts: list[int], outside: float
    ) -> Floats:
        """Sample a grid in any direction: trilinear interpolation, or the nearest label.

        The first sample is at ``origin_mm`` in the frame; of ``steps_mm``, 3 × 3, column ``i`` is
        the step along output axis ``i``, of which there are ``counts[i]``.
        """
        start = self.to_voxels @ origin_mm + self.offset
        steps = self.to_voxels @ steps_mm
        rows = np.arange(counts[1], dtype=np.float32)[:, None]
        columns = np.arange(counts[2], dtype=np.float32)
        flat, first_voxel, strides = _flat(self.view)
        result = np.empty(counts, dtype=np.float32)
        for i in range(counts[0]):  # slice by slice, so that all of it stays in the cache
            first = (start + i * steps[:, 0]).astype(np.float32)
            along = steps.astype(np.float32)
            points = [first[a] + along[a, 1] * rows + along[a, 2] * columns for a in range(3)]
            if self.nearest:
                points = [np.rint(point) for point in points]
            result[i] = _trilinear(
                flat, first_voxel, strides, self.view.shape, points, np.float32(outside)
            )
        return result


def area_weights(count: int, centres: Matrix, width: float) -> Floats:
    """Return the share of each voxel in each sample along one axis: ``(sample, voxel)``.

    A sample is a box of ``width`` voxels (at least one) over voxels that are boxes themselves: its
    weights are their overlaps. With a width of one that is linear interpolation. Centres are in
    voxel indices; a row adds up to less than 1 where it reaches beyond the scan.
    """
    width = max(float(width), 1.0)
    voxels = np.arange(count)
    low = np.maximum(centres[:, None] - width / 2, voxels - 0.5)
    high = np.minimum(centres[:, None] + width / 2, voxels + 0.5)
    return np.asarray(np.clip(high - low, 0, None) / width, dtype=np.float32)


def _pick(view: NDArray[Any], used: list[NDArray[np.intp]]) -> NDArray[Any]:
    """Take the voxels at the given indices of each axis: by a slice where they are neighbours."""
    for axis, indices in enumerate(used):
        if indices[-1] - indices[0] + 1 == len(indices):
            key = [slice(None)] * 3
            key[axis] = slice(int(indices[0]), int(indices[-1]) + 1)
            view = view[tuple(key)]
    for axis, indices in enumerate(used):
        if view.shape[axis] != len(indices):
            view = np.take(view, indices, axis=axis)
    return view


def _flat(view: NDArray[Any]) -> tuple[NDArray[Any], int, list[int]]:
    """Return the voxels of a view in one dimension, where its first lies, and its strides."""
    turned = tuple(axis for axis in range(3) if view.strides[axis] < 0)
    stored = np.flip(view, turned)
    stored = stored.transpose(np.argsort([-abs(stride) for stride in view.strides], kind="stable"))
    if not stored.flags.c_contiguous:
        view = np.ascontiguousarray(view)
        return view.reshape(-1), 0, [stride // view.itemsize for stride in view.strides]
    strides = [stride // view.itemsize for stride in view.strides]
    first = sum((view.shape[axis] - 1) * -strides[axis] for axis in turned)
    return stored.reshape(-1), first, strides


def _trilinear(
    flat: NDArray[Any],
    first: int,
    strides: list[int],
    shape: tuple[int, ...],
    points: list[Floats],
    outside: np.float32,
) -> Floats:
    """Interpolate at voxel coordinates; ``outside`` where one is beyond the outermost centres."""
    inside = np.ones(points[0].shape, dtype=bool)
    index = np.full(points[0].shape, first, dtype=np.intp)
    parts: list[Floats] = []
    for point, count, stride in zip(points, shape, strides, strict=True):
        inside &= (point > -0.01) & (point < count - 0.99)
        whole = np.clip(np.floor(point), 0, max(count - 2, 0))
        index += whole.astype(np.intp) * stride
        parts.append(np.clip(point - whole, 0, 1))
    following = [stride if count > 1 else 0 for stride, count in zip(strides, shape, strict=True)]

    def along(axis: int, offset: int) -> Floats:
        """Interpolate along ``axis`` and those after it."""
        if axis == 3:
            return flat.take(index + offset, mode="clip").astype(np.float32)
        low, high = along(axis + 1, offset), along(axis + 1, offset + following[axis])
        high -= low
        high *= parts[axis]
        high += low
        return high

    return np.asarray(np.where(inside, along(0, 0), outside), dtype=np.float32)
