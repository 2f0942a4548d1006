"""Intervals by bootstrap over subjects: slices of one head are no independent observations.

Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile intervals);
Field and Welsh 2007, "Bootstrapping clustered data" (whole clusters are drawn).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROUNDS = 1000
LEVEL = 0.95


class Interval(NamedTuple):
    """Lower and upper end of a percentile interval."""

    low: float
    high: float


def resamples(
    subjects: Sequence[str], *, seed: int, rounds: int = ROUNDS
) -> Iterator[NDArray[np.intp]]:
    """Yield positions of images: whole subjects drawn with replacement, as many as there are.

    Args:
        subjects: The subject of each image. For synthetic images, which have none, give each its
            own name.
        seed: Decides the draws.
        rounds: How many.
    """
    names, places = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    of_subject = [np.flatnonzero(places == i) for i in range(len(names))]
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        drawn = rng.integers(0, len(names), len(names))
        yield np.concatenate([of_subject[i] for i in drawn])


def weights_of(subjects: Sequence[str], *, seed: int, rounds: int = ROUNDS) -> NDArray[np.float64]:
    """Return how often each image is drawn: ``(1 + rounds, image)``, the first row all ones.

    For measures that are one matrix product over all rounds; see :func:`resamples`.
    """
    drawn = [
        np.bincount(positions, minlength=len(subjects))
        for positions in resamples(subjects, seed=seed, rounds=rounds)
    ]
    return np.stack([np.ones(len(subjects), np.intp), *drawn]).astype(np.float64)


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], float],
    subjects: Sequence[str],
    *,
    seed: int,
    rounds: int = ROUNDS,
    level: float = LEVEL,
) -> Interval:
    """Return the percentile interval of a statistic under resampling of subjects.

    Args:
        statistic: From positions of images (with repeats) to a number; draws for which it is not
            finite (a class that no drawn subject has) are left out.
        subjects: The subject of each image.
        seed: Decides the draws.
        rounds: How many.
        level: Share of the distribution inside.

    Returns:
        Both ends; not a number if the statistic was never finite.
    """
    drawn = np.array([statistic(p) for p in resamples(subjects, seed=seed, rounds=rounds)])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
