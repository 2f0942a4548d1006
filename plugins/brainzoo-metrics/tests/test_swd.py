"""The sliced Wasserstein distance against independent computations and known answers."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from brainzoo.common.errors import DataError
from brainzoo_metrics import swd


def noise(n: int, side: int = 32, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((n, 1, side, side), dtype=np.float32)


def test_pyramid_agrees_with_torch_and_adds_up() -> None:
    pixels = noise(3, 64)
    row = torch.tensor([1.0, 4, 6, 4, 1]) / 16
    kernel = torch.outer(row, row)[None, None]

    def blur(x: torch.Tensor) -> torch.Tensor:
        return torch.conv2d(torch.nn.functional.pad(x, (2, 2, 2, 2), mode="reflect"), kernel)

    image = torch.from_numpy(pixels)
    found = swd.pyramid(pixels)
    assert [level.shape[2] for level in found] == [64, 32, 16]
    for level in found[:-1]:
        lower = blur(image)[:, :, ::2, ::2]
        upper = torch.zeros_like(image)
        upper[:, :, ::2, ::2] = 4 * lower
        np.testing.assert_allclose(level, (image - blur(upper)).numpy(), atol=1e-5)
        image = lower
    np.testing.assert_allclose(found[-1], image.numpy(), atol=1e-5)


def test_distance_is_the_mean_of_exact_one_dimensional_ones() -> None:
    (level,) = swd.levels([noise(6, 16), noise(6, 16, seed=1) ** 2], 0)
    exact = [
        wasserstein_distance(level.patches[0] @ d, level.patches[1] @ d) for d in level.directions
    ]
    assert level.distance(0, 1) == pytest.approx(1e3 * np.mean(exact), rel=1e-3)


def test_patches_are_cut_from_the_image_and_normalised() -> None:
    pixels = np.arange(16 * 16, dtype=np.float32).reshape(1, 1, 16, 16)
    drawn = swd.patches(pixels, np.random.default_rng(0))
    assert drawn.shape == (swd.PATCHES, 49)
    assert abs(drawn.mean()) < 1e-5
    assert drawn.std() == pytest.approx(1, abs=1e-5)
    steps = np.diff(drawn.reshape(-1, 7, 7), axis=2)
    np.testing.assert_allclose(steps, steps[0, 0, 0], rtol=1e-3)  # neighbours stay neighbours


def test_far_sets_are_far_and_brightness_does_not_count() -> None:
    rough, other = noise(40), noise(40, seed=1)
    smooth = np.repeat(np.repeat(noise(40, 16, seed=2), 2, axis=2), 2, axis=3)
    near = swd.sliced_wasserstein(rough, other, 0)
    assert set(near) == {"32", "16", "mean"}
    assert near["mean"] == pytest.approx((near["32"] + near["16"]) / 2)
    assert swd.sliced_wasserstein(rough, smooth, 0)["32"] > 2 * near["32"]
    assert swd.sliced_wasserstein(rough, other * 0.5 + 0.2, 0)["mean"] == pytest.approx(
        near["mean"], rel=0.01
    )


def test_the_distance_of_equal_distributions_falls_with_n() -> None:
    few = swd.sliced_wasserstein(noise(8), noise(8, seed=1), 0)["mean"]
    many = swd.sliced_wasserstein(noise(128), noise(128, seed=1), 0)["mean"]
    assert many < few / 2


def test_same_seed_same_value_and_more_images_of_one_set_do_no_harm() -> None:
    a, b = noise(10), noise(30, seed=1)
    assert swd.sliced_wasserstein(a, b, 3) == swd.sliced_wasserstein(a, b, 3)
    assert swd.sliced_wasserstein(a, b, 3) != swd.sliced_wasserstein(a, b, 4)


def test_weights_of_one_give_nearly_the_value_itself() -> None:
    ones = np.ones((2, 40))
    for level in swd.levels([noise(40), noise(40, seed=1) ** 2], 0):
        exact, row = level.draws(0, 1, ones, ones)
        assert row == pytest.approx(exact, rel=0.15)


@pytest.mark.parametrize("bad", ["nan", "small", "shape"])
def test_what_cannot_be_compared_is_refused(bad: str) -> None:
    a, b = noise(4), noise(4, seed=1)
    if bad == "nan":
        b[0, 0, 0, 0] = np.nan
    elif bad == "small":
        a, b = noise(4, 6), noise(4, 6)
    else:
        b = noise(4, 16)
    with pytest.raises(DataError):
        swd.sliced_wasserstein(a, b, 0)
