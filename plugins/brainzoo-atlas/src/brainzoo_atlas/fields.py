"""Smooth random fields on a grid: tensor products of cubic B-splines with random coefficients."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Grid:
    """A regular grid of voxel centres in RAS+ millimetres; ``origin_mm`` is that of the first."""

    shape: tuple[int, int, int]
    spacing_mm: float
    origin_mm: tuple[float, float, float]

    @property
    def affine(self) -> NDArray[np.float64]:
        """The 4 × 4 matrix from voxel indices to RAS+ millimetres."""
        affine = np.diag([self.spacing_mm] * 3 + [1.0])
        affine[:3, 3] = self.origin_mm
        return affine

    def axes_mm(self) -> list[Array]:
        """Return the coordinates along x, y and z, each broadcastable to the grid's shape."""
        lines = [
            (start + self.spacing_mm * np.arange(length)).astype(np.float32)
            for start, length in zip(self.origin_mm, self.shape, strict=True)
        ]
        return [lines[0][:, None, None], lines[1][None, :, None], lines[2][None, None, :]]


def covering(
    spacing_mm: float, low_mm: tuple[float, float, float], high_mm: tuple[float, float, float]
) -> Grid:
    """Return the grid of a spacing whose voxels fill the box from ``low_mm`` to ``high_mm``."""
    edges = zip(low_mm, high_mm, strict=True)
    x, y, z = (max(1, round((high - low) / spacing_mm)) for low, high in edges)
    a, b, c = (low + spacing_mm / 2 for low in low_mm)
    return Grid((x, y, z), spacing_mm, (a, b, c))


class Field:
    """A smooth random field of mean 0 and about standard deviation 1.

    The shortest wavelength is about twice the distance of the spline's knots. ``band`` removes
    those longer than about four knots: the field goes up and down everywhere at one scale.
    """

    def __init__(
        self, rng: np.random.Generator, grid: Grid, knots_mm: float, *, band: bool = False
    ) -> None:
        self.grid = grid
        self.knots_mm = knots_mm
        counts = [int(np.ceil(n * grid.spacing_mm / knots_mm)) + 3 for n in grid.shape]
        coefficients = np.clip(rng.standard_normal(counts), -2.5, 2.5)
        if band:
            from scipy.ndimage import gaussian_filter

            coefficients -= gaussian_filter(coefficients, 1.0, mode="wrap")
        self.coefficients = (coefficients / coefficients.std()).astype(np.float32)
        # A spline of unit-variance coefficients varies less than they do: by the sum of the
        # squared weights, on average 0.4794 along an axis (151/315).
        self.gain = 1.0 if band else (151 / 315) ** -1.5

    def values(self) -> Array:
        """Return the field, of the grid's shape."""
        return self.gain * self._evaluate(-1)

    def gradient(self) -> list[Array]:
        """Return the derivatives along x, y and z per millimetre."""
        return [self.gain * self._evaluate(axis) for axis in range(3)]

    def _evaluate(self, derived_axis: int) -> Array:
        result = self.coefficients
        for axis, length in enumerate(self.grid.shape):
            positions = np.arange(length) * self.grid.spacing_mm / self.knots_mm
            weights = _weights(positions, result.shape[0], derived=axis == derived_axis)
            if axis == derived_axis:
                weights /= self.knots_mm
            # Contracts the first axis and appends the grid's, so three turns restore the order.
            result = np.tensordot(result, weights, axes=(0, 1))
        return np.ascontiguousarray(result)


def _weights(positions: NDArray[np.floating[Any]], knots: int, *, derived: bool) -> Array:
    """Return the weights (position, knot) of the uniform cubic B-spline, or of its derivative."""
    first = np.floor(positions).astype(int)
    t = positions - first
    if derived:
        parts = [-((1 - t) ** 2) / 2, (3 * t**2 - 4 * t) / 2, (-3 * t**2 + 2 * t + 1) / 2, t**2 / 2]
    else:
        parts = [
            (1 - t) ** 3 / 6,
            (3 * t**3 - 6 * t**2 + 4) / 6,
            (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
            t**3 / 6,
        ]
    weights = np.zeros((len(positions), knots), np.float32)
    for offset, part in enumerate(parts):
        weights[np.arange(len(positions)), first + offset] = part
    return weights
