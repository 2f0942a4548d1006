"""Trivial features: what gives an image away without anybody looking at the anatomy.

None of them knows a brain. Each is a channel through which the history of a file shows: how well it
compresses, what its background and border hold, how many grey levels it uses, an 8 × 8 grid (JPEG),
and how its energy spreads over spatial frequencies (resampling, blur, a generator's upsampling).
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

BANDS = 6
BLOCK = 8
FLAT = 4.0  # grey levels of standard deviation: in flatter blocks all coefficients are small
JPEG = "JPEG blocks"

CHANNELS = {
    "compressed size": "how well the bytes compress",
    "zeros": "share of black pixels",
    "whites": "share of white pixels",
    "border mean": "mean along the edges",
    "border SD": "spread along the edges",
    "grey levels": "how many different values there are",
    JPEG: "fine detail that vanishes in 8 x 8 blocks, but not between them, as in any JPEG",
    **{f"frequencies {i}": "energy by spatial frequency, low to high" for i in range(1, BANDS + 1)},
}
"""Each feature and what it means."""


def features(image: NDArray[np.uint8]) -> dict[str, float]:
    """Return the trivial features of one image.

    Args:
        image: ``spatial``, uint8. Of a volume, size, values and border count as a whole; blocks and
            frequencies are means over its three central planes.
    """
    edges = _border(image).astype(np.float64)
    central = [np.take(image, n // 2, axis=axis) for axis, n in enumerate(image.shape)]
    planes = [image] if image.ndim == 2 else central
    grey = [plane.astype(np.float64) for plane in planes]
    bands = np.mean([_bands(plane) for plane in grey], axis=0)
    return {
        "compressed size": float(len(zlib.compress(np.ascontiguousarray(image).tobytes(), 6))),
        "zeros": float((image == 0).mean()),
        "whites": float((image == 255).mean()),
        "border mean": float(edges.mean()),
        "border SD": float(edges.std()),
        "grey levels": float(len(np.unique(image))),
        JPEG: float(np.mean([_vanished(p) - _vanished(np.roll(p, 4, (0, 1))) for p in grey])),
        **{f"frequencies {i}": float(value) for i, value in enumerate(bands, 1)},
    }


def _border(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the outermost pixels."""
    inner = np.zeros(image.shape, dtype=bool)
    inner[tuple(slice(1, -1) for _ in image.shape)] = True
    return image[~inner]


def _vanished(plane: NDArray[np.float64]) -> float:
    """Return the share of fine DCT coefficients near 0, in 8 × 8 blocks that are not flat.

    JPEG rounds each block's coefficients, the fine ones to 0, whatever the quality.
    """
    from scipy.fft import dctn

    rows, columns = (length // BLOCK for length in plane.shape)
    tiled = plane[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    blocks = tiled.swapaxes(1, 2).reshape(-1, BLOCK, BLOCK)
    blocks = blocks[blocks.std(axis=(1, 2)) > FLAT]
    if not len(blocks):
        return 0.0
    fine = np.abs(dctn(blocks, axes=(1, 2), norm="ortho"))[:, BLOCK // 2 :, BLOCK // 2 :]
    return float((fine < 1).mean())


def _bands(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of the energy in rings of frequency, relative to all of it."""
    window = np.outer(*(np.hanning(length) for length in plane.shape))
    power = np.abs(np.fft.fft2((plane - plane.mean()) * window)) ** 2
    rows, columns = (np.fft.fftfreq(length) for length in plane.shape)
    frequency = np.hypot(rows[:, None], columns[None, :]) / 0.5
    ring = np.minimum((frequency * BANDS).astype(int), BANDS - 1)
    energy = np.bincount(ring.ravel(), power.ravel(), BANDS)
    share: NDArray[np.float64] = np.log(energy / (energy.sum() + 1e-9) + 1e-12)
    return share
