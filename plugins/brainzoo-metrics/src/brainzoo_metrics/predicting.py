"""Does an image show the age, sex and class that it is said to have?

A ridge regression (age) or a logistic one (sex, class) learns from the features of real training
people, is checked on real test people, and then reads the synthetic images. What it can't read in
real people can't be asked of synthetic ones, so the value for test people is the floor. Its
penalty is chosen by folds of disjoint training people.

FlowLet (arXiv 2601.05212) and others ask the same of a brain age network, by band of age.
"""

# ruff: noqa: TID253 (imported by evaluators only)

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold

from brainzoo_metrics.measure import Draws, Floats, mean_of

FOLDS = 4
PENALTIES: Sequence[float] = (1e1, 1e2, 1e3, 1e4, 1e5)
COSTS: Sequence[float] = (1e-5, 1e-4, 1e-3, 1e-2)
SILENT = 0.05
FARTHEST = 5.0  # deviations from the mean
"""Half of VGG-16's features are silent in 95 % of heads or more. Divided by so small a deviation,
what a synthetic image wakes up would be tens of thousands, and ages of 150 years be read: they are
left out."""


class Reader:
    """Reads a column: numbers or names that are known of training people's images.

    ``features`` are ``(image, feature)``, ``subjects`` whose each image is.
    """

    def __init__(self, features: Floats, values: NDArray[Any], subjects: Sequence[str]) -> None:
        self.known = features
        machine: Any = LogisticRegression(C=COSTS[0], class_weight="balanced", max_iter=300)
        strengths = {"C": COSTS}
        if values.dtype.kind == "f":
            machine, strengths = Ridge(alpha=PENALTIES[0]), {"alpha": PENALTIES}
        looks, folds = standardised(features, features), min(FOLDS, len(set(subjects)))
        splits = GroupKFold(folds).split(looks, values, np.unique(subjects, return_inverse=True)[1])
        self.machine = tuned(machine, strengths, looks, values, splits)

    def __call__(self, features: Floats) -> NDArray[Any]:
        """Return what it reads in each image."""
        found: NDArray[Any] = self.machine.predict(standardised(features, self.known))
        return found


def standardised(features: Floats, like: Floats) -> Floats:
    """Return features in deviations from the mean of others, ``(image, feature)`` both."""
    low, high = np.quantile(like, [SILENT, 1 - SILENT], axis=0)
    shares = (high > low) / np.maximum(like.std(axis=0), 1e-12)
    scaled = (features - like.mean(axis=0)) * shares
    return np.asarray(np.clip(scaled, -FARTHEST, FARTHEST), np.float32)


def tuned(
    machine: Any,
    strengths: Mapping[str, Sequence[float]],
    features: NDArray[Any],
    values: NDArray[Any],
    splits: Iterable[tuple[NDArray[np.intp], NDArray[np.intp]]],
) -> Any:
    """Fit a machine of scikit-learn with the first of the strengths that does best over splits.

    Best is the least absolute error of numbers, the largest mean recall of names. Splits that lack
    a name to learn do not count; where none is left, the machine stays as it is.
    """
    numeric = values.dtype.kind == "f"
    count = 0 if numeric else len(np.unique(values))
    folds = [(i, o) for i, o in splits if numeric or len(np.unique(values[i])) == count]
    if not folds:
        return machine.fit(features, values)
    scoring = "neg_mean_absolute_error" if numeric else make_scorer(_mean_recall)
    return GridSearchCV(machine, strengths, scoring=scoring, cv=folds).fit(features, values)


def _mean_recall(truth: NDArray[Any], found: NDArray[Any]) -> float:
    return float(np.mean([(found == t)[truth == t].mean() for t in np.unique(truth)]))


def error(found: Draws, truth: Draws, weights: Draws) -> Draws:
    """Return the mean absolute error, for each row of weights."""
    return mean_of(np.abs(found - truth), weights)


def slope(found: Draws, truth: Draws, weights: Draws) -> Draws:
    """Return by how much what is read grows with what is said, for each row of weights."""
    x, y = mean_of(truth, weights), mean_of(found, weights)
    covariance = mean_of(truth * found, weights) - x * y
    variance = mean_of(truth**2, weights) - x**2
    flat = np.full(len(x), np.nan)
    return np.asarray(np.divide(covariance, variance, out=flat, where=variance > 1e-9))


def recall(found: NDArray[Any], truth: NDArray[Any], weights: Draws) -> Draws:
    """Return the mean share of each name that is read right, for each row of weights."""
    parts = [truth == name for name in np.unique(truth)]
    shares = [mean_of((found == truth)[inside], weights[:, inside]) for inside in parts]
    return np.asarray(np.mean(shares, axis=0), np.float64)
