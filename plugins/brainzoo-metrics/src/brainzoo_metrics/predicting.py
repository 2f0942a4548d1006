"""Does an image show the age, sex and class that it is said to have?

A ridge regression (age) or a logistic one (sex, class) learns from the features of real training
people, is checked on real test people, and then reads the synthetic images. What it can't read in
real people can't be asked of synthetic ones, so the value for test people is the floor. Its
penalty is chosen by folds of disjoint training people.

FlowLet (arXiv 2601.05212) and others ask the same of a brain age network, by band of age.
"""

# ruff: noqa: TID253 (imported by the evaluator only)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold

Floats = NDArray[np.float32]
Draws = NDArray[np.float64]
FOLDS = 4
PENALTIES = (1e1, 1e2, 1e3, 1e4, 1e5)
COSTS = (1e-5, 1e-4, 1e-3, 1e-2)
SILENT = 0.05
FARTHEST = 5.0  # deviations from the mean
"""Half of VGG-16's features are silent in 95 % of heads or more. Divided by so small a deviation,
what a synthetic image wakes up would be tens of thousands, and ages of 150 years be read: they are
left out."""


class Reader:
    """Reads one column from features.

    Args:
        features: ``(image, feature)`` of training people.
        values: What is known of each image: numbers, or names.
        subjects: Whose it is.
    """

    def __init__(self, features: Floats, values: NDArray[Any], subjects: Sequence[str]) -> None:
        self.numeric = values.dtype.kind == "f"
        low, high = np.quantile(features, [SILENT, 1 - SILENT], axis=0)
        self.mean = features.mean(axis=0)
        self.scale = (high > low) / np.maximum(features.std(axis=0), 1e-12)
        known = self._standardised(features)
        candidates = [self._machine(p) for p in (PENALTIES if self.numeric else COSTS)]
        groups = np.unique(np.asarray(subjects), return_inverse=True)[1]
        folds = min(FOLDS, int(groups.max()) + 1)
        losses = np.zeros(len(candidates))
        for inside, outside in GroupKFold(folds).split(known, values, groups):
            if not self.numeric and len(np.unique(values[inside])) < len(np.unique(values)):
                continue
            for i, machine in enumerate(candidates):
                found = machine.fit(known[inside], values[inside]).predict(known[outside])
                losses[i] += self._loss(found, values[outside])
        self.machine = candidates[int(losses.argmin())].fit(known, values)

    def __call__(self, features: Floats) -> NDArray[Any]:
        """Return what it reads in each image."""
        found: NDArray[Any] = self.machine.predict(self._standardised(features))
        return found

    def _standardised(self, features: Floats) -> Floats:
        scaled = (features - self.mean) * self.scale
        return np.asarray(np.clip(scaled, -FARTHEST, FARTHEST), np.float32)

    def _machine(self, strength: float) -> Any:
        if self.numeric:
            return Ridge(alpha=strength)
        return LogisticRegression(C=strength, class_weight="balanced", max_iter=300)

    def _loss(self, found: NDArray[Any], truth: NDArray[Any]) -> float:
        if self.numeric:
            return float(np.abs(found - truth).mean())
        return 1 - float(np.mean([(found == t)[truth == t].mean() for t in np.unique(truth)]))


def error(found: Draws, truth: Draws, weights: Draws) -> Draws:
    """Return the mean absolute error, for each row of weights."""
    draws: Draws = weights @ np.abs(found - truth) / weights.sum(1)
    return draws


def slope(found: Draws, truth: Draws, weights: Draws) -> Draws:
    """Return by how much what is read grows with what is said, for each row of weights."""
    total = weights.sum(1)
    x, y = weights @ truth / total, weights @ found / total
    covariance = weights @ (truth * found) / total - x * y
    variance = weights @ truth**2 / total - x**2
    draws: Draws = np.divide(
        covariance, variance, out=np.full(len(total), np.nan), where=variance > 1e-9
    )
    return draws


def recall(found: NDArray[Any], truth: NDArray[Any], weights: Draws) -> Draws:
    """Return the mean share of each name that is read right, for each row of weights."""
    shares = []
    for name in np.unique(truth):
        inside = truth == name
        total = weights[:, inside].sum(1)
        right = weights[:, inside] @ (found == truth)[inside]
        shares.append(np.divide(right, total, out=np.full(len(total), np.nan), where=total > 0))
    draws: Draws = np.mean(shares, axis=0)
    return draws
