import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from brainzoo_vae import losses
from brainzoo_vae.generator import warm_up


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_divergence_is_that_of_torch_distributions():
    mean, log_std = random(5, 7), random(5, 7, seed=1)
    standard = Normal(torch.zeros(7), torch.ones(7))
    expected = kl_divergence(Normal(mean, log_std.exp()), standard).sum(1)
    assert torch.allclose(losses.divergence(mean, log_std), expected, rtol=1e-5)
    assert losses.divergence(torch.zeros(1, 7), torch.zeros(1, 7)).item() == 0


@pytest.mark.parametrize("shape", [(3, 1, 6, 5), (2, 1, 4, 3, 5)])
@pytest.mark.parametrize("pixelwise", [False, True])
def test_likelihood_is_that_of_torch_distributions(shape, pixelwise):
    pixels, mean = random(*shape).sigmoid(), random(*shape, seed=1).sigmoid()
    log_std = random(*shape, seed=2) if pixelwise else torch.tensor(-2.0)
    expected = Normal(mean, log_std.exp()).log_prob(pixels)
    found = losses.log_likelihood(pixels, mean, log_std)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)
    whole = Independent(Normal(mean, log_std.exp().expand(shape)), len(shape) - 1).log_prob(pixels)
    assert torch.allclose(found.flatten(1).sum(1), whole, rtol=1e-4)


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (2, 1, 4, 6, 8)])
def test_spectral_loss_without_its_weights_is_the_squared_error(shape):
    """One frequency only: it is the largest everywhere that counts, so its weight is 1."""
    axes = [torch.arange(side) / side for side in shape[2:]]
    wave = (2 * torch.pi * sum(torch.meshgrid(*axes, indexing="ij"))).cos().expand(shape)
    zero = torch.zeros(shape)
    assert torch.allclose(losses.spectral(wave, zero), (wave**2).mean(), rtol=1e-4)
    noise = random(*shape)
    assert losses.spectral(noise, zero) < (noise**2).mean()
    assert losses.spectral(noise, noise) == 0


def test_spectral_loss_pulls_the_worst_frequency_first():
    shape = (1, 1, 16, 16)
    x = torch.arange(16) / 16
    coarse, fine = ((2 * torch.pi * k * x).cos().expand(shape) for k in (1, 5))
    made = torch.zeros(shape, requires_grad=True)
    losses.spectral(made, 1.0 * coarse + 0.1 * fine).backward()
    pull = [-(made.grad * wave).sum() for wave in (coarse, fine)]
    assert pull[0] > 50 * pull[1], "of the squared error it would be ten times"


def test_warm_up_grows_from_a_tenth_to_one():
    betas = [warm_up(progress, 0.2) for progress in np.linspace(0, 1, 11)]
    assert betas[0] == pytest.approx(0.1)
    assert betas[1] == pytest.approx(0.55)
    assert betas[2:] == [1.0] * 9
    assert warm_up(0.0, 0.0) == 1.0
