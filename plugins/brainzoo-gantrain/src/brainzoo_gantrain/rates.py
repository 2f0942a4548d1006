"""Sensitivity, specificity and their harmonic mean, for images and subjects, with intervals.

As Alam et al. define them: ``TP / (TP + FN)``, ``TN / (TN + FP)`` and ``2 · Sen · Spe / (Sen +
Spe)``. Of more than two classes both are the mean over the classes of each against the others.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from brainzoo_metrics.measure import Weights, mean_of


@dataclasses.dataclass(frozen=True)
class Rates:
    """Three rates; each array holds the value itself first, then one a resample.

    Attributes:
        sensitivity: Share of the positive class that was found.
        specificity: Share of the others that were not taken for it.
    """

    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]

    @property
    def harmonic_mean(self) -> NDArray[np.float64]:
        """Harmonic mean of both; 0 where both are 0."""
        total = self.sensitivity + self.specificity
        product = 2 * self.sensitivity * self.specificity
        return np.divide(product, total, out=np.where(total == 0, 0.0, np.nan), where=total > 0)

    def named(self) -> dict[str, NDArray[np.float64]]:
        """Return all three by their names."""
        names = ("sensitivity", "specificity", "harmonic mean")
        return {name: getattr(self, name.replace(" ", "_")) for name in names}


def rates(
    scores: NDArray[np.float64], truth: NDArray[np.int64], weights: Weights, positive: int
) -> Rates:
    """Return the rates of classifiers.

    Args:
        scores: ``(classifier, image, class)``; the rates are the means over classifiers.
        truth: ``(image,)``, the class of each.
        weights: Of :func:`brainzoo.api.bootstrap`; all rows of a table use the same draws,
            so that their ratios and differences are paired.
        positive: The class that sensitivity is about; not used with more than two.
    """
    classes = scores.shape[2]
    answers = scores.argmax(2)
    found = []
    for one in range(classes) if classes > 2 else [positive]:
        taken = (answers == one).mean(0)
        inside = truth == one
        sides = ((taken, inside), (1 - taken, ~inside))
        found.append([mean_of(right[among], weights[:, among]) for right, among in sides])
    sensitivity, specificity = np.mean(found, axis=0)
    return Rates(sensitivity, specificity)


def by_subject(
    scores: NDArray[np.float64],
    truth: NDArray[np.int64],
    groups: NDArray[np.str_],
    weights: Weights,
) -> tuple[NDArray[np.float64], NDArray[np.int64], Weights]:
    """Return scores, classes and weights of subjects: the score is the mean over their images.

    Images of one subject in different classes (scans years apart) count as different subjects.
    """
    names = np.char.add(groups.astype(str), np.char.add(" ", truth.astype(str)))
    _, first, of_image = np.unique(names, return_index=True, return_inverse=True)
    member = (of_image == np.arange(len(first))[:, None]).astype(np.float64)
    member /= member.sum(1, keepdims=True)
    means = np.einsum("si,cik->csk", member, scores)
    return means, truth[first], weights[:, first]
