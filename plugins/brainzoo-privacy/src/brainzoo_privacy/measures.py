# ruff: noqa: TID253 (imported by the audit only)
"""Measures of memorisation from similarities; none of them needs to know what they came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from brainzoo.api import bootstrap
from brainzoo_privacy.calibration import Limits, lead_of
from brainzoo_privacy.pose import Array

LEVEL = 0.95
DRAWS = 20  # of training subjects, as many as test subjects
MOST_FOR_INTERVALS = 2000  # synthetic images; more do not narrow an interval over subjects


def share_interval(count: int, n: int) -> tuple[float, float]:
    """Return the exact interval of a share of independent images (Clopper and Pearson 1934)."""
    found = stats.binomtest(count, n).proportion_ci(LEVEL, method="exact")
    return float(found.low), float(found.high)


def authentic(similarity: Array, nearest: NDArray[np.intp], among_train: Array) -> float:
    """Return AuthPct, the share of authentic images in percent.

    Alaa 2022, "How faithful is your synthetic data?": an image is authentic if it is farther from
    its nearest training image than that one is from the next training image: here (``among_train``)
    of another subject, since the next slice of the same head is always near and would make all
    authentic.
    """
    return float(100 * np.mean(similarity < among_train[nearest]))


def membership_draws(
    members: Array, others: Array, subjects: Sequence[str], *, seed: int, rounds: int
) -> NDArray[np.float64]:
    """Return how well nearness to a synthetic image separates trained images from unseen ones.

    The area under the ROC curve of an attacker who calls an image a member if some synthetic image
    is similar to it (Chen 2020, "GAN-Leaks", full black box); 0.5 is guessing. First the value,
    then that of each resample of subjects; NaN where one of the kinds was not drawn.

    Args:
        members: Highest similarity of each training image to any synthetic image.
        others: Likewise of each unseen image.
        subjects: The subject of each member, then of each other.
        seed: Of the resampling.
        rounds: How many resamples.
    """
    values = np.concatenate([members, others])
    trained = np.arange(len(values)) < len(members)
    draws = []
    for weights in bootstrap(subjects, seed=seed, rounds=rounds):
        drawn = weights > 0
        one_kind = len(np.unique(trained[drawn])) < 2
        draws.append(
            np.nan
            if one_kind
            else roc_auc_score(trained[drawn], values[drawn], sample_weight=weights[drawn])
        )
    return np.asarray(draws, np.float64)


def equal_draws(train: Array, test: Array, seed: int) -> Iterator[tuple[Array, Array]]:
    """Yield columns of as many training as test subjects, drawn without replacement."""
    count = min(train.shape[1], test.shape[1])
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        yield (
            train[:, rng.choice(train.shape[1], count, replace=False)],
            test[:, rng.choice(test.shape[1], count, replace=False)],
        )


def copy_rates_of_equal_number(
    train: Array, test: Array, limits: Limits, seed: int
) -> tuple[float, float]:
    """Return the shares of images that copy training subjects, and test subjects, equally many.

    The more subjects there are, the nearer is the nearest: only equal numbers can be compared.
    """
    rates = [
        [limits.flags(part.max(axis=1), lead_of(part)).mean() for part in draw]
        for draw in equal_draws(train, test, seed)
    ]
    of_train, of_test = np.mean(rates, axis=0)
    return float(of_train), float(of_test)


def nearer_to_train(
    train: Array, test: Array, *, seed: int, rounds: int
) -> tuple[float, float, float]:
    """Return the share of images nearer to training than to test subjects, and its interval.

    Equally many of both; 0.5 if both are alike to the generator (Platzer and Reutterer 2021,
    "Holdout-based empirical assessment of mixed-type synthetic data"). The interval is over
    subjects of both kinds and synthetic images.
    """
    value = np.mean([share_nearer(*draw) for draw in equal_draws(train, test, seed)])
    rng = np.random.default_rng([seed, 1])
    count = min(train.shape[1], test.shape[1])
    images = min(len(train), MOST_FOR_INTERVALS)
    drawn = []
    for _ in range(rounds):
        rows = rng.integers(0, len(train), images)[:, None]
        # Repeats add nothing to a maximum: count different subjects, and as many of the others.
        few, many = sorted((train, test), key=lambda part: part.shape[1])
        some = np.unique(rng.integers(0, few.shape[1], count))
        others = rng.choice(many.shape[1], len(some), replace=False)
        parts = few[rows, some], many[rows, others]
        drawn.append(share_nearer(*(parts if few is train else parts[::-1])))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(value), float(low), float(high)


def share_nearer(train: Array, test: Array) -> float:
    """Return the share of rows whose largest value is in the first array; ties count half."""
    first, second = train.max(axis=1), test.max(axis=1)
    return float(np.mean(first > second) + np.mean(first == second) / 2)
