"""Losses and penalties in float64 against what they are by definition."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from brainzoo_pggan import networks
from brainzoo_pggan import training as losses
from brainzoo_pggan.networks import Growth


@pytest.fixture
def critic():
    torch.manual_seed(0)
    network = networks.Discriminator(2, 1, networks.widths_of(8, 8, 8), 3, 0, False).double()
    torch.nn.init.normal_(network.embed.weight)  # so that the projection has its part in gradients
    encoded = torch.tensor([[0.0, 1.0, 0.7]], dtype=torch.float64)
    return lambda images: network(images, encoded.expand(len(images), -1), Growth(1)).double()


def numeric_gradients(critic, images, step=1e-5):
    """Return the norm of each image's gradient by central differences."""
    norms = []
    for image in images:
        total = 0.0
        for place in range(image.numel()):
            nudge = torch.zeros(image.numel(), dtype=torch.float64)
            nudge[place] = step
            nudge = nudge.view_as(image)
            with torch.no_grad():
                difference = critic((image + nudge)[None]) - critic((image - nudge)[None])
            total += float(difference / (2 * step)) ** 2
        norms.append(math.sqrt(total))
    return norms


class Quadratic:
    """A critic with a known gradient: a·x² + b·x at every pixel."""

    def __call__(self, images):
        return (0.3 * images**2 - 0.2 * images).flatten(1).sum(1)

    def norms(self, images):
        return (0.6 * images - 0.2).square().flatten(1).sum(1).sqrt()


def test_gradient_penalty_of_a_known_gradient():
    images = torch.randn(5, 1, 4, 4, dtype=torch.float64)
    critic = Quadratic()
    norms = critic.norms(images)
    penalty = losses.gradient_penalty(critic, images)
    assert penalty.item() == pytest.approx(float(((norms - 1) ** 2).mean()), rel=1e-9)
    size = losses.gradient_size(critic, images)
    assert size.item() == pytest.approx(float((norms**2).mean()), rel=1e-9)


def test_gradient_penalty_of_the_discriminator(critic, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "float", lambda self: self)  # keep float64 throughout
    images = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    norms = numeric_gradients(critic, images)
    wanted = sum((n - 1) ** 2 for n in norms) / 3
    assert losses.gradient_penalty(critic, images).item() == pytest.approx(wanted, rel=1e-4)
    wanted = sum(n**2 for n in norms) / 3
    assert losses.gradient_size(critic, images).item() == pytest.approx(wanted, rel=1e-4)


def test_penalties_train_the_discriminator():
    torch.manual_seed(0)
    network = networks.Discriminator(3, 1, networks.widths_of(8, 8, 8), 0, 0, True)
    none = torch.zeros(4, 0)
    images = torch.randn(4, 1, 8, 8, 8)
    losses.gradient_penalty(lambda x: network(x, none, Growth(1, 0.5)), images).backward()
    assert float(network.convolve.weight.grad.abs().max()) > 0


def test_losses_by_definition():
    real, fake = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([0.3, -2.0, 1.0])
    ones, zeros = torch.ones(3), torch.zeros(3)
    cross_entropy = binary_cross_entropy_with_logits
    r1 = cross_entropy(real, ones) + cross_entropy(fake, zeros)
    assert torch.allclose(losses.discriminator_loss("r1", real, fake), r1)
    assert torch.allclose(losses.generator_loss("r1", None, fake), cross_entropy(fake, ones))
    wasserstein = losses.discriminator_loss("wgan-gp", real, fake)
    assert float(wasserstein) == pytest.approx(-0.7 / 3 - 1.5 / 3, abs=1e-6)
    assert float(losses.generator_loss("wgan-gp", None, fake)) == pytest.approx(0.7 / 3)
    pairs = cross_entropy(real - fake, ones)
    assert torch.allclose(losses.discriminator_loss("rpgan", real, fake), pairs)
    pairs = cross_entropy(fake - real, ones)
    assert torch.allclose(losses.generator_loss("rpgan", real, fake), pairs)


@pytest.mark.parametrize("kind", ["r1", "rpgan", "wgan-gp"])
def test_balance(kind):
    sure = losses.balance(kind, torch.tensor([5.0, 6.0]), torch.tensor([-5.0, 4.0]))
    assert sure["certain"] == 1
    assert float(sure["drift"]) == pytest.approx(6)
    unsure = losses.balance(kind, torch.tensor([5.0, 0.0]), torch.tensor([-5.0, 4.0]))
    assert unsure["certain"] == 0
    assert ("d_real" in sure) == (kind != "wgan-gp"), "a critic's score is not a probability"
    if kind != "wgan-gp":
        assert 0 <= sure["d_fake"] < sure["d_real"] <= 1
