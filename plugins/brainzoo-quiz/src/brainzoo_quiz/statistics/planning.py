"""How many readers and images a study needs.

The analysis planned for is that of ``group.py``. With σR and σI the standard deviations of
accuracy over readers and over images, and p the accuracy, an answer's remaining variance is
p(1 - p) - σR² - σI², and

    Var(mean) = (MSR + MSI - MSRI) / (R · I),  df = (MSR + MSI - MSRI)² / (MSR² / (R - 1)),

with the expected mean squares MSR = I σR² + MSRI and MSI = R σI² + MSRI. Power is that of t tests
with these degrees of freedom: of two one-sided ones for equivalence, of a two-sided one for a
difference (Julious 2004; central t approximation). Images are half real, half created, so even.
"""

from __future__ import annotations

import bisect
import math
from typing import Any

from brainzoo.api import OptionError

MOST_IMAGES = 2000
"""Nobody reads more in one study: beyond it, the answer is never."""

READERS = (3, 5, 8, 10, 15, 20)
SPREADS = ((0.0, 0.0), (0.05, 0.10), (0.05, 0.20), (0.10, 0.15), (0.19, 0.10))
"""SDs over readers and images of the table that ``quiz plan`` prints; the last is the paper's."""


def power(
    readers: int,
    images: int,
    *,
    reader_sd: float,
    image_sd: float,
    accuracy: float = 0.5,
    margin: float = 0.1,
    alpha: float = 0.05,
    goal: str = "equivalence",
) -> float:
    """Return how probably a study shows equivalence to chance (0.5 ± margin), or a difference.

    All ``readers`` (R, at least 2) see the same ``images`` (I, both kinds together); ``accuracy``
    is what is true, and the SDs are of accuracy.

    Raises:
        OptionError: Spreads that no yes-or-no answers can have.
    """
    from scipy.stats import t

    rest = accuracy * (1 - accuracy) - reader_sd**2 - image_sd**2
    if rest < 0:
        raise OptionError(
            f"SDs of {reader_sd:g} over readers and {image_sd:g} over images cannot be: their "
            f"squares exceed {accuracy * (1 - accuracy):.4g}, the variance of an answer that is "
            f"right with probability {accuracy:g}.",
            "Choose smaller ones.",
        )
    between = images * reader_sd**2 + rest
    total = between + readers * image_sd**2
    if total == 0:
        return 1.0
    df = total**2 / (between**2 / (readers - 1)) if between else math.inf
    se = (total / (readers * images)) ** 0.5
    away = accuracy - 0.5
    if goal == "difference":
        return float(t.cdf(abs(away) / se - t.isf(alpha / 2, df), df))
    limit = t.isf(alpha, df)
    both = t.cdf((margin - away) / se - limit, df) + t.cdf((margin + away) / se - limit, df) - 1
    return max(0.0, float(both))


def images_needed(readers: int, *, target: float = 0.8, **study: Any) -> int | None:
    """Return the least even number of images, from 4 on, that reaches a power; none if too many."""
    sizes = range(4, MOST_IMAGES + 1, 2)
    # Power grows with images, so halving the range finds the least.
    at = bisect.bisect_left(sizes, target, key=lambda images: power(readers, images, **study))
    return sizes[at] if at < len(sizes) else None
