"""Likeness of pairs of images of one set: how varied it is (Odena et al. 2017, section 4.2).

Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003): Gaussian windows of 11 pixels
with σ = 1.5, constants (0.01)² and (0.03)² for values in [0, 1], the authors' weights of five
scales, and images halved by averaging between them.

A generator whose pairs are more alike than pairs of real people repeats itself (mode collapse).

Differences from the paper: only windows that lie inside the image count. They fit into all five
scales from 176 pixels on; smaller images get as many of the finest scales as fit (64 pixels: three,
128: four), with their weights made to sum to 1, so values of different sizes are not comparable.
Negative contrast terms count as 0, as everyone does, since their powers are not real. (torchmetrics
takes the mean of the coarsest scale over windows that hang over the edge, too: on slices of IXI its
values are off by up to 0.12; it takes more than twice as long.)
"""

# ruff: noqa: TID253 (imported by the evaluator and by scripts only)

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from brainzoo.api import DataError, Evaluation, subjects_of
from brainzoo_metrics.measure import SHARE, Floats, View

WINDOW = 11
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
BATCH = 8  # pairs at once: their windows stay in the cache
MEMORY = 2**28  # bytes, of what is known of every image at one scale
MOMENTS = 2


def compute(view: View) -> Evaluation:
    """Return the MS-SSIM of pairs of synthetic images, beside that of pairs of real people."""
    drawn = []
    for images, part, weights in zip(view.images[:2], view.pixels, view.weights, strict=False):
        first, second = draw_pairs(
            len(part), view.config.pairs, view.sets.seed, subjects_of(images)
        )
        of_pair = weights[:, first] * weights[:, second]
        values = msssim(part, first, second)
        drawn.append(of_pair @ values / np.maximum(of_pair.sum(1), 1e-9))
    detail = (
        f"mean of {view.config.pairs} pairs, {scales_of(*view.pixels[0].shape[2:])} of 5 scales; "
        "floor: pairs of different test subjects; above it, synthetic images repeat themselves"
    )
    return Evaluation(
        [view.value("MS-SSIM of pairs", drawn[1], drawn[0], bounds=SHARE, detail=detail)]
    )


def draw_pairs(
    n: int, pairs: int, seed: int, subjects: Sequence[str] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return positions of the first and second image of random pairs of different images.

    Raises:
        DataError: No such pair.
    """
    names = np.arange(n) if subjects is None else np.unique(subjects, return_inverse=True)[1]
    if len(set(names.tolist())) < 2:
        raise DataError(
            f"{n} images of {len(set(names.tolist()))} subject hold no pair of different ones.",
            "Add subjects.",
        )
    rng = np.random.default_rng(seed)
    first = rng.integers(0, n, pairs)
    second = rng.integers(0, n, pairs)
    while (same := names[first] == names[second]).any():
        second[same] = rng.integers(0, n, int(same.sum()))
    return first, second


def scales_of(height: int, width: int) -> int:
    """Return how many of the five scales a size allows.

    Raises:
        DataError: Not even one.
    """
    count = 0
    while count < len(WEIGHTS) and min(height, width) >> count >= WINDOW:
        count += 1
    if not count:
        raise DataError(
            f"images are {height} × {width} pixels; MS-SSIM needs {WINDOW} × {WINDOW}.",
            "Use larger images (--size).",
        )
    return count


def msssim(
    pixels: Floats, first: NDArray[np.intp], second: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the MS-SSIM of ``pixels[first]`` and ``pixels[second]``, averaged over channels.

    Each image is filtered once for all its pairs; only the product of two images is of a pair.

    Args:
        pixels: ``(image, channel, height, width)`` in [0, 1].
        first: Position of the first image of each pair.
        second: Of the second, as many.

    Returns:
        ``(pair,)``.
    """
    held = MEMORY // (MOMENTS * 8 * pixels[0].size)  # images
    step = len(first) if len(pixels) <= held else max(BATCH, held // 2)
    parts = []
    for start in range(0, len(first), step):
        ends = np.concatenate([first[start : start + step], second[start : start + step]])
        used, places = np.unique(ends, return_inverse=True)
        parts.append(_msssim(pixels[used], *np.split(places, 2)))
    return np.concatenate(parts)


def _msssim(x: Floats, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.float64]:
    count = scales_of(*x.shape[2:])
    weights = np.array(WEIGHTS[:count]) / sum(WEIGHTS[:count])
    product = np.ones((len(first), x.shape[1]))
    for scale, weight in enumerate(weights):
        means, variances = _moments(x)
        for start in range(0, len(first), BATCH):
            pairs = slice(start, start + BATCH)
            a, b = first[pairs], second[pairs]
            both = means[a] * means[b]
            term = 2 * (_windows(x[a] * x[b]) - both) + C2
            term /= variances[a] + variances[b] + C2  # contrast and structure
            if scale == count - 1:  # luminance counts at the coarsest
                term *= (2 * both + C1) / (means[a] ** 2 + means[b] ** 2 + C1)
            product[pairs] *= np.maximum(term.mean(axis=(2, 3)), 0) ** weight
        x = _halved(x)
    return np.asarray(product.mean(axis=1), dtype=np.float64)


def _moments(x: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and the variance of every window of images, a few images at a time."""
    shape = (*x.shape[:2], *(side - WINDOW + 1 for side in x.shape[2:]))
    means, variances = np.empty(shape), np.empty(shape)
    for start in range(0, len(x), BATCH):
        part = x[start : start + BATCH]
        mean = means[start : start + BATCH] = _windows(part)
        variances[start : start + BATCH] = _windows(part * part) - mean**2
    return means, variances


def _windows(x: Floats) -> NDArray[np.float64]:
    """Return Gaussian-weighted means of all windows that lie inside the images."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    kernel = np.exp(-(offsets**2) / (2 * SIGMA**2))
    kernel /= kernel.sum()
    # In float64: variances are small differences of large numbers.
    out = x.astype(np.float64)
    margin = slice(WINDOW // 2, -(WINDOW // 2))
    out = correlate1d(out, kernel, axis=2)[:, :, margin]
    return np.asarray(correlate1d(out, kernel, axis=3)[:, :, :, margin], dtype=np.float64)


def _halved(x: Floats) -> Floats:
    n, channels, height, width = x.shape
    even = x[:, :, : height // 2 * 2, : width // 2 * 2]
    blocks = even.reshape(n, channels, height // 2, 2, width // 2, 2)
    return np.asarray(blocks.mean(axis=(3, 5)), dtype=np.float32)
