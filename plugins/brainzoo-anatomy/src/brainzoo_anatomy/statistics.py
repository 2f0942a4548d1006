"""Differences of two groups of heads, for every round of the bootstrap at once.

A row of ``weights`` ``(round, image)`` is how often each image was drawn; the first row is the
images themselves (:func:`brainzoo.api.bootstrap`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Images, bootstrap, subjects_of
from brainzoo_anatomy.measured import Measured

Numbers = NDArray[np.float64]
LEAST_AGES = 8  # heads of known age, for a slope
LEAST_YEARS = 10.0  # between the youngest and the oldest


class Group(NamedTuple):
    """Heads of one set, and how often each was drawn."""

    heads: Measured
    weights: Numbers

    @classmethod
    def of(cls, heads: Measured, images: Images, seed: int) -> Group:
        """Draw the rounds: whole people with replacement."""
        return cls(heads, bootstrap(subjects_of(images), seed=seed))


def hedges(real: Numbers, other: Numbers, of_real: Numbers, of_other: Numbers) -> Numbers:
    """Return Hedges' g, (other − real) over the pooled standard deviation, of each round.

    Cohen's d with the correction for few observations (Hedges 1981).

    Args:
        real: A value for each head.
        other: The same of the other heads.
        of_real: Weights ``(round, head)``.
        of_other: Weights ``(round, other head)``.
    """
    (n, mean, squares), (m, middle, others) = _moments(real, of_real), _moments(other, of_other)
    pooled = np.sqrt((squares + others) / np.maximum(n + m - 2, 1))
    # Of values that hardly vary, a difference is large but finite.
    least = 1e-3 * (np.abs(mean) + np.abs(middle)) + 1e-9
    correction = 1 - 3 / (4 * (n + m) - 9)
    return np.asarray(correction * (middle - mean) / np.maximum(pooled, least), np.float64)


def wasserstein(real: Numbers, other: Numbers, of_real: Numbers, of_other: Numbers) -> Numbers:
    """Return the 2-Wasserstein distance of Gaussians with the moments of two groups, each round.

    |μ − ν|² + tr(A + B − 2 (A½ B A½)½), its root (Dowson and Landau 1982).

    Args:
        real: Standardised values ``(head, region)``.
        other: The same of the other heads.
        of_real: Weights ``(round, head)``.
        of_other: Weights ``(round, other head)``.
    """
    (mean, spread), (middle, others) = _gaussian(real, of_real), _gaussian(other, of_other)
    values, axes = np.linalg.eigh(spread)
    root = (axes * np.sqrt(np.maximum(values, 0))[:, None, :]) @ axes.transpose(0, 2, 1)
    inner = np.linalg.eigvalsh(root @ others @ root)
    overlap = np.sqrt(np.maximum(inner, 0)).sum(1)
    traces = np.trace(spread, axis1=1, axis2=2) + np.trace(others, axis1=1, axis2=2)
    squared = ((mean - middle) ** 2).sum(1) + traces - 2 * overlap
    distances: NDArray[np.float64] = np.sqrt(np.maximum(squared, 0))
    return distances


def slopes(group: Group) -> Numbers | None:
    """Return the change of each region with age ``(round, region)``, percent of its mean a decade.

    A straight line by least squares; ``None`` where too few ages are known, or they hardly differ.
    """
    ages = group.heads.ages
    known = np.isfinite(ages)
    if known.sum() < LEAST_AGES or np.ptp(ages[known]) < LEAST_YEARS:
        return None
    ages, ml, weights = ages[known], group.heads.ml[known], group.weights[:, known]
    total = np.maximum(weights.sum(1, keepdims=True), 1)
    apart = ages - (weights @ ages)[:, None] / total[:, 0, None]
    spread = np.maximum((weights * apart**2).sum(1, keepdims=True), 1e-9)
    means = weights @ ml / total
    return np.asarray(1000 * ((weights * apart) @ ml) / spread / np.maximum(means, 1e-6))


def _moments(values: Numbers, weights: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return counts, means and sums of squared deviations of each round."""
    total = weights.sum(1)
    mean = weights @ values / total
    return total, mean, np.maximum(weights @ values**2 - total * mean**2, 0)


def _gaussian(values: Numbers, weights: Numbers) -> tuple[Numbers, Numbers]:
    """Return means ``(round, region)`` and covariances ``(round, region, region)``."""
    total = weights.sum(1)
    mean = weights @ values / total[:, None]
    products = np.einsum("ri,ij,ik->rjk", weights, values, values, optimize=True)
    centred = products - total[:, None, None] * mean[:, :, None] * mean[:, None, :]
    return mean, centred / np.maximum(total - 1, 1)[:, None, None]
