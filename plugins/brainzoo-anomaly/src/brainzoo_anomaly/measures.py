"""How well score maps find masks: Dice at thresholds, areas under curves, under resampling.

Counts are kept for each image and put together with weights, so that a resampling of subjects is a
product with a matrix of weights ``(round, case)``; a row of ones is the measurement itself.
"""

# ruff: noqa: TID253 (imported by the evaluator only)

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainzoo_anomaly.regions import Bools, Floats

Numbers = NDArray[np.float64]
BINS = 400
TOP = 0.01
"""The score of an image is the mean of this part of its voxels, the highest ones."""
CANDIDATES = 1 - np.geomspace(0.5, 1e-4, 40)
"""The thresholds that are tried: these quantiles of the scores, closer together at the top."""


def found_at(maps: Floats, regions: Bools, threshold: float, least: int) -> Bools:
    """Return what of maps ``(case, *spatial)`` lies above a threshold, where scores count.

    Connected parts of fewer than ``least`` voxels are dropped.
    """
    found: Bools = (maps > threshold) & regions
    if least > 1:
        joins = ndimage.generate_binary_structure(maps.ndim, maps.ndim)
        joins[0] = joins[-1] = False  # images are not neighbours of each other
        labels, _ = ndimage.label(found, joins)
        large = np.bincount(labels.ravel()) >= least
        large[0] = False
        found = large[labels]
    return found


def dice(found: Bools, masks: Bools) -> Numbers:
    """Return the Dice coefficient of each case ``(case,)``; 0 where there is no lesion."""
    axes = tuple(range(1, masks.ndim))
    both = (found & masks).sum(axes)
    sizes = found.sum(axes) + masks.sum(axes)
    return np.asarray(2 * both / np.maximum(sizes, 1))


def best_threshold(maps: Floats, masks: Bools, regions: Bools, least: int) -> tuple[float, float]:
    """Return the threshold with the highest mean Dice coefficient, and that coefficient."""
    tried = [
        (float(dice(found_at(maps, regions, threshold, least), masks).mean()), float(threshold))
        for threshold in np.quantile(maps[regions].astype(float), CANDIDATES)
    ]
    best, threshold = max(tried)
    return threshold, best


def counts(maps: Floats, masks: Bools, regions: Bools) -> tuple[Numbers, Numbers]:
    """Return how many voxels, of lesions and others, lie in each bin of the score: ``(case, bin)``.

    Bins are quantiles of both kinds of voxels, so that curves are fine where either lies.
    """
    lesion, other = masks & regions, regions & ~masks
    quantiles = np.linspace(0, 1, BINS + 1)
    ends = [np.quantile(maps[part], quantiles) for part in (lesion, other) if part.any()]
    edges = np.unique(np.concatenate(ends))
    bins = np.searchsorted(edges, maps, side="right")
    size = len(edges) + 1
    case = np.broadcast_to(
        np.arange(len(maps)).reshape(-1, *[1] * (maps.ndim - 1)) * size, maps.shape
    )
    made = [
        np.bincount((case + bins)[part], minlength=len(maps) * size).reshape(len(maps), size)
        for part in (lesion, other)
    ]
    return made[0].astype(float), made[1].astype(float)


def image_scores(maps: Floats, regions: Bools) -> Numbers:
    """Return the score of each image: the mean of its highest voxels."""
    scores = []
    for one, region in zip(maps, regions, strict=True):
        values = np.sort(one[region])
        scores.append(values[-max(1, round(TOP * len(values))) :].mean())
    return np.asarray(scores, float)


def image_counts(scores: Numbers, lesion: Bools, healthy: Bools) -> tuple[Numbers, Numbers]:
    """Return what :func:`counts` does for whole images: one in each row, or none."""
    _, bins = np.unique(scores, return_inverse=True)
    one_hot = np.zeros((len(scores), int(bins.max()) + 1))
    one_hot[np.arange(len(scores)), bins] = 1
    return one_hot * lesion[:, None], one_hot * healthy[:, None]


def auroc(positive: Numbers, negative: Numbers) -> Numbers:
    """Return areas under receiver operating characteristics ``(round,)``; chance is 0.5.

    The same as ``sklearn.metrics.roc_auc_score`` of each round, which takes 600 times as long. Both
    kinds are ``(round, bin)``, bins of rising score; not a number where either is missing.
    """
    below = np.cumsum(negative, 1) - negative / 2
    pairs = positive.sum(1) * negative.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area: Numbers = (positive * below).sum(1) / pairs
    return area


def auprc(positive: Numbers, negative: Numbers) -> Numbers:
    """Return average precisions, as :func:`auroc`; chance is the share of positives."""
    hits = np.cumsum(positive[:, ::-1], 1)
    alarms = np.cumsum(negative[:, ::-1], 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.nan_to_num(hits / (hits + alarms))
        area: Numbers = (precision * positive[:, ::-1]).sum(1) / positive.sum(1)
    return area


def weighted_mean(values: Numbers, weights: Numbers) -> Numbers:
    """Return the mean of values ``(case,)`` under weights ``(round, case)``."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Numbers = weights @ values / weights.sum(1)
    return mean
