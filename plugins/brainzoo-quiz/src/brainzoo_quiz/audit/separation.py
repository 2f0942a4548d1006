"""Can trivial features tell two kinds of images apart? A max-statistic test, and a classifier.

Units are subjects: a subject's ranks are averaged, since two slices of one head are no two pieces
of evidence; a created image is its own. Each feature is ranked over the units. The statistic is the
largest studentised difference of mean ranks over all features, and its distribution comes from
exchanging labels of units: one test for all features together, without a correction on top.
Studentised, because subjects' means spread less than single images do (Janssen 1997; Chung and
Romano 2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS = 999

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


Test = dict[str, float]
"""``auc``: how often a created image has the larger value than a real one, where 0.5 says nothing
of its kind; ``p``: of doing as well by chance."""


def separate(
    real: Floats, created: Floats, subjects: Sequence[str], *, seed: int = 0
) -> tuple[list[Test], Test]:
    """Test whether features ``(image, feature)`` tell real from created images.

    Returns:
        A test of each feature, its p corrected for looking at all of them; and one of the logistic
        regression on all features, on images that it has not seen.
    """
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(seed)
    values = np.concatenate([real, created])
    label = np.repeat([False, True], [len(real), len(created)])
    _, of_real = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    unit = np.concatenate([of_real, of_real.max() + 1 + np.arange(len(created))])
    p = _max_test(*_mean_ranks(values, label, unit), random)
    aucs = (float(roc_auc_score(label, column)) for column in values.T)
    each = [{"auc": auc, "p": float(chance)} for auc, chance in zip(aucs, p, strict=True)]
    return each, _cross_validated(values, label, unit, random)


def _mean_ranks(values: Floats, label: Bools, unit: NDArray[np.intp]) -> tuple[Floats, Bools]:
    """Return each unit's mean rank by feature, about 0, and its label.

    Ranked first: the mean of a skewed feature over many images is no draw from its distribution.
    """
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0) - (len(values) + 1) / 2
    count = np.bincount(unit)
    mean = np.stack([np.bincount(unit, column) / count for column in ranks.T], axis=1)
    of_unit = np.zeros(len(count), dtype=bool)
    of_unit[unit] = label
    return mean, of_unit


def _max_test(
    ranks: Floats, label: Bools, random: np.random.Generator, *, one_sided: bool = False
) -> Floats:
    """Return a p by feature: how often the largest statistic of exchanged labels reaches it."""
    exchanged = random.permuted(np.tile(label, (PERMUTATIONS, 1)), axis=1)
    found = _studentised(ranks, np.concatenate([label[None], exchanged]))
    found = found if one_sided else np.abs(found)
    reached = (found[1:].max(1)[:, None] >= found[0]).sum(0)
    return np.asarray((1 + reached) / (1 + PERMUTATIONS))


def _studentised(ranks: Floats, labels: Bools) -> Floats:
    """Return ``(labelling, feature)`` of labellings ``(labelling, unit)``."""
    sides = []
    for chosen in (labels.astype(float), (~labels).astype(float)):
        n = chosen.sum(1, keepdims=True)
        mean = chosen @ ranks / n
        sides.append((mean, (chosen @ ranks**2 / n - mean**2) / np.maximum(n - 1, 1)))
    (mean_a, spread_a), (mean_b, spread_b) = sides
    # Where a class is constant the ranks of both may be: no difference, no spread.
    difference: Floats = (mean_a - mean_b) / np.sqrt(np.maximum(spread_a + spread_b, 1e-9))
    return difference


def _cross_validated(
    values: Floats, label: Bools, unit: NDArray[np.intp], random: np.random.Generator
) -> Test:
    """Test a logistic regression on images that it has not seen.

    Two halves of the units: each is scored by what was learnt from the other. A half's p is exact,
    since its labels had no part in the learning; twice the smaller one holds for both.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    halves: Any = StratifiedGroupKFold(2, shuffle=True, random_state=int(random.integers(2**31)))
    found, chances = [], []
    for train, test in halves.split(values, label, unit):
        logistic = LogisticRegression(class_weight="balanced", solver="newton-cholesky")
        model = make_pipeline(StandardScaler(), logistic)
        scores = model.fit(values[train], label[train]).decision_function(values[test])
        found.append(roc_auc_score(label[test], scores))
        _, of_test = np.unique(unit[test], return_inverse=True)
        ranks = _mean_ranks(scores[:, None], label[test], of_test)
        chances.append(float(_max_test(*ranks, random, one_sided=True)[0]))
    return {"auc": float(np.mean(found)), "p": min(1.0, 2 * min(chances))}
