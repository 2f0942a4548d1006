"""How far readers agree: with each other (kappa, alpha), and with themselves on repeats.

Fleiss 1971, Cohen 1960, and Krippendorff's alpha for nominal data (Krippendorff 2011), which
admits missing answers; its interval is a bootstrap over images, percentiles of resampled ones.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo_quiz.statistics.rates import number

Floats = NDArray[np.float64]


def cohen(first: Floats, second: Floats) -> float:
    """Return Cohen's kappa of binary answers to the same images; NaN if all said the same.

    Args:
        first: ``(case,)`` of 0, 1 and NaN.
        second: Likewise.
    """
    both = np.isfinite(first) & np.isfinite(second)
    if not both.any():
        return float("nan")
    a, b = first[both], second[both]
    expected = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    observed = float((a == b).mean())
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


def fleiss(said: Floats) -> float:
    """Return Fleiss' kappa of the images that all readers answered.

    Args:
        said: ``(reader, case)`` of 0, 1 and NaN.
    """
    ones = said[:, np.isfinite(said).all(0)].sum(0)
    readers = len(said)
    if readers < 2 or not len(ones):
        return float("nan")
    agree = (ones * (ones - 1) + (readers - ones) * (readers - ones - 1)) / readers / (readers - 1)
    share = ones.mean() / readers
    expected = share**2 + (1 - share) ** 2
    return float((agree.mean() - expected) / (1 - expected)) if expected < 1 else float("nan")


def krippendorff(ones: NDArray[Any], zeros: NDArray[Any]) -> Floats:
    """Return Krippendorff's alpha.

    Args:
        ones: ``(..., case)``, how many readers said the first word.
        zeros: Likewise of the second; images with fewer than two answers do not count.

    Returns:
        ``(...)``; NaN where everybody always said the same.
    """
    n = ones + zeros
    paired = n > 1
    ones, zeros, n = (np.where(paired, x, 0) for x in (ones, zeros, n))
    differing = (2 * ones * zeros / np.maximum(n - 1, 1)).sum(-1)
    total, first, second = n.sum(-1), ones.sum(-1), zeros.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - differing * (total - 1) / (2 * first * second))


def between_readers(said: Floats, *, seed: int, rounds: int = 2000) -> dict[str, Any]:
    """Return how far readers agree with each other, for JSON.

    Args:
        said: ``(reader, case)`` of 0, 1 and NaN.
        seed: Of the bootstrap.
        rounds: Of the bootstrap.
    """
    ones, zeros = (said == 1).sum(0), (said == 0).sum(0)
    drawn = np.random.default_rng(seed).integers(0, said.shape[1], (rounds, said.shape[1]))
    alphas = krippendorff(ones[drawn], zeros[drawn])
    alphas = alphas[np.isfinite(alphas)]
    low, high = np.quantile(alphas, [0.025, 0.975]) if len(alphas) else (np.nan, np.nan)
    pairs = [cohen(a, b) for a, b in itertools.combinations(said, 2)]
    known = [kappa for kappa in pairs if np.isfinite(kappa)]
    return {
        "krippendorff_alpha": {
            "value": number(krippendorff(ones, zeros)),
            "low": number(low),
            "high": number(high),
        },
        "fleiss_kappa": number(fleiss(said)),
        "cohen_kappa_mean": number(np.mean(known)) if known else None,
        "cohen_kappa_range": [min(known), max(known)] if known else None,
    }


def with_itself(first: Floats, second: Floats) -> dict[str, Any]:
    """Return how far one reader repeats her own answers, for JSON.

    Args:
        first: ``(case,)``, first showings: 0, 1, NaN.
        second: Second showings, NaN where there was none.
    """
    both = np.isfinite(first) & np.isfinite(second)
    same = float((first[both] == second[both]).mean()) if both.any() else None
    return {"n": int(both.sum()), "same": same, "kappa": number(cohen(first, second))}
