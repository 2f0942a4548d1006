"""What one reader's four counts give: rates, intervals, d′ and criterion. Positive is real.

Everything takes arrays and works element by element, so that simulations of many readers are one
call. Wilson: Wilson 1927; exact: Clopper and Pearson 1934; MOVER: Zou and Donner 2008; d′ with the
log-linear correction: Hautus 1995; its variance: Gourevitch and Galanter 1967.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Interval:
    """Estimates with their lower and upper limits; all of the same shape."""

    value: Floats
    low: Floats
    high: Floats


def wilson(successes: ArrayLike, n: ArrayLike, alpha: float = 0.05) -> Interval:
    """Return proportions with Wilson score intervals; NaN where n is 0.

    Args:
        successes: How many; need not be whole (published percentages are not).
        n: Of how many.
        alpha: One minus the confidence.
    """
    from scipy.stats import norm

    x, n = np.asarray(successes, float), np.asarray(n, float)
    z = norm.isf(alpha / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = x / n
        middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    # At the ends rounding would leave 1e-17 where the limit is the end itself.
    low = np.where(x == 0, 0.0 * p, middle - half)
    return Interval(p, low, np.where(x == n, p, middle + half))


def exact(successes: float, n: float, alpha: float = 0.05) -> dict[str, float | None]:
    """Return a proportion with its exact (Clopper–Pearson) interval; None for parts of answers."""
    from scipy.stats import binomtest

    if n < 1 or successes % 1 or n % 1:
        return {"value": number(successes / n) if n else None, "low": None, "high": None}
    found = binomtest(int(successes), int(n)).proportion_ci(1 - alpha, method="exact")
    return {"value": successes / n, "low": float(found.low), "high": float(found.high)}


def mover(first: Interval, second: Interval) -> Interval:
    """Return the mean of two independent proportions with the MOVER interval."""
    value = (first.value + second.value) / 2
    below = np.hypot(first.value - first.low, second.value - second.low) / 2
    above = np.hypot(first.high - first.value, second.high - second.value) / 2
    return Interval(value, value - below, value + above)


def d_prime(
    hits: ArrayLike,
    positives: ArrayLike,
    false_alarms: ArrayLike,
    negatives: ArrayLike,
    *,
    correct: bool = True,
    alpha: float = 0.05,
) -> tuple[Interval, Floats]:
    """Return d′ with its interval, and the criterion c.

    Args:
        hits: Real images called real.
        positives: Real images.
        false_alarms: Created images called real.
        negatives: Created images.
        correct: Add a half to counts and one to numbers, so that rates of 0 and 1 stay finite.
        alpha: One minus the confidence.

    Returns:
        d′ = z(hit rate) - z(false-alarm rate), and c = -(z(hit rate) + z(false-alarm rate)) / 2:
        below 0, a reader says "real" more often than not.
    """
    from scipy.stats import norm

    more = (0.5, 1.0) if correct else (0.0, 0.0)
    (h, m), (f, k) = (
        (np.asarray(x, float) + more[0], np.asarray(n, float) + more[1])
        for x, n in ((hits, positives), (false_alarms, negatives))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        zh, zf = norm.ppf(h / m), norm.ppf(f / k)
        variance = _variance(h / m, m, zh) + _variance(f / k, k, zf)
        half = norm.isf(alpha / 2) * np.sqrt(variance)
        nothing = np.where((m > more[1]) & (k > more[1]), 0.0, np.nan)  # one kind was not answered
        value = zh - zf + nothing  # of rates of 0 and 1, without the correction, infinite
        return Interval(value, value - half, value + half), nothing - (zh + zf) / 2


def _variance(rate: Floats, n: Floats, z: Floats) -> Floats:
    from scipy.stats import norm

    return np.asarray(rate * (1 - rate) / (n * norm.pdf(z) ** 2))


def of_counts(
    counts: tuple[float, float, float, float],
    *,
    images: tuple[float, float] | None = None,
    two_alternatives: bool = False,
    alpha: float = 0.05,
) -> dict[str, Any]:
    """Return everything that one reader's counts give, as numbers for JSON.

    Args:
        counts: TP, FN, FP, TN; percentages, where ``images`` says of how many.
        images: Real and created images, where the counts are percentages of them.
        two_alternatives: d′ of two-alternative forced choice is smaller by the square root of 2.
        alpha: One minus the confidence.
    """
    tp, fn, fp, tn = counts
    positives, negatives = images or (tp + fn, fp + tn)
    hits = tp / (tp + fn) * positives if tp + fn else 0.0
    false_alarms = fp / (fp + tn) * negatives if fp + tn else 0.0
    right = hits + negatives - false_alarms
    n = positives + negatives
    sensitivity = wilson(hits, positives, alpha)
    specificity = wilson(negatives - false_alarms, negatives, alpha)
    sensitivity_index, criterion = d_prime(hits, positives, false_alarms, negatives, alpha=alpha)
    raw, raw_criterion = d_prime(hits, positives, false_alarms, negatives, correct=False)
    scale = 2**-0.5 if two_alternatives else 1.0
    return {
        "tp": tp,
        "fn": fn,
        "fp": fp,
        "tn": tn,
        "n": n,
        "accuracy": plain(wilson(right, n, alpha)),
        "accuracy_exact": exact(right, n, alpha),
        "sensitivity": plain(sensitivity),
        "specificity": plain(specificity),
        "balanced_accuracy": plain(mover(sensitivity, specificity)),
        "d_prime": plain(sensitivity_index, scale),
        "d_prime_raw": number(raw.value * scale),
        "criterion": number(criterion),
        "criterion_raw": number(raw_criterion),
    }


def plain(interval: Interval, scale: float = 1.0) -> dict[str, float | None]:
    """Return an interval as numbers for JSON."""
    names = ("value", "low", "high")
    return {name: number(getattr(interval, name) * scale) for name in names}


def number(value: Any) -> float | None:
    """Return a number for JSON; what is not finite has none."""
    return float(value) if np.isfinite(value) else None
