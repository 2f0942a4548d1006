"""Intervals by bootstrap over subjects: slices of one head are not independent observations.

Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 6, 10 and 13; Field and
Welsh 2007, "Bootstrapping clustered data" (whole clusters are drawn). A round of the bootstrap is a
row of weights, how often each image was drawn, so that most measures of all rounds are one matrix
product; the first row draws every image once and gives the value itself.

Some measures are biased when people are few: average precision counts each positive among its own
hits, and somebody who is drawn twice finds themselves. Draws are as far above the value, about, as
the value is above the truth (chapter 10), so their percentiles are moved back by twice that bias.
Percentiles that were left alone could lie wholly above the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from brainzoo.data.images import Images

ROUNDS = 1000
LEVEL = 0.95
NORMAL = 1.96  # standard errors on either side at this level
CHANCE = 3.0  # standard errors of the draws' mean: a bias within them is none


class Interval(NamedTuple):
    """Lower and upper end of an interval."""

    low: float
    high: float


def bootstrap(subjects: Sequence[str], *, seed: int, rounds: int = ROUNDS) -> NDArray[np.float64]:
    """Return how often each image is drawn: ``(1 + rounds, image)``, the first row all ones.

    Whole subjects are drawn with replacement, as many as there are. ``subjects`` names that of each
    image (:func:`subjects_of`).
    """
    _, of_image = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    count = int(of_image.max()) + 1
    rng = np.random.default_rng(seed)
    drawn = [np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(rounds)]
    return np.stack([np.ones(count, np.intp), *drawn])[:, of_image].astype(np.float64)


def interval(
    draws: NDArray[np.float64],
    *,
    normal: bool = False,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    people: int | None = None,
) -> Interval | None:
    """Return the 95 % interval of a value from its resamples; ``None`` where there are none.

    Percentiles, moved by twice the bias of the draws, and always so wide that they hold the value.

    Args:
        draws: The value itself, then one of each round; those that are not finite (a class that no
            drawn subject has) are left out.
        normal: The value ± 1.96 standard deviations of the draws, rather than percentiles: for
            distances, which grow when images repeat, so that percentiles need not hold the value.
        bounds: The least and the greatest that is possible.
        people: How many were resampled, if the interval is to be wider where they are few: draws of
            n people spread less than the truth does, and their spread is itself uncertain.
    """
    drawn = draws[1:][np.isfinite(draws[1:])]
    if not len(drawn) or (normal and len(drawn) < 2):
        return None
    value, bias = float(draws[0]), float(np.mean(drawn) - draws[0])
    if normal:
        far = NORMAL * float(np.std(drawn, ddof=1))
        low, high, middle = value - far, value + far, value
    else:
        low, high = (float(q) for q in np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
        if abs(bias) <= CHANCE * float(np.std(drawn)) / np.sqrt(len(drawn)):
            bias = 0.0
        low, high, middle = low - 2 * bias, high - 2 * bias, value - bias
    if people is not None and people > 1:
        low, high = (middle + few_people(people) * (end - middle) for end in (low, high))
    low, high = min(low, value), max(high, value)
    return Interval(max(bounds[0], low), min(bounds[1], high))


def few_people(count: int) -> float:
    """Return how much wider the interval of so many people is: 1.08 of 24, 1.29 of 8.

    Student's quantile over the normal one (by Cornish and Fisher's expansion), and the root of n
    over n - 1, by which a mean of draws varies too little (Hesterberg 2015, "What teachers should
    know about the bootstrap").
    """
    free = count - 1
    quantile = NORMAL + (NORMAL**3 + NORMAL) / (4 * free)
    quantile += (5 * NORMAL**5 + 16 * NORMAL**3 + 3 * NORMAL) / (96 * free**2)
    return float(quantile / NORMAL * np.sqrt(count / free))


def subjects_of(images: Images) -> list[str]:
    """Return the subject of each image; an image that has none (a synthetic one) is its own."""
    return [
        f"subject {row['subject']}" if row.get("subject") else f"image {i}"
        for i, row in enumerate(images.table)
    ]
