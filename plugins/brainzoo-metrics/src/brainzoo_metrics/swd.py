"""Sliced Wasserstein distance of image patches (Karras et al. 2018, "Progressive Growing of GANs").

Section 5 and appendix: each image becomes a Laplacian pyramid whose lowest level is 16 pixels; of
each level 128 random 7 × 7 patches an image are taken, each channel of all patches of a set is
normalised to mean 0 and standard deviation 1, and the sets are compared by the sliced Wasserstein
distance (Rabin et al. 2011) along 512 random directions. Values are shown times 1,000.

Three things to know before believing a value:

- Each set is normalised by itself, so brightness and contrast of the whole set do not count.
- The distance of two finite draws from one distribution is not 0: patches of few images differ. It
  falls with the root of n. The paper has n = 16,384 and values of 2 to 5; at n = 168 two sets of
  real heads (IXI, 64 pixels) are about 15 apart. Compare with a floor at the same n, not the paper.
- Slices of one head are alike: what counts is the number of subjects. Intervals draw subjects.

Differences from the paper: grey images by default (any number of channels works); where sets differ
in number, as many are drawn of each; sides need not be powers of two.
"""

# ruff: noqa: TID253 (imported by the evaluator and by scripts only)

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from brainzoo.api import DataError, Evaluation
from brainzoo_metrics.measure import POSITIVE, Draws, Floats, View, Weights

PATCH = 7
PATCHES = 128  # an image and level
PROJECTIONS = 512
SMALLEST = 16  # pixels of the lowest level
UNIT = 1e3
BLOCK = 32  # directions at once
BINS = 256
QUANTILES = 64
BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16


def compute(view: View) -> Evaluation:
    """Return the distance of all levels together, what is above its floor, and of each level."""
    found, sums = [], [np.zeros(1), np.zeros(1)]
    for level in levels(view.pixels, view.sets.seed):
        drawn = [level.draws(0, i, view.weights[0], view.weights[i]) for i in (1, 2)]
        sums = [total + draws for total, draws in zip(sums, drawn, strict=True)]
        detail = f"× 1,000; level of {level.name} pixels, 7 × 7 patches, 128 an image"
        found.append(view.value(f"SWD {level.name}", *drawn, bounds=POSITIVE, detail=detail))
    mean, floor = (total / len(found) for total in sums)
    detail = "× 1,000; mean of all levels (Karras 2018); falls with n, so compare with its floor"
    above = "× 1,000; mean of all levels minus its floor at the same n; 0: as other real people"
    return Evaluation(
        [
            view.value("SWD", mean, floor, bounds=POSITIVE, detail=detail),
            view.value("SWD above floor", mean - floor, detail=above),
            *found,
        ]
    )


def sliced_wasserstein(a: Floats, b: Floats, seed: int) -> dict[str, float]:
    """Return the distance of two sets of images by pyramid level.

    Args:
        a: ``(image, channel, height, width)``.
        b: As many images of the same shape; where one set has more, as many are drawn of it.
        seed: Decides patches and directions.

    Returns:
        Times 1,000, by the level's height in pixels from the finest (``"64"``, ``"32"``, ``"16"``),
        and their ``"mean"``.

    Raises:
        DataError: Shapes differ, images are smaller than a patch, or values are not finite.
    """
    rng = np.random.default_rng(seed)
    n = min(len(a), len(b))
    sets = [x[np.sort(rng.choice(len(x), n, replace=False))] for x in (a, b)]
    values = {level.name: level.distance(0, 1) for level in levels(sets, int(rng.integers(2**63)))}
    return values | {"mean": float(np.mean(list(values.values())))}


@dataclasses.dataclass(frozen=True)
class Level:
    """One pyramid level of several sets of images.

    Attributes:
        name: Its height in pixels.
        patches: For each set ``(image × patch, channel × 7 × 7)``, normalised.
        directions: ``(projection, channel × 7 × 7)``, shared by all sets.
    """

    name: str
    patches: list[Floats]
    directions: Floats

    def distance(self, one: int, other: int) -> float:
        """Return the sliced Wasserstein distance of two of the sets, times 1,000."""
        apart = []
        for start in range(0, PROJECTIONS, BLOCK):
            # In one dimension the optimal transport joins the sorted values.
            a, b = (
                np.sort(self.directions[start : start + BLOCK] @ self.patches[i].T)
                for i in (one, other)
            )
            apart.append(np.abs(a - b).mean(dtype=np.float64))
        return float(np.mean(apart)) * UNIT

    def draws(self, one: int, other: int, of_one: Weights, of_other: Weights) -> Draws:
        """Return the distance, then what each further row of weights makes of it.

        Rows use every sixteenth direction and compare quantile functions at 64 places: exact enough
        for a standard error. What is drawn is normalised anew, of several channels by one scale.
        """
        drawn = ((self.patches[one], of_one), (self.patches[other], of_other))
        moments = [_moments(x, weights) for x, weights in drawn]
        apart = np.zeros(len(of_one))
        chosen = self.directions[::16]
        for direction in chosen:
            a, b = (
                (
                    _quantiles((x @ direction).reshape(-1, PATCHES), weights)
                    - mean @ direction[:, None]
                )
                / std[:, None]
                for (x, weights), (mean, std) in zip(drawn, moments, strict=True)
            )
            apart += np.abs(a - b).mean(axis=1)
        values = apart / len(chosen) * UNIT
        values[0] = self.distance(one, other)
        return values


