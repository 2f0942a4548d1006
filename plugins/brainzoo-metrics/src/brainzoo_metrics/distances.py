"""Distances between two sets of feature vectors: Fréchet distance and kernel distance.

Fréchet distance of Gaussians (Dowson and Landau 1982), as used by Heusel et al. 2017 for the FID;
unbiased estimate of the squared maximum mean discrepancy with the kernel (x·y / d + 1)³ (Bińkowski
et al. 2018, the KID). Both agree with torch-fidelity on the same features.

The Fréchet distance is biased upward, by more than most differences of interest below n = 2,000.
The kernel distance is unbiased for independent images; slices of one head are not independent, so
it too needs its floor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Evaluation
from brainzoo_metrics.measure import POSITIVE, Draws, View, Weights

FEW = 2000  # Bińkowski et al. 2018, section 4: below, bias outweighs the distance
FRECHET_ROUNDS = 50
LEAST_ROUNDS = 20
MOST_WORK = 2e11  # multiplications; about a minute

Vectors = NDArray[np.floating]


def compute(view: View) -> Evaluation:
    """Return Fréchet distance (FID, of Inception), its ratio to the floor, and KID of features."""
    if not view.featured:
        return Evaluation()
    distance, floor = view.both(frechet_draws, view.vectors)
    name = "FID" if view.label.startswith("inception") else "FD"
    biased = f"; n below {FEW:,}: biased upward, see KID" if view.n < FEW else ""
    return Evaluation(
        [
            view.value(name, distance, floor, bounds=POSITIVE, detail=view.label + biased),
            view.value(
                "relative FD",
                distance / np.maximum(floor, 1e-12),
                1.0,
                bounds=POSITIVE,
                detail=f"FD over its floor at the same n; {view.label}",
            ),
            view.value(
                "KID",
                *view.both(kernel_draws, view.vectors),
                detail=f"unbiased, cubic kernel (Bińkowski 2018); {view.label}",
            ),
        ]
    )


def frechet_draws(a: Vectors, b: Vectors, of_a: Weights, of_b: Weights) -> Draws:
    """Return the Fréchet distance of two sets of vectors ``(image, feature)`` for rows of weights.

    Covariances are those of n − 1. No matrix root is taken: with Σ = AᵀA for either set, the trace
    of (Σ₁ Σ₂)^½ is the sum of the singular values of A₁ A₂ᵀ, which is small and exact also where
    there are fewer images than features. Rows are as many as time allows; where each would take too
    long, only the first: the value without an interval.
    """
    rank = min(max(len(a), len(b)), a.shape[1])
    rounds = min(FRECHET_ROUNDS, int(MOST_WORK / (4 * max(len(a), len(b)) * rank**2)))
    rows = min(len(of_a), 1 + rounds if rounds >= LEAST_ROUNDS else 1)
    return np.array([_frechet(_drawn(a, of_a[i]), _drawn(b, of_b[i])) for i in range(rows)])


def _drawn(x: Vectors, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.repeat(x.astype(np.float64), weights.astype(np.intp), axis=0)


def _frechet(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    shift = a.mean(0) - b.mean(0)
    root_a, root_b = _root(a), _root(b)
    shared = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    squares = (root_a**2).sum() + (root_b**2).sum()  # the traces of the covariances
    # Of identical sets, rounding may leave less than nothing.
    return max(0.0, float(shift @ shift + squares - 2 * shared))


def _root(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return A with AᵀA the covariance of the rows, with the fewest rows that allow it."""
    centred = (x - x.mean(0)) / np.sqrt(len(x) - 1)
    if len(x) <= x.shape[1]:
        return np.asarray(centred, np.float64)
    return np.asarray(np.linalg.qr(centred, mode="r"), np.float64)


def kernel_draws(a: Vectors, b: Vectors, of_a: Weights, of_b: Weights) -> Draws:
    """Return the unbiased squared maximum mean discrepancy for each row of weights.

    An image drawn twice makes no pair with itself, which keeps draws unbiased.
    """
    across = ((of_a @ _kernel(a, b)) * of_b).sum(1) / (of_a.sum(1) * of_b.sum(1))
    return np.asarray(_within(a, of_a) + _within(b, of_b) - 2 * across, np.float64)


def _within(x: Vectors, weights: Weights) -> Draws:
    kernel = _kernel(x, x)
    all_pairs = ((weights @ kernel) * weights).sum(1) - weights**2 @ np.diagonal(kernel)
    return np.asarray(all_pairs / (weights.sum(1) ** 2 - (weights**2).sum(1)), np.float64)


def _kernel(a: Vectors, b: Vectors) -> NDArray[np.float64]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.asarray((a @ b.T / a.shape[1] + 1) ** 3, np.float64)
