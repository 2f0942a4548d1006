"""How far readers agree: with each other (kappa, alpha), and with themselves on repeats.

Cohen 1960, Fleiss 1971, and Krippendorff's alpha for nominal data (Krippendorff 2011), which admits
missing answers; its interval is a bootstrap over images.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import bootstrap, interval
from brainzoo_quiz.statistics import rates

Floats = NDArray[np.float64]


def cohen(first: Floats, second: Floats) -> float:
    """Return Cohen's kappa of two readers' answers, ``(case,)`` of 0, 1 and NaN.

    NaN if everybody said the same.
    """
    from sklearn.metrics import cohen_kappa_score

    both = np.isfinite(first) & np.isfinite(second)
    if len(np.unique(np.concatenate([first[both], second[both]]))) < 2:
        return float("nan")
    return float(cohen_kappa_score(first[both], second[both]))


def krippendorff(ones: NDArray[Any], zeros: NDArray[Any], weight: Floats | float = 1.0) -> Floats:
    """Return Krippendorff's alpha; NaN where everybody always said the same.

    Args:
        ones: ``(case,)``, how many readers said the first word.
        zeros: Likewise of the second; images with fewer than two answers do not count.
        weight: ``(..., case)``, how often each image counts.
    """
    answers = ones + zeros
    weight = np.where(answers > 1, weight, 0.0)
    differing = (weight * 2 * ones * zeros / np.maximum(answers - 1, 1)).sum(-1)
    first, second = (weight * ones).sum(-1), (weight * zeros).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - differing * (first + second - 1) / (2 * first * second))


def fleiss(said: Floats) -> float:
    """Return Fleiss' kappa of the images that all readers answered, ``(reader, case)``.

    It is Krippendorff's alpha without the correction for few answers.
    """
    complete = said[:, np.isfinite(said).all(0)]
    if not complete.size:
        return float("nan")
    alpha = float(krippendorff((complete == 1).sum(0), (complete == 0).sum(0)))
    return 1 - (1 - alpha) * complete.size / (complete.size - 1)


def between_readers(said: Floats, *, seed: int, rounds: int = 2000) -> dict[str, Any]:
    """Return how far readers agree with each other by ``said``, ``(reader, case)``, for JSON."""
    ones, zeros = (said == 1).sum(0), (said == 0).sum(0)
    names = [str(case) for case in range(said.shape[1])]
    alphas = krippendorff(ones, zeros, bootstrap(names, seed=seed, rounds=rounds))
    kappas = [cohen(a, b) for a, b in itertools.combinations(said, 2)]
    known = [kappa for kappa in kappas if np.isfinite(kappa)]
    return {
        "krippendorff_alpha": rates.interval(alphas[0], *(interval(alphas) or ())),
        "fleiss_kappa": rates.number(fleiss(said)),
        "cohen_kappa_mean": rates.number(np.mean(known)) if known else None,
    }


def with_itself(first: Floats, second: Floats) -> dict[str, Any]:
    """Return how far one reader repeats her own answers, for JSON.

    Both are ``(case,)`` of 0, 1 and NaN: first showings, and second ones where there were any.
    """
    both = np.isfinite(first) & np.isfinite(second)
    same = float((first[both] == second[both]).mean()) if both.any() else None
    return {"n": int(both.sum()), "same": same, "kappa": rates.number(cohen(first, second))}