def levels(sets: Sequence[Floats], seed: int) -> Iterator[Level]:
    """Yield the levels, finest first, of sets of images ``(image, channel, height, width)``.

    All sets are seen along the same directions; patches are drawn for each set anew.

    Raises:
        DataError: Shapes differ, images are smaller than a patch, or values are not finite.
    """
    for pixels in sets:
        _expect_images(pixels, sets[0].shape[1:])
    rng = np.random.default_rng(seed)
    for parts in zip(*map(pyramid, sets), strict=True):
        dimensions = parts[0].shape[1] * PATCH**2
        directions = rng.standard_normal((PROJECTIONS, dimensions)).astype(np.float32)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        yield Level(str(parts[0].shape[2]), [patches(part, rng) for part in parts], directions)


def pyramid(pixels: Floats) -> list[Floats]:
    """Return the Laplacian pyramid (Burt and Adelson 1983) of images, finest level first.

    Each level but the last is what the next one, enlarged, lacks; the last has at least 16 pixels
    on its shorter side.
    """
    found = []
    while min(pixels.shape[2:]) >= 2 * SMALLEST:
        smaller = _blur(pixels)[:, :, ::2, ::2]
        larger = np.zeros_like(pixels)
        larger[:, :, ::2, ::2] = 4 * smaller
        found.append(pixels - _blur(larger))
        pixels = smaller
    return [*found, pixels]


def patches(level: Floats, rng: np.random.Generator) -> Floats:
    """Return random patches ``(image × patch, channel × 7 × 7)``, each channel normalised."""
    n, channels, height, width = level.shape
    top = rng.integers(0, height - PATCH + 1, (n, PATCHES))
    left = rng.integers(0, width - PATCH + 1, (n, PATCHES))
    windows = np.lib.stride_tricks.sliding_window_view(level, (PATCH, PATCH), axis=(2, 3))
    # (image, patch, channel, 7, 7): what indexes comes first
    drawn = windows[np.arange(n)[:, None], :, top, left]
    mean = drawn.mean(axis=(0, 1, 3, 4), keepdims=True, dtype=np.float64)
    std = drawn.std(axis=(0, 1, 3, 4), keepdims=True, dtype=np.float64)
    normal = (drawn - mean) / np.maximum(std, 1e-8)  # constant images have nothing to normalise
    flat = normal.reshape(n * PATCHES, channels * PATCH**2)
    return np.asarray(flat, dtype=np.float32)


def _moments(drawn: Floats, weights: Weights) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return means ``(round, channel × 7 × 7)`` and standard deviations ``(round,)`` of patches."""
    shares = weights / weights.sum(1)[:, None]
    of_channel = drawn.reshape(weights.shape[1], PATCHES, -1, PATCH**2)
    mean = shares @ of_channel.mean(axis=(1, 3), dtype=np.float64)
    square = shares @ (of_channel**2).mean(axis=(1, 2, 3), dtype=np.float64)
    variance = square - (mean**2).mean(axis=1)
    return np.repeat(mean, PATCH**2, axis=1), np.sqrt(np.maximum(variance, 1e-12))


def _quantiles(values: Floats, weights: Weights) -> NDArray[np.float64]:
    """Return quantiles of ``(image, patch)`` for each row of weights: ``(round, 64)``."""
    n = len(values)
    low, high = float(values.min()), float(values.max())
    places = ((values - low) / max(high - low, 1e-12) * BINS).astype(np.intp)
    places = np.minimum(places, BINS - 1) + BINS * np.arange(n)[:, None]
    counts = np.bincount(places.ravel(), minlength=n * BINS).reshape(n, BINS)
    below = np.cumsum(weights @ counts, axis=1)
    below /= below[:, -1:]
    edges = np.linspace(low, high, BINS + 1)
    wanted = (np.arange(QUANTILES) + 0.5) / QUANTILES
    found = [np.interp(wanted, np.concatenate([[0.0], row]), edges) for row in below]
    return np.array(found)


def _blur(pixels: Floats) -> Floats:
    for axis in (2, 3):
        pixels = convolve1d(pixels, BINOMIAL, axis=axis, mode="mirror")
    return pixels


def _expect_images(pixels: Floats, shape: tuple[int, ...]) -> None:
    if pixels.ndim != 4 or pixels.shape[1:] != shape or not len(pixels):
        raise DataError(
            f"images have shape {pixels.shape}; expected (image, channel, height, width), alike in "
            "all sets.",
            "Prepare all alike; of volumes compare planes.",
        )
    if min(shape[1:]) < PATCH:
        raise DataError(
            f"images are {shape[1]} × {shape[2]} pixels; patches need {PATCH} × {PATCH}.",
            "Use larger images (--size).",
        )
    if not np.isfinite(pixels).all():
        raise DataError("images hold values that are not finite.", "Check how they were made.")
