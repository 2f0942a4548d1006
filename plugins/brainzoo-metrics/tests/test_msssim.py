"""MS-SSIM against an independent implementation and known answers."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import convolve2d

from brainzoo.common.errors import DataError
from brainzoo_metrics import msssim


def textured(n: int, side: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.random((n, 1, side // 8, side // 8)), np.ones((8, 8)))
    return np.clip(coarse + 0.1 * rng.standard_normal(coarse.shape), 0, 1).astype(np.float32)


def by_the_book(a: NDArray[np.float64], b: NDArray[np.float64], scales: int) -> float:
    """Compute one pair with whole 2-D windows, as the paper writes it."""
    x = np.arange(11) - 5
    window = np.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    weights = weights / weights.sum()
    product = 1.0
    for scale in range(scales):
        mean_a, mean_b = (convolve2d(x, window, mode="valid") for x in (a, b))
        var_a = convolve2d(a * a, window, mode="valid") - mean_a**2
        var_b = convolve2d(b * b, window, mode="valid") - mean_b**2
        both = convolve2d(a * b, window, mode="valid") - mean_a * mean_b
        structure = (2 * both + 0.03**2) / (var_a + var_b + 0.03**2)
        light = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        term = (structure if scale < scales - 1 else structure * light).mean()
        product *= max(term, 0) ** weights[scale]
        side = len(a) // 2
        a, b = (x[: 2 * side, : 2 * side] for x in (a, b))
        a, b = (x.reshape(side, 2, side, 2).mean(axis=(1, 3)) for x in (a, b))
    return product


@pytest.mark.parametrize(("side", "scales"), [(16, 1), (64, 3), (176, 5)])
def test_agrees_with_the_definition(side: int, scales: int) -> None:
    pixels = textured(4, side)
    noisy = np.clip(pixels + 0.05 * textured(4, side, 1), 0, 1).astype(np.float32)
    assert msssim.scales_of(side, side) == scales
    found = msssim.msssim(np.concatenate([pixels, noisy]), np.arange(4), np.arange(4, 8))
    wanted = [
        by_the_book(a[0].astype(np.float64), b[0].astype(np.float64), scales)
        for a, b in zip(pixels, noisy, strict=True)
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_equal_images_are_one_and_a_collapsed_set_shows() -> None:
    varied = textured(20, 32)
    collapsed = np.repeat(varied[:1], 20, axis=0)
    pairs = msssim.draw_pairs(20, 50, 0)
    assert msssim.msssim(collapsed, *pairs) == pytest.approx(np.ones(50))
    assert msssim.msssim(varied, *pairs).mean() < 0.6


def test_pairs_are_of_different_subjects() -> None:
    subjects = [f"s{i // 5}" for i in range(20)]
    first, second = msssim.draw_pairs(20, 300, 0, subjects)
    assert all(subjects[i] != subjects[j] for i, j in zip(first, second, strict=True))
    again = msssim.draw_pairs(20, 300, 0, subjects)
    assert (again[0] == first).all()
    assert (again[1] == second).all()


def test_impossible_pairs_and_sizes_are_refused() -> None:
    with pytest.raises(DataError, match="pair"):
        msssim.draw_pairs(5, 10, 0, ["same"] * 5)
    with pytest.raises(DataError, match="11"):
        msssim.scales_of(10, 64)
