"""Whether samples still differ from each other: multi-scale structural similarity of pairs.

Wang, Simoncelli and Bovik 2003, "Multiscale Structural Similarity for Image Quality Assessment",
section 3; as a measure of collapse: Odena et al. 2017, section 4.2. Where the images are too small
for the paper's five scales, the first ones are taken and their weights scaled to sum to one.
"""

# ruff: noqa: TID253 (imported by game.py only)

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import conv2d, conv3d

from brainzoo.api import console
from brainzoo_pggan.layers import downsample

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW = 11
SIGMA = 1.5
SMALLEST = 16  # below, images of heads are all alike
TOO_ALIKE = 0.5  # share of the real images' diversity that is warned of
PATIENCE = 2  # grids in a row
PAIRS = 8  # compared at once


def ms_ssim(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the similarity of each pair of images.

    Args:
        first: ``(pair, channel, *spatial)`` in [0, 1], at least as large as the window.
        second: The others of the pairs.

    Returns:
        ``(pair,)``; 1 for equal images.
    """
    scales = 1
    while scales < len(WEIGHTS) and first.shape[2] >> scales >= WINDOW:
        scales += 1
    weights = torch.tensor(WEIGHTS[:scales], dtype=first.dtype, device=first.device)
    result = torch.ones(len(first), dtype=first.dtype, device=first.device)
    for scale, weight in enumerate(weights / weights.sum()):
        luminance, structure = _ssim(first, second)
        value = structure * luminance if scale == scales - 1 else structure
        result = result * value.flatten(1).mean(1).clamp_min(0) ** weight
        if scale < scales - 1:
            first, second = downsample(first), downsample(second)
    return result


def similarity(images: torch.Tensor) -> float:
    """Return the mean :func:`ms_ssim` of neighbours among ``(batch, channel, *spatial)``."""
    starts = range(0, len(images) - 1, PAIRS)
    parts = [images[at : at + PAIRS + 1] for at in starts]
    return float(torch.cat([ms_ssim(part[:-1], part[1:]) for part in parts]).mean())


def of_different_people(subjects: Sequence[object], count: int) -> NDArray[np.intp]:
    """Return rows whose neighbours are of different people, as far as there are enough.

    Slices of one person are alike, and would make real images look less diverse than they are.

    Args:
        subjects: Whose image each row is.
        count: How many rows at most.
    """
    order = np.random.default_rng(0).permutation(len(subjects))
    turns: Counter[object] = Counter()
    turn = []
    for row in order:
        turn.append(turns[subjects[row]])
        turns[subjects[row]] += 1
    # Everybody's first row, then everybody's second one, in the same order of people.
    people = {person: place for place, person in enumerate(turns)}
    rows = sorted(zip(turn, order, strict=True), key=lambda t: (t[0], people[subjects[t[1]]]))
    return np.asarray([row for _, row in rows[:count]])


class CollapseWatch:
    """Compares the diversity of samples with that of real images, and warns once."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._warned = False
        self._figures: dict[str, torch.Tensor] = {}
        self._told_at: int | None = None

    def look(self, samples: torch.Tensor, real: torch.Tensor) -> None:
        """Take a grid of samples and real images of the same resolution, in [0, 1]."""
        if samples.shape[2] < SMALLEST or len(real) < 2:
            return
        of_samples, of_real = similarity(samples), similarity(real)
        self._told_at = None
        self._figures = {
            "ms_ssim": torch.tensor(of_samples),
            "ms_ssim_real": torch.tensor(of_real),
        }
        alike = 1 - of_samples < TOO_ALIKE * (1 - of_real)
        self._in_a_row = self._in_a_row + 1 if alike else 0
        if self._in_a_row >= PATIENCE and not self._warned:
            self._warned = True
            console.warn(
                f"samples grow alike (collapse): their mean MS-SSIM is {of_samples:.2f}, that of "
                f"real images {of_real:.2f}. Add augmentation (--diffaugment "
                "translation,brightness), raise --penalty, or lower the learning rates."
            )

    def figures(self, number: int) -> dict[str, torch.Tensor]:
        """Return the latest figures, for the first step after they were taken only."""
        if self._told_at is None:
            self._told_at = number
        return self._figures if self._told_at == number else {}


def _ssim(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return maps of luminance and of contrast with structure (equations 1 to 3)."""
    c1, c2 = 0.01**2, 0.03**2
    mean_a, mean_b = _blur(first), _blur(second)
    variance_a = _blur(first * first) - mean_a * mean_a
    variance_b = _blur(second * second) - mean_b * mean_b
    covariance = _blur(first * second) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a * mean_a + mean_b * mean_b + c1)
    return luminance, (2 * covariance + c2) / (variance_a + variance_b + c2)


def _blur(images: torch.Tensor) -> torch.Tensor:
    """Smooth along each axis with a Gaussian, keeping only where the window fits."""
    place = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    window = torch.exp(-(place**2) / (2 * SIGMA**2))
    window = window / window.sum()
    channels, dims = images.shape[1], images.ndim - 2
    convolve = conv2d if dims == 2 else conv3d
    for axis in range(dims):
        shape = [1] * dims
        shape[axis] = WINDOW
        kernel = window.view(1, 1, *shape).expand(channels, 1, *shape)
        images = convolve(images, kernel, groups=channels)
    return images
