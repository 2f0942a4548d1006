"""Where scores count: the head without its rim, so that neither air, skin nor skull is judged."""

# ruff: noqa: TID253 (imported by the evaluator only)

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
HEAD = 0.15
"""Brighter than this part of the image's 99th percentile is head; its holes are filled."""


def inside(image: Floats, rim: float) -> Bools:
    """Return the head ``(*spatial)`` of one image ``(channel, *spatial)`` without its rim.

    The rim is a part of the head's half width; 0 leaves nothing out.
    """
    grey = ndimage.uniform_filter(image.mean(0), 3)
    bright = np.pad(grey > HEAD * max(float(np.quantile(grey, 0.99)), 1e-6), 2)
    closed = ndimage.binary_fill_holes(ndimage.binary_closing(bright, iterations=2))
    parts, count = ndimage.label(closed)
    if not count:
        return np.zeros(image.shape[1:], dtype=bool)
    head = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    depth = ndimage.distance_transform_edt(head)
    return np.asarray((depth > rim * depth.max())[(slice(2, -2),) * grey.ndim])


def width_of(region: Bools) -> float:
    """Return the diameter in pixels of the disc (ball) that is as large as a region or lesion."""
    size = int(region.sum())
    if region.ndim == 2:
        return float(2 * np.sqrt(size / np.pi))
    return float(2 * np.cbrt(3 * size / (4 * np.pi)))
