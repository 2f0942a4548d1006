"""Finds the head and the brain's extent in a scan, with or without skull, without a mask.

The head is what is bright; its top, width and length say where the brain lies. The relations come
from 121 IXI T1 scans (3 T, ages 20 to 82) with DLMUSE brain labels: see :func:`_brain_in_head`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import DataError
from brainzoo.preparation.scan import Matrix, Scan

COARSE_MM = 4.0
SLAB_MM = 100.0  # from the top of the head down to about the eyes: no face, no neck
TALLEST_BRAIN_MM = 165.0  # of 121 the tallest measures 151 mm
LEAST_CM2 = 15.0  # a level with less of the head than this is noise, a marker or a fold-over


@dataclasses.dataclass(frozen=True)
class Head:
    """Where the brain lies in a scan's frame, and its intensities.

    Attributes:
        low_mm: The brain's left, posterior and inferior ends.
        high_mm: Its right, anterior and superior ends.
        black: The intensity that becomes 0.
        white: The intensity that becomes 1.
    """

    low_mm: Matrix
    high_mm: Matrix
    black: float
    white: float

    @property
    def centre_mm(self) -> Matrix:
        """The middle of the brain's extent."""
        return (self.low_mm + self.high_mm) / 2

    def level_mm(self, axis: int, fraction: float) -> float:
        """Return the place of a fraction of the brain's extent along an axis of the frame."""
        return float(self.low_mm[axis] + fraction * (self.high_mm[axis] - self.low_mm[axis]))


def find_head(scan: Scan, percentiles: tuple[float, ...], mask: Scan | None = None) -> Head:
    """Find the brain and the range of intensities.

    Black is the first percentile of the whole scan, white the second of the head (of the brain,
    with a mask on the scan's grid). What has no contrast, or no size of a head, is a DataError.
    """
    values, first_mm, step_mm = scan.coarse(COARSE_MM)
    if mask is None:
        inside = foreground(values)
    else:
        inside = mask.coarse(COARSE_MM)[0] > 0.5
        if not inside.any():
            raise DataError("its mask is empty.")
    black, white = _contrast(values, inside, percentiles)
    if mask is not None or _stripped(inside, step_mm):
        brain = [ends(inside, axis, step_mm, 1.0) for axis in range(3)]
    else:
        brain = _brain_in_head(inside, step_mm)
    last_mm = (np.array(values.shape) - 1) * step_mm  # a slab shows less than a brain
    low, high = (first_mm + np.clip(side, 0, last_mm) for side in zip(*brain, strict=True))
    return Head(low, high, black, white)


def in_head(scan: Scan, head: Head, percentiles: tuple[float, ...]) -> Head:
    """Return a head found in one channel with black and white of another."""
    values = scan.coarse(COARSE_MM)[0]
    black, white = _contrast(values, foreground(values), percentiles)
    return dataclasses.replace(head, black=black, white=white)


def _contrast(
    values: NDArray[Any], inside: NDArray[np.bool_], percentiles: tuple[float, ...]
) -> tuple[float, float]:
    """Return black and white, which must differ."""
    black = float(np.percentile(values, percentiles[0]))
    white = float(np.percentile(values[inside], percentiles[1])) if inside.any() else 0.0
    if not white > black:
        raise DataError("it has no contrast: black and white fall together.")
    return black, white


def foreground(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return what is brighter than the background: a fifth of the way up to the bright tissue."""
    low = np.percentile(values, 5)
    above = values[values > values.mean()]
    if not above.size:
        raise DataError(f"it has no contrast: nearly all of it is {float(values.mean()):g}.")
    bright = np.percentile(above, 90)
    return np.asarray(values > low + 0.2 * (bright - low))


def _stripped(inside: NDArray[np.bool_], step_mm: Matrix) -> bool:
    """Return whether what is bright is no taller than a brain, and no neck reaches the edge."""
    low, high = ends(inside, 2, step_mm, LEAST_CM2)
    return low > step_mm[2] and high - low < TALLEST_BRAIN_MM


def ends(
    inside: NDArray[np.bool_], axis: int, step_mm: Matrix, least_cm2: float
) -> tuple[float, float]:
    """Return where the cross-section along an axis first and last exceeds an area, in mm."""
    others = tuple(other for other in range(3) if other != axis)
    pixel_cm2 = float(np.prod(step_mm[list(others)])) / 100
    area = inside.sum(axis=others) * pixel_cm2
    beyond = np.flatnonzero(area > least_cm2)
    if not len(beyond):
        raise DataError(
            f"it shows nothing as large as a head: at most {area.max():.1f} cm² in a section."
        )
    # Between the last section without and the first with enough, by linear interpolation.
    padded = np.concatenate([[0.0], area, [0.0]])
    i, j = int(beyond[0]), int(beyond[-1])
    low = i - (area[i] - least_cm2) / (area[i] - padded[i])
    high = j + (area[j] - least_cm2) / (area[j] - padded[j + 2])
    return float(low * step_mm[axis]), float(high * step_mm[axis])


def outline(
    inside: NDArray[np.bool_], step_mm: Matrix
) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Return the head's left and right, its back and front, and its top, in mm.

    Below the eyes, nose and neck would count: only what is near the top does.
    """
    top = ends(inside, 2, step_mm, LEAST_CM2)[1]
    slab = inside[:, :, max(0, int((top - SLAB_MM) / step_mm[2])) :]
    return ends(slab, 0, step_mm, LEAST_CM2), ends(slab, 1, step_mm, LEAST_CM2), top


def _brain_in_head(inside: NDArray[np.bool_], step_mm: Matrix) -> list[tuple[float, float]]:
    """Return the brain's ends along x, y and z from the outline of the head.

    Fitted to the DLMUSE labels of 121 IXI scans; tests/benchmarks/brain_extent.py prints the
    errors: standard deviations of 2 mm at the top and the sides, 4.4 mm at the bottom.
    """
    (left, right), (back, front), top = outline(inside, step_mm)
    bottom = top - (26.9 + 0.514 * (right - left) + 0.224 * (front - back))
    return [(left + 9.0, right - 9.0), (back + 7.9, front - 12.8), (bottom, top - 11.3)]
