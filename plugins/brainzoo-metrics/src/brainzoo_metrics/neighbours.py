"""Precision, recall, density and coverage (Kynkäänniemi et al. 2019; Naeem et al. 2020).

The ball of an image reaches to its k-th nearest neighbour in its own set. Precision: the share of
synthetic images inside the ball of any real one; recall: of real images inside the ball of any
synthetic one; density: how many real balls hold a synthetic image, over k; coverage: the share of
real images whose ball holds a synthetic one. All four grow with n and need equal n in both sets.
"""

# ruff: noqa: TID253 (imported by the evaluator and by scripts only)

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances

from brainzoo.api import Evaluation
from brainzoo_metrics.distances import Vectors
from brainzoo_metrics.measure import POSITIVE, SHARE, Draws, View, Weights


def compute(view: View) -> Evaluation:
    """Return precision, recall, density and coverage."""
    k = min(view.config.neighbours, view.n - 1)

    def draw(*given: NDArray[np.float64]) -> dict[str, Draws]:
        real, other, of_real, of_other = given
        return prdc_draws(real, other, k, of_real, of_other)

    found, floor = view.both(draw, view.vectors)
    return Evaluation(
        [
            view.value(
                name,
                draws,
                floor[name],
                bounds=POSITIVE if name == "density" else SHARE,
                detail=f"k = {k}, equal n; {view.label}",
            )
            for name, draws in found.items()
        ]
    )


def prdc_draws(
    real: Vectors, synthetic: Vectors, k: int, of_real: Weights, of_synthetic: Weights
) -> dict[str, Draws]:
    """Return the four for each row of weights; balls keep the radius they have among all images."""
    between = euclidean_distances(real, synthetic)
    in_real = (between <= radii(real, k)[:, None]).astype(np.float64)
    in_synthetic = (between <= radii(synthetic, k)[None]).astype(np.float64)
    real_there, synthetic_there = of_real > 0, of_synthetic > 0
    n_real, n_synthetic = of_real.sum(1), of_synthetic.sum(1)
    precise = (real_there @ in_real) > 0
    recalled = (synthetic_there @ in_synthetic.T) > 0
    covered = (synthetic_there @ in_real.T) > 0
    return {
        "precision": (precise * of_synthetic).sum(1) / n_synthetic,
        "recall": (recalled * of_real).sum(1) / n_real,
        "density": ((of_real @ in_real) * of_synthetic).sum(1)
        / (k * n_synthetic * n_real)
        * len(real),
        "coverage": (covered * of_real).sum(1) / n_real,
    }


def radii(vectors: Vectors, k: int, subjects: Sequence[str] | None = None) -> NDArray[np.float64]:
    """Return the distance of each vector to its k-th nearest neighbour, or the farthest there is.

    With ``subjects``, only neighbours of other subjects count.
    """
    distances = euclidean_distances(vectors).astype(np.float64)
    np.fill_diagonal(distances, np.inf)
    if subjects is not None:
        names = np.unique(np.asarray(subjects), return_inverse=True)[1]
        distances[names[:, None] == names[None]] = np.inf
    ordered = np.sort(distances, axis=1)[:, :k]
    return np.asarray(np.where(np.isfinite(ordered), ordered, -np.inf).max(axis=1), np.float64)
