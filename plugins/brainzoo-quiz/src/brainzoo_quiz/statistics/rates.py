"""What one reader's four counts give: rates, intervals, d′ and criterion. Positive is real.

Wilson: Wilson 1927; exact: Clopper and Pearson 1934; MOVER: Zou and Donner 2008; d′ with the
log-linear correction: Hautus 1995; its variance: Gourevitch and Galanter 1967.
"""

from __future__ import annotations

import math
from typing import Any

Number = float | None
Interval = dict[str, Any]
"""``value``, ``low`` and ``high``, for JSON; None where there is no such number."""


def number(value: Any) -> Number:
    """Return a number for JSON; what is not finite has none."""
    return float(value) if math.isfinite(value) else None


def interval(value: Any, low: Any = math.nan, high: Any = math.nan) -> Interval:
    """Return a value with its limits for JSON."""
    return {"value": number(value), "low": number(low), "high": number(high)}


def wilson(successes: float, n: float, alpha: float = 0.05) -> Interval:
    """Return a proportion with its Wilson score interval.

    Args:
        successes: How many; need not be whole (published percentages are not).
        n: Of how many.
        alpha: One minus the confidence.
    """
    from scipy.stats import norm

    if not n:
        return interval(math.nan)
    p, z = successes / n, float(norm.isf(alpha / 2))
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    # At the ends rounding would leave 1e-17 where the limit is the end itself.
    low = 0.0 if successes == 0 else middle - half
    return interval(p, low, 1.0 if successes == n else middle + half)


def exact(successes: float, n: float, alpha: float = 0.05) -> Interval:
    """Return a proportion with its exact (Clopper–Pearson) interval; None for parts of answers."""
    from scipy.stats import binomtest

    if n < 1 or successes % 1 or n % 1:
        return interval(successes / n if n else math.nan)
    found = binomtest(int(successes), int(n)).proportion_ci(1 - alpha, method="exact")
    return interval(successes / n, found.low, found.high)


def mover(first: Interval, second: Interval) -> Interval:
    """Return the mean of two independent proportions with the MOVER interval."""
    if first["value"] is None or second["value"] is None:
        return interval(math.nan)
    value = (first["value"] + second["value"]) / 2
    below = math.hypot(*(rate["value"] - rate["low"] for rate in (first, second))) / 2
    above = math.hypot(*(rate["high"] - rate["value"] for rate in (first, second))) / 2
    return interval(value, value - below, value + above)


def d_prime(
    hits: float, positives: float, false_alarms: float, negatives: float
) -> tuple[float, float]:
    """Return d′ and the criterion; of rates of 0 and 1 they are not finite.

    Hits are real images called real, false alarms created images called real, and

        d′ = z(hit rate) - z(false-alarm rate),  c = -(z(hit rate) + z(false-alarm rate)) / 2:

    below 0, a reader says "real" more often than not.
    """
    from scipy.stats import norm

    zh, zf = map(float, norm.ppf([hits / positives, false_alarms / negatives]))
    return zh - zf, -(zh + zf) / 2


def d_prime_error(hits: float, positives: float, false_alarms: float, negatives: float) -> float:
    """Return the standard error of d′; the arguments are those of :func:`d_prime`."""
    from scipy.stats import norm

    rates = ((hits / positives, positives), (false_alarms / negatives, negatives))
    return math.sqrt(sum(p * (1 - p) / (n * norm.pdf(norm.ppf(p)) ** 2) for p, n in rates))


def of_counts(
    tp: float,
    fn: float,
    fp: float,
    tn: float,
    *,
    images: tuple[float, float] | None = None,
    two_alternatives: bool = False,
    alpha: float = 0.05,
) -> dict[str, Any]:
    """Return everything that one reader's counts give, for JSON.

    Args:
        tp: True positives; all four are percentages where ``images`` says of how many.
        fn: False negatives.
        fp: False positives.
        tn: True negatives.
        images: Real and created images, where the counts are percentages of them.
        two_alternatives: d′ of two-alternative forced choice is smaller by the square root of 2.
        alpha: One minus the confidence.
    """
    from scipy.stats import norm

    positives, negatives = images or (tp + fn, fp + tn)
    hits = tp / (tp + fn) * positives if tp + fn else 0.0
    false_alarms = fp / (fp + tn) * negatives if fp + tn else 0.0
    right = hits + negatives - false_alarms
    n = positives + negatives
    sensitivity = wilson(hits, positives, alpha)
    specificity = wilson(negatives - false_alarms, negatives, alpha)
    index = half = criterion = raw = raw_criterion = math.nan
    if positives and negatives:
        # The log-linear correction keeps rates of 0 and 1 finite.
        corrected = (hits + 0.5, positives + 1, false_alarms + 0.5, negatives + 1)
        scale = 2**-0.5 if two_alternatives else 1.0
        index, criterion = d_prime(*corrected)
        raw, raw_criterion = d_prime(hits, positives, false_alarms, negatives)
        half = scale * float(norm.isf(alpha / 2)) * d_prime_error(*corrected)
        index, raw = scale * index, scale * raw
    return {
        "tp": tp,
        "fn": fn,
        "fp": fp,
        "tn": tn,
        "n": n,
        "accuracy": wilson(right, n, alpha),
        "accuracy_exact": exact(right, n, alpha),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "balanced_accuracy": mover(sensitivity, specificity),
        "d_prime": interval(index, index - half, index + half),
        "d_prime_raw": number(raw),
        "criterion": number(criterion),
        "criterion_raw": number(raw_criterion),
    }
