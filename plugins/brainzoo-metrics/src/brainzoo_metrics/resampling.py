"""Standard errors by bootstrap over subjects, of many measures at once.

A round of the bootstrap is a row of weights: how often each image was drawn, whole subjects at a
time. Measures take weights ``(round, image)`` of two sets and return a value a round, so that most
are one matrix product; row 0 draws every image once and gives the value itself.

Distances grow when images repeat, so percentiles of such draws need not even hold the value. The
interval is therefore the value ± 1.96 times the standard deviation of the draws (Efron and
Tibshirani 1993, chapter 6).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import MetricValue

ROUNDS = 100  # standard errors within 7 percent
NORMAL = 1.96

Weights = NDArray[np.float64]
Draws = NDArray[np.float64]


def standard_error(draws: Draws) -> float:
    """Return the standard error of what ``draws[0]`` is the value of."""
    return float(np.std(draws[1:], ddof=1))


def figure(
    name: str,
    draws: Draws,
    n: int,
    *,
    floor: Draws | float | None = None,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    detail: str = "",
) -> MetricValue:
    """Return a value with its interval.

    Args:
        name: The figure's.
        draws: The value, then what each round gave; the value alone has no interval.
        n: Images of each set.
        floor: The same between real images: a number, or draws whose first is it.
        bounds: What the measure cannot leave: the interval is cut there.
        detail: What else a reader must know.
    """
    value = float(draws[0])
    low = high = None
    if len(draws) > 1:
        width = NORMAL * standard_error(draws)
        low, high = max(bounds[0], value - width), min(bounds[1], value + width)
    if isinstance(floor, np.ndarray):
        floor = float(floor[0])
    return MetricValue(name, value, n, low, high, floor, detail)
