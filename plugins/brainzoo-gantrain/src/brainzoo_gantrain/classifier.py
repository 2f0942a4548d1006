"""A linear support vector machine on standardised features (Cortes and Vapnik 1995).

All that it decides by comes from the training side: mean and deviation of every feature, and the
cost of an error, by cross-validation with folds of disjoint groups.
"""

# ruff: noqa: TID253 (imported by brainzoo_gantrain.evaluator only)

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import SVC

from brainzoo_metrics.predicting import standardised, tuned

COSTS = (0.1, 1.0, 10.0, 100.0)
"""Candidates for C, of a kernel that is the mean product of features: the same for any length."""

UNTRIED = 1.0
"""C where there are too few groups to compare candidates."""

FOLDS = 5

Scores = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Features of images with what is known of each.

    Attributes:
        features: ``(image, feature)``.
        classes: ``(image,)``, numbers from 0.
        groups: ``(image,)``, the subject; a synthetic image is its own.
    """

    features: NDArray[np.float32]
    classes: NDArray[np.int64]
    groups: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, positions: NDArray[np.intp]) -> Labelled:
        return Labelled(self.features[positions], self.classes[positions], self.groups[positions])

    def __add__(self, other: Labelled) -> Labelled:
        both = ((getattr(self, f.name), getattr(other, f.name)) for f in dataclasses.fields(self))
        return Labelled(*(np.concatenate(pair) for pair in both))

    def subjects(self) -> int:
        """Return how many different groups there are."""
        return len(np.unique(self.groups))


def learn(train: Labelled, tests: Sequence[Labelled], classes: int, seed: int) -> list[Scores]:
    """Fit a classifier, and return its scores of each of the tests: ``(image, class)``.

    Every class is in ``train``; the class of the largest score is the answer. ``seed`` decides
    folds.
    """
    known = standardised(train.features, train.features)
    kernel = _kernel(known, known)
    machine = _learned(kernel, train, classes, seed)
    return [
        _scores(machine, _kernel(standardised(test.features, train.features), known), classes)
        for test in tests
    ]


def _learned(kernel: NDArray[np.float64], train: Labelled, classes: int, seed: int) -> Any:
    """Return a machine, with the least cost that has the best mean recall of classes."""
    machine = SVC(C=UNTRIED, kernel="precomputed", class_weight="balanced", break_ties=True)
    folds = min(FOLDS, *(len(np.unique(train.groups[train.classes == c])) for c in range(classes)))
    if folds < 2:
        return machine.fit(kernel, train.classes)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    splits = splitter.split(kernel, train.classes, train.groups)
    return tuned(machine, {"C": COSTS}, kernel, train.classes, splits)


def _kernel(rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = (rows @ columns.T / rows.shape[1]).astype(np.float64)
    return product


def _scores(machine: Any, kernel: NDArray[np.float64], classes: int) -> Scores:
    decision: Scores = machine.decision_function(kernel)
    return np.stack([-decision, decision], 1) if classes == 2 else decision
