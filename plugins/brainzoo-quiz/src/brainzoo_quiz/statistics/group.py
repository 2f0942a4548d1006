"""What holds for readers and images like these: both are samples (crossed random effects).

Estimated is the mean over readers of balanced accuracy, or of the AUC of their confidence. Both
are the same Mann-Whitney statistic (of binary answers, and of ratings), so one method serves both:
the single-modality analysis of Obuchowski and Rockette 1995 with the covariances of DeLong et al.
1988, which keep real and created images apart:

    Var(mean) = (S² + R · max(Cov, 0)) / R

S² is the variance of the readers' values, and Cov the mean covariance that two readers' values
have because they saw the same images; degrees of freedom are Hillis' (2007). On complete data,
within one class of images, this is the reader × image analysis of variance,

    Var(mean) = (MSR + max(MSI - MSRI, 0)) / (R · I),

for S² = MSR / I and Cov = (MSI - MSRI) / (R · I). Answers that are missing only make covariances of
fewer images. Pooling all answers as if they were independent ignores both, and is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo_quiz.statistics.rates import number

Floats = NDArray[np.float64]


Mean = dict[str, Any]
"""A mean over readers: its ``value``; ``se``, the standard error over readers and images, with
``df`` degrees of freedom; how many ``readers``, and the ``sd`` of their values; ``reader_sd``: how
much they differ beyond what their images' number explains; ``image_covariance``: what two readers
share because of the same images. NaN where there are too few readers."""


def aucs(scores: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return each reader's AUC and the DeLong covariance matrix of all.

    Args:
        scores: ``(reader, case)``: binary answers (their AUC is balanced accuracy) or ratings;
            NaN where missing.
        positive: ``(case,)``, which are real.

    Returns:
        ``(reader,)`` and ``(reader, reader)``; NaN where a reader lacks a class.
    """
    auc = np.full(len(scores), np.nan)
    of_real, of_created = (
        np.full((len(scores), kind.sum()), np.nan) for kind in (positive, ~positive)
    )
    for r, row in enumerate(scores):
        x, y = row[positive], row[~positive]
        seen_x, seen_y = np.isfinite(x), np.isfinite(y)
        if not seen_x.any() or not seen_y.any():
            continue
        wins = (np.sign(x[seen_x][:, None] - y[seen_y][None]) + 1) / 2
        auc[r] = wins.mean()
        of_real[r, seen_x] = wins.mean(1) - auc[r]
        of_created[r, seen_y] = wins.mean(0) - auc[r]
    return auc, _covariance(of_real) + _covariance(of_created)


def _covariance(centred: Floats) -> Floats:
    """Return the covariances of readers' means over one class, from the images both answered."""
    seen = np.isfinite(centred)
    filled = np.where(seen, centred, 0.0)
    n = seen.sum(1).astype(float)
    both = seen.astype(float) @ seen.T
    with np.errstate(invalid="ignore", divide="ignore"):
        single = filled @ filled.T / np.where(both > 1, both - 1, np.nan)
        found = single * both / np.outer(n, n)
    return np.asarray(np.where(both > 1, found, np.where(both == 1, np.nan, 0.0)))


def mean_over_readers(scores: Floats, positive: NDArray[np.bool_]) -> Mean:
    """Return the mean value of readers who have one, with its error over readers and images."""
    values, covariance = aucs(scores, positive)
    known = np.isfinite(values)
    values, covariance = values[known], covariance[np.ix_(known, known)]
    readers = len(values)
    if readers < 2:
        value = float(values[0]) if readers else np.nan
        unknown = dict.fromkeys(("se", "df", "sd", "reader_sd", "image_covariance"), np.nan)
        return {"value": value, "readers": readers, **unknown}
    shared = _mean_known(covariance[~np.eye(readers, dtype=bool)])
    own = _mean_known(np.diag(covariance))
    spread = float(values.var(ddof=1))
    between = spread / readers
    variance = between + max(shared, 0.0)
    return {
        "value": float(values.mean()),
        "readers": readers,
        "se": float(np.sqrt(variance)),
        "df": variance**2 / (between**2 / (readers - 1)) if between > 0 else np.inf,
        "sd": float(values.std(ddof=1)),
        "reader_sd": max(spread - (own - shared), 0.0) ** 0.5,
        "image_covariance": shared,
    }


def _mean_known(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def against_chance(mean: Mean, *, margin: float, alpha: float) -> dict[str, Any]:
    """Test a mean over readers against chance, 0.5.

    Returns:
        ``equivalent``: by two one-sided tests (TOST, Schuirmann 1987), that is, the interval at
        1 - 2 alpha lies within 0.5 ± margin; ``different``: the two-sided test at alpha.
        Nothing where there are fewer than two readers.
    """
    from scipy.stats import t

    value, se, df = mean["value"], mean["se"], mean["df"]
    if not se >= 0:
        return {}
    low, high = limits(mean, 2 * alpha)
    steps = [value - 0.5 + margin, 0.5 + margin - value, abs(value - 0.5)]
    if se > 0:
        below, above, away = (float(t.sf(step / se, df)) for step in steps)
    else:
        below, above, away = (float(step <= 0) for step in steps)
    return {
        "margin": margin,
        "alpha": alpha,
        "low": low,
        "high": high,
        "p_equivalence": max(below, above),
        "equivalent": max(below, above) < alpha,
        "p_difference": min(1.0, 2 * away),
        "different": 2 * away < alpha,
    }


def limits(mean: Mean, alpha: float) -> tuple[float, float]:
    """Return the limits of a mean at a confidence of 1 - alpha."""
    from scipy.stats import t

    value, se = mean["value"], mean["se"]
    half = float(t.isf(alpha / 2, mean["df"])) * se if se > 0 else se
    return value - half, value + half


def plain_mean(mean: Mean, alpha: float) -> Mean:
    """Return a mean over readers with its limits as numbers for JSON."""
    # No rate lies outside; the t distribution of few readers does not know that.
    low, high = np.clip(limits(mean, alpha), 0, 1)
    known = {name: number(value) for name, value in {**mean, "low": low, "high": high}.items()}
    return {**known, "readers": mean["readers"]}
