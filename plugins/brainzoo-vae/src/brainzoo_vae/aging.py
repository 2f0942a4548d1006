"""How much dark fluid the middle of a head shows, and how it grows with age.

In T1-weighted images cerebrospinal fluid is dark; in the middle of an axial slice most of it is in
the ventricles, which grow with age (Scahill et al. 2003, Archives of Neurology 60: 989 to 994).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Images, MetricValue, Value, bootstrap, interval, subjects_of

Floats = NDArray[np.float32]
Table = list[dict[str, Value]]
FLUID = 0.7
"""Darker than this part of the middle's brightness is counted as fluid, in T1-weighted heads.

With these two numbers, the share follows age in 121 real heads of IXI with a correlation of 0.59 (7
axial slices each, 64 pixels).
"""
MIDDLE = 0.3
"""Of the image's sides: the part in the middle where the ventricles lie."""
LEAST_SPREAD = 5.0
"""Years: the least standard deviation of ages from which growth is measured."""


def fluid(pixels: Floats) -> NDArray[np.float64]:
    """Return the share of dark pixels in the middle of each T1-weighted head, in percent."""
    middle = pixels[:, 0]
    for axis, side in enumerate(pixels.shape[2:], start=1):
        margin = round(side * (1 - MIDDLE) / 2)
        middle = np.take(middle, range(margin, side - margin), axis)
    flat = middle.reshape(len(pixels), -1)
    dark = flat < FLUID * np.quantile(flat, 0.75, axis=1, keepdims=True)
    return np.asarray(100 * dark.mean(1))


def fluid_by_age(heads: Floats, ages: Sequence[float], test: Images) -> Table:
    """Return the mean share of fluid at each age, in the walk and in test images of about it."""
    known = np.array([np.nan if a is None else float(a) for a in test.column("age")])
    real = fluid(test.floats())
    near = max(5.0, (ages[-1] - ages[0]) / max(1, len(ages) - 1) / 2)
    table: Table = []
    for i, age in enumerate(ages):
        close = np.abs(known - age) <= near
        row: dict[str, Value] = {"age": age, "walk, %": float(fluid(heads[:, i]).mean())}
        row["test images, %"] = float(real[close].mean()) if close.any() else None
        table.append({**row, "test images": int(close.sum())})
    return table


def growth_of_fluid(synthetic: Images, test: Images, seed: int) -> list[MetricValue]:
    """Return how much the share of fluid grows in ten years in samples and in people.

    One value with the real value as its floor; none where ages are not known or hardly differ.
    """
    shares, ages, images = _known(synthetic)
    real, real_ages, people = _known(test)
    if min(len(ages), len(real_ages)) < 3 or min(ages.std(), real_ages.std()) < LEAST_SPREAD:
        return []
    slopes = _slopes(shares, ages, bootstrap(images, seed=seed))
    real_slopes = _slopes(real, real_ages, bootstrap(people, seed=seed))
    (low, high), of_people = interval(slopes) or (None, None), interval(real_slopes)
    value = float(real_slopes[0])
    beside = f" ({of_people.low:.2f} to {of_people.high:.2f})" if of_people else ""
    correlations = [np.corrcoef(s, a)[0, 1] for s, a in ((shares, ages), (real, real_ages))]
    detail = (
        "points of the share of dark fluid in the middle of the head, against age, in samples; "
        f"floor: in {len(set(people))} test subjects, {value:.2f}{beside}; correlation with age "
        f"{correlations[0]:.2f} in samples, {correlations[1]:.2f} in people"
    )
    name = "fluid, growth in ten years"
    return [MetricValue(name, float(slopes[0]), len(ages), low, high, value, detail)]


def _known(images: Images) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Return shares, ages and subjects of the images whose age is known."""
    ages = {
        i: float(age) for i, age in enumerate(images.column("age")) if isinstance(age, int | float)
    }
    if not ages:
        return np.empty(0), np.empty(0), []
    names = subjects_of(images)
    pixels = images.floats(np.array(list(ages), dtype=np.intp))
    return fluid(pixels), np.array(list(ages.values())), [names[i] for i in ages]


def _slopes(
    shares: NDArray[np.float64], ages: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the least-squares slope, in points a decade, for each row of weights."""
    weights = weights / weights.sum(1, keepdims=True)
    mean_age, mean_share = weights @ ages, weights @ shares
    spread = weights @ ages**2 - mean_age**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return 10 * (weights @ (ages * shares) - mean_age * mean_share) / spread
