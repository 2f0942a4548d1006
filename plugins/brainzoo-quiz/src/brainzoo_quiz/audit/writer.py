"""The canonical writer: one way from an image of any kind to the bytes that readers get.

Real and created images pass through :func:`canonical` one by one, and it is told nothing else of
them. What lies outside the head becomes 0, so that no background tells the kinds apart; the head's
own percentiles become black and white, so that no window does; and all is rounded to 8 bits. What
happened before (JPEG, another resampling) stays in the pixels: the audit looks for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import DataError

PERCENTILES = (1.0, 99.5)
"""Of the head: what becomes black and white; the same as in preparing scans."""

FLOOR = 0.05
"""What is darker than this share of white becomes black, too: air along the rim of the head."""

CLOSING = 0.06
"""Gaps up to this share of the image's edge are closed: the dark skull between skin and brain."""


def canonical(image: NDArray[np.float32], *, coarse: bool = False) -> NDArray[np.uint8]:
    """Return an image as it is written.

    Args:
        image: ``spatial`` in [0, 1].
        coarse: Round to 8 bits before the window is set, too: for both kinds, where one of them
            is stored in 8 bits and would show gaps between its grey levels.

    Returns:
        The same shape, uint8.

    Raises:
        DataError: It is empty: nothing in it is brighter than the rest.
    """
    if coarse:
        image = (np.rint(255 * image) / 255).astype(np.float32)
    head = head_mask(image)
    low, high = np.percentile(image[head], PERCENTILES)
    low = max(low, FLOOR * high)
    if not high > low:
        raise DataError("an image has no contrast: nothing can be seen in it.")
    window = np.clip((image - low) / (high - low), 0, 1)
    written: NDArray[np.uint8] = np.rint(255 * np.where(head, window, 0)).astype(np.uint8)
    return written


def head_mask(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where the head is: the largest bright part, its gaps closed and its holes filled.

    Args:
        image: ``spatial`` in [0, 1].
    """
    from scipy import ndimage

    # Noise in the background is lower than tissue, but not by much where a bright rim lifts the
    # threshold; a little smoothing keeps its peaks from joining the head.
    smooth = ndimage.gaussian_filter(image, 1.0)
    low, above = np.percentile(smooth, 5), smooth[smooth > smooth.mean()]
    if not above.size:
        raise DataError(f"it has no contrast: nearly all of it is {float(smooth.mean()):g}.")
    bright = smooth > low + 0.2 * (np.percentile(above, 90) - low)  # as in preparing scans
    reach = max(1, round(CLOSING * max(image.shape) / 2))
    padded = np.pad(bright, reach)
    closed = ndimage.binary_closing(padded, iterations=reach)
    parts, number = ndimage.label(closed)
    if number > 1:
        sizes = np.bincount(parts.ravel())[1:]
        closed = parts == 1 + int(sizes.argmax())
    filled = ndimage.binary_fill_holes(closed)
    inner = tuple(slice(reach, -reach) for _ in image.shape)
    mask: NDArray[np.bool_] = filled[inner]
    return mask
