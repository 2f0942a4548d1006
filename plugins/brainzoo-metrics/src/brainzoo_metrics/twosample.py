"""Whether a simple classifier separates synthetic from real (C2ST: Lopez-Paz and Oquab 2017).

Logistic regression, fitted on four fifths of the subjects and asked about the rest; 0.5 is chance,
1 is always right. Slices of one head are never on both sides.
"""

# ruff: noqa: TID253 (imported by the evaluator and by scripts only)

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from brainzoo.api import Evaluation, MetricValue, subjects_of
from brainzoo_metrics.distances import Vectors
from brainzoo_metrics.measure import SHARE, Draws, Floats, View, Weights, mean_of, small
from brainzoo_metrics.swd import pyramid

FOLDS = 5
PENALTY = 0.01  # scikit-learn's C: more features than images need a strong one


def compute(view: View) -> Evaluation:
    """Return how often a classifier is right, from features and from simple ones."""
    simple = tuple(simple_features(part) for part in view.pixels)
    found = [_value(view, "C2ST pixels", simple, "16 × 16 pixels and sharpness")]
    if view.featured:
        found.insert(0, _value(view, "C2ST", view.vectors, view.label))
    return Evaluation(found)


def _value(view: View, name: str, vectors: tuple[Floats, ...], label: str) -> MetricValue:
    drawn = []
    for i in (1, 2):
        subjects = (view.subjects, subjects_of(view.images[i]))
        right = told_apart(vectors[0], vectors[i], subjects, view.sets.seed)
        drawn.append(accuracy_draws(right, view.weights[0], view.weights[i]))
    detail = f"share recognised by logistic regression, folds by subject, chance 0.5; {label}"
    return view.value(name, *drawn, bounds=SHARE, detail=detail)


def told_apart(
    real: Vectors,
    other: Vectors,
    subjects: tuple[Sequence[str], Sequence[str]],
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for each image, real and other, 1 if the classifier that never saw it was right.

    ``real`` and ``other`` are equally many vectors, ``subjects`` names those of each.
    """
    vectors = np.concatenate([real, other])
    labels = np.repeat([0, 1], [len(real), len(other)])
    groups = [*subjects[0], *subjects[1]]
    count = min(FOLDS, len(set(subjects[0])), len(set(subjects[1])))
    right = np.zeros(len(labels))
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed % 2**32)
    for fitted, asked in folds.split(vectors, labels, groups):
        if len(set(labels[fitted])) < 2:
            right[asked] = 0.5  # nothing to learn from
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=2000))
        model.fit(vectors[fitted], labels[fitted])
        right[asked] = model.predict(vectors[asked]) == labels[asked]
    return right[: len(real)], right[len(real) :]


def accuracy_draws(
    right: tuple[NDArray[np.float64], NDArray[np.float64]], of_real: Weights, of_other: Weights
) -> Draws:
    """Return the mean of both sides' shares of right answers, for each row of weights."""
    return (mean_of(right[0], of_real) + mean_of(right[1], of_other)) / 2


def simple_features(pixels: Floats) -> NDArray[np.float32]:
    """Return what can be seen without a network, ``(image, feature)``.

    Pixels at 16 × 16 or so, and the logarithm of the mean absolute value of each level of the
    Laplacian pyramid: how sharp the image is.
    """
    energies = [np.log(np.abs(level).mean(axis=(2, 3)) + 1e-6) for level in pyramid(pixels)]
    return np.concatenate([small(pixels, 16), *energies], axis=1).astype(np.float32)
