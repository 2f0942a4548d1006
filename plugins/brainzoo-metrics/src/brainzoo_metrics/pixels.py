"""What can be measured of pixels alone: small images, and how often each intensity occurs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brainzoo_metrics.resampling import Draws, Weights

BINS = 256

Floats = NDArray[np.float32]


def small(pixels: Floats, side: int = 32) -> Floats:
    """Return images averaged over blocks until sides are at most about ``side``, as vectors.

    Args:
        pixels: ``(image, channel, height, width)``.
        side: Pixels of the longer side at most.

    Returns:
        ``(image, pixel)``.
    """
    n, channels, height, width = pixels.shape
    block = -(-max(height, width) // side)
    rows, columns = height // block, width // block
    blocks = pixels[:, :, : rows * block, : columns * block].reshape(
        n, channels, rows, block, columns, block
    )
    return np.asarray(blocks.mean(axis=(3, 5)).reshape(n, -1), dtype=np.float32)


def histograms(pixels: Floats) -> NDArray[np.float64]:
    """Return the share of pixels in each of 256 equal parts of [0, 1]: ``(image, bin)``."""
    flat = pixels.reshape(len(pixels), -1)
    bins = np.minimum((flat * BINS).astype(np.intp), BINS - 1)
    counts = [np.bincount(row, minlength=BINS) for row in bins]
    return np.stack(counts) / flat.shape[1]


def intensity_draws(
    a: NDArray[np.float64], b: NDArray[np.float64], of_a: Weights, of_b: Weights
) -> Draws:
    """Return the Wasserstein distance of intensities, in percent of the range, for each row.

    Args:
        a: :func:`histograms` of one set.
        b: Of the other.
        of_a: Weights ``(round, image)``.
        of_b: Of the other.
    """
    mean_a, mean_b = of_a @ a / of_a.sum(1)[:, None], of_b @ b / of_b.sum(1)[:, None]
    apart = np.abs(np.cumsum(mean_a - mean_b, axis=1)).sum(axis=1)
    return np.asarray(100 * apart / BINS)
