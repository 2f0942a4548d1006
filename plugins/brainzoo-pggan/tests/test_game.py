"""One step of the game: which terms the losses have, in which steps, with which weights."""

import pytest
import torch
from torch.nn.functional import softplus

from brainzoo.training import Step
from brainzoo_pggan import networks
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.networks import Growth
from brainzoo_pggan.training import Game

SIZE, BATCH = 16, 4
FULL = Growth(2)
NOTHING = torch.zeros(BATCH, 0)


class Table:
    """A game, its networks, and a batch: what a step gets."""

    def __init__(self, device="cpu", **options):
        torch.manual_seed(0)
        widths = networks.widths_of(SIZE, 8, 8)
        config = PGGANConfig(latent=8, grow=0.0, **options)
        self.generator = networks.Generator(2, 1, 8, widths, 0, 0)
        self.discriminator = networks.Discriminator(2, 1, widths, 0, 0, True)
        self.game = Game(config, self.generator, self.discriminator, BATCH, device)
        self.real = torch.rand(BATCH, 1, SIZE, SIZE) * 2 - 1

    def step(self, number):
        return Step(0, 0, torch.device("cpu"), number=number, progress=0.5)

    def discriminator_loss(self, number):
        """Return the loss and what is logged, as numbers."""
        loss, values = self.game.discriminator_loss(self.real, NOTHING, self.step(number))
        return loss.item(), {name: value.item() for name, value in values.items()}

    def fake(self):
        """Return what the generator makes in the discriminator's step."""
        with torch.no_grad():
            return self.generator(self.step(0).normal(BATCH, 8), NOTHING, FULL)

    def logits(self, images):
        return self.discriminator(images, NOTHING, FULL)

    def judged(self):
        """Return the logits of the batch and of what is made in its step."""
        with torch.no_grad():
            return self.logits(self.real), self.logits(self.fake())

    def gradient_squared(self, images):
        """Return the mean over images of the squared gradient of each one's logit."""
        images = images.clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(self.logits(images).sum(), images)
        return float(gradient.pow(2).sum((1, 2, 3)).mean())


def test_r1_weighs_the_gradient_at_reals_by_half_gamma_and_makes_up_for_steps_without_it():
    table = Table(loss="r1", r1_interval=3, penalty=7.0)
    without, values = table.discriminator_loss(1)
    real, fake = table.judged()
    assert without == pytest.approx(float((softplus(-real) + softplus(fake)).mean()), 1e-5)
    assert "penalty" not in values
    with_it, values = table.discriminator_loss(3)
    penalty = 7 / 2 * table.gradient_squared(table.real)
    assert values["penalty"] == pytest.approx(penalty, 1e-4)
    assert with_it - without == pytest.approx(3 * penalty, 1e-4)


def test_rpgan_pairs_logits_and_penalises_gradients_at_reals_and_fakes():
    table = Table(loss="rpgan", r1_interval=8)
    without, _ = table.discriminator_loss(1)
    real, fake = table.judged()
    assert without == pytest.approx(float(softplus(fake - real).mean()), 1e-5)
    _, values = table.discriminator_loss(16)
    both = table.gradient_squared(table.real) + table.gradient_squared(table.fake())
    gamma = 0.004 * SIZE * SIZE / BATCH
    assert values["penalty"] == pytest.approx(gamma / 2 * both, 1e-4)


def test_wgan_gp_has_drift_and_ten_times_the_distance_of_gradients_from_one():
    table = Table(loss="wgan-gp", r1_interval=2, drift=0.5)
    without, _ = table.discriminator_loss(1)
    real, fake = table.judged()
    drift = 0.5 * real.square().mean()
    assert without == pytest.approx(float(fake.mean() - real.mean() + drift), 1e-4, 1e-6)
    _, values = table.discriminator_loss(2)
    randomness = table.step(2)
    made = table.generator(randomness.normal(BATCH, 8), NOTHING, FULL).detach()
    share = randomness.uniform(BATCH).view(-1, 1, 1, 1)
    between = (table.real + share * (made - table.real)).requires_grad_(True)
    (gradient,) = torch.autograd.grad(table.logits(between).sum(), between)
    distance = (gradient.pow(2).sum((1, 2, 3)).sqrt() - 1).pow(2).mean()
    assert values["penalty"] == pytest.approx(10 * float(distance), 1e-4)


@pytest.mark.parametrize(
    ("loss", "device", "every"),
    [("r1", "cpu", 4), ("r1", "cuda", 16), ("rpgan", "cuda", 16), ("wgan-gp", "cuda", 4)],
)
def test_penalties_are_lazy_by_the_device_of_the_run(loss, device, every):
    table = Table(loss=loss, device=device)
    steps = [n for n in range(33) if "penalty" in table.discriminator_loss(n)[1]]
    assert steps == list(range(0, 33, every))


def test_real_and_fake_change_places_once_in_three_steps():
    table = Table(loss="wgan-gp", r1_interval=100, drift=0.0, flip_every=3)
    plain = table.discriminator_loss(1)[0]
    losses = [table.discriminator_loss(n)[0] / plain for n in range(1, 10)]
    assert losses == pytest.approx([1, -1, 1, 1, -1, 1, 1, -1, 1])
