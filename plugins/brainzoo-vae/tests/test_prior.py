import numpy as np
import pytest

from brainzoo_vae.prior import Prior


def two_groups(n=400, latent=3, seed=0):
    """Latents around -4 and 4, moved by 2 for each unit of a condition."""
    rng = np.random.default_rng(seed)
    conditions = rng.standard_normal((n, 1)).astype(np.float32)
    centres = np.where(np.arange(n) % 2, 4.0, -4.0)[:, None]
    mean = centres + rng.normal(0, 0.3, (n, latent)) + 2 * conditions
    subjects = [f"s{i // 4}" for i in range(n)]
    return mean.astype(np.float32), np.full((n, latent), 0.2, np.float32), conditions, subjects


def test_finds_the_groups_and_the_trend():
    prior = Prior.fitted(*two_groups(), seed=0, components=(1, 2, 4))
    assert prior.components >= 2
    assert np.allclose(prior.slopes.numpy(), 2, atol=0.3)
    drawn = prior.residuals(0, 0, 500)
    near = np.abs(np.abs(drawn).mean(1) - 4) < 1
    assert near.mean() > 0.95, "latents between the groups"
    assert 150 < (drawn.mean(1) > 0).sum() < 350
    spread = drawn[drawn.mean(1) > 0].std(0)
    assert np.allclose(spread, np.hypot(0.3, 0.2), atol=0.15), "its own and the encoder's spread"


def test_one_gaussian_is_enough_for_one():
    rng = np.random.default_rng(0)
    mean = rng.standard_normal((300, 4)).astype(np.float32)
    subjects = [f"s{i // 3}" for i in range(300)]
    prior = Prior.fitted(mean, 0 * mean + 0.1, np.zeros((300, 0), np.float32), subjects, 0)
    assert prior.components == 1
    drawn = prior.residuals(1, 0, 2000)
    assert np.allclose(drawn.mean(0), mean.mean(0), atol=0.1)
    assert np.allclose(np.cov(drawn.T), np.cov(mean.T) + 0.01 * np.eye(4), atol=0.15)


def test_fitting_and_drawing_depend_on_the_seed_only():
    first, second = (Prior.fitted(*two_groups(), seed=3, components=(2,)) for _ in range(2))
    for name, value in first.state_dict().items():
        assert np.array_equal(value.numpy(), second.state_dict()[name].numpy()), name
    assert np.array_equal(first.residuals(5, 0, 8)[3:7], second.residuals(5, 3, 4))
    assert not np.array_equal(first.residuals(5, 0, 8), first.residuals(6, 0, 8))


@pytest.mark.parametrize("n", [1, 3])
def test_a_handful_of_images_is_enough(n):
    mean, std, conditions, subjects = two_groups(n)
    prior = Prior.fitted(mean, std, conditions, subjects, 0)
    assert np.isfinite(prior.residuals(0, 0, 8)).all()


def test_before_it_is_fitted_it_is_the_standard_normal():
    prior = Prior(6, 2)
    drawn = prior.residuals(0, 0, 3000)
    assert np.allclose(np.cov(drawn.T), np.eye(6), atol=0.15)
    assert not prior.shift(np.ones((2, 2), np.float32)).any()
