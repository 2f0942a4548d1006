"""A simple copy rate: which synthetic images are nearer to a training image than real ones are."""

# ruff: noqa: TID253 (imported by brainzoo_gantrain.evaluator only)

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from brainzoo_metrics.predicting import standardised

NEAR = 0.01
"""Share of real test images that count as near: what a generator that copies nothing has."""


def by_chance(subjects: int) -> float:
    """Return the rate that a generator which copies nothing exceeds in one of twenty test sets.

    The least of few distances is a rough threshold: of ``subjects`` independent test distances and
    a synthetic one, each is as likely to be the least.
    """
    return max(NEAR, 1 - float(0.05 ** (1 / subjects)))


def near_copies(
    train: NDArray[np.float32], test: NDArray[np.float32], synthetic: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Return which synthetic images are nearer to a training image than 99 % of test images are.

    All are ``(image, feature)``; the test images are of people whom the generator never saw.
    """
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(standardised(train, train))
    of_test, of_synthetic = (
        search.kneighbors(standardised(features, train))[0][:, 0] for features in (test, synthetic)
    )
    return np.asarray(of_synthetic < np.quantile(of_test, NEAR))
