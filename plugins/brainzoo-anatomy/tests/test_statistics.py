"""Statistics agree with their definitions, and find what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from brainzoo_anatomy.measured import Measured
from brainzoo_anatomy.plausible import Limits
from brainzoo_anatomy.regions import NAMES, PAIRED
from brainzoo_anatomy.statistics import Group, hedges, slopes, wasserstein


def heads(ml: np.ndarray, *, ages: np.ndarray | None = None, whole: float = 1.0) -> Measured:
    count = len(ml)
    rows = [{} if ages is None else {"age": float(age)} for age in ages] if ages is not None else []
    return Measured(
        np.stack([ml / 2, ml / 2], -1),
        np.full(count, whole),
        np.zeros((count, 2, 2), np.uint8),
        np.full(count, 0.5),
        rows or [{}] * count,
    )


def group(measured: Measured) -> Group:
    return Group(measured, np.ones((1, len(measured))))


def test_effect_size_is_that_of_hedges() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 12), rng.normal(1, 2, 9)
    pooled = np.sqrt((11 * a.var(ddof=1) + 8 * b.var(ddof=1)) / 19)
    wanted = (b.mean() - a.mean()) / pooled * (1 - 3 / (4 * 21 - 9))
    found = hedges(a, b, np.ones((1, 12)), np.ones((1, 9)))
    assert found[0] == pytest.approx(wanted)


def test_weights_are_repetitions() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 6), rng.normal(1, 2, 5)
    weights = np.array([[2.0, 0, 1, 1, 1, 1]])
    repeated = np.repeat(a, weights[0].astype(int))
    ones = np.ones((1, 5))
    assert hedges(a, b, weights, ones) == pytest.approx(hedges(repeated, b, np.ones((1, 6)), ones))


def test_distance_is_that_of_gaussians() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(0, 1, (40, 3))
    ones = np.ones((1, 40))
    assert wasserstein(a, a, ones, ones)[0] == pytest.approx(0, abs=1e-5)
    assert wasserstein(a, a + np.array([3, 4, 0]), ones, ones)[0] == pytest.approx(5)
    # Of one dimension: the root of the squared differences of means and of deviations.
    b = 1 + 3 * a
    wanted = np.hypot(b[:, 0].mean() - a[:, 0].mean(), b[:, 0].std(ddof=1) - a[:, 0].std(ddof=1))
    assert wasserstein(a[:, :1], b[:, :1], ones, ones)[0] == pytest.approx(wanted)


def test_constant_values_are_finite() -> None:
    same = np.full(8, 3.0)
    ones = np.ones((1, 8))
    assert hedges(same, same, ones, ones)[0] == 0
    assert np.isfinite(hedges(same, same + 1, ones, ones)[0])
    flat = np.zeros((8, 4))
    assert wasserstein(flat, flat, ones, ones)[0] == 0


def test_change_with_age_is_found() -> None:
    ages = np.linspace(20, 80, 13)
    ml = np.repeat(100 - 0.5 * (ages - 50)[:, None], len(NAMES), 1)
    found = slopes(group(heads(ml, ages=ages)))
    assert found is not None
    assert found[0] == pytest.approx(-5)  # percent of the mean, a decade


@pytest.mark.parametrize("ages", [None, np.linspace(40, 45, 13), np.full(13, np.nan)])
def test_no_change_without_ages(ages: np.ndarray | None) -> None:
    assert slopes(group(heads(np.ones((13, len(NAMES))), ages=ages))) is None


def test_asymmetry_has_a_sign() -> None:
    one = heads(np.full((1, len(NAMES)), 10.0))
    one.sides[0, NAMES.index("caudate")] = (6, 4)
    assert one.asymmetry[0, PAIRED.index("caudate")] == pytest.approx(40)
    assert one.asymmetry[0, PAIRED.index("putamen")] == 0


def test_heads_unlike_real_ones_are_implausible() -> None:
    rng = np.random.default_rng(0)
    real = heads(10 * np.exp(rng.normal(0, 0.1, (40, len(NAMES)))))
    limits = Limits(real)
    assert not limits.outside(real).any()
    odd = heads(np.full((3, len(NAMES)), 10.0))
    odd.sides[0, NAMES.index("hippocampus")] = 0  # missing
    odd.sides[1, NAMES.index("ventricles")] *= 3
    assert limits.outside(odd).any(1).tolist() == [True, True, False]
    pieces = heads(np.full((1, len(NAMES)), 10.0), whole=0.5)
    assert limits.outside(pieces).any()
    rows = {str(row["what"]): row for row in limits.rows(test=real, synthetic=odd)}
    assert rows["hippocampus"]["synthetic outside"] == 1
    assert rows["hippocampus"]["test outside"] == 0
