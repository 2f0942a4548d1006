"""How the two networks are trained: losses, growth, and a watch for collapse.

- ``wgan-gp``: Gulrajani et al. 2017, equation 3, with the drift term of Karras et al. 2018,
  appendix A.1;
- ``r1``: the non-saturating loss of Goodfellow et al. 2014 with the penalty R1 of Mescheder et al.
  2018, section 4.1;
- ``rpgan``: the relativistic pairing loss with R1 and R2 of Huang et al. 2024, section 2.
"""

# ruff: noqa: TID253 (imported by generator.py only)

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import softplus

from brainzoo.api import console
from brainzoo.training import Step, diffaugment
from brainzoo_pggan import networks
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.networks import TICKS, Growth
from brainzoo_pggan.vision_aided import Heads, SqueezeNet

Values = dict[str, torch.Tensor]
Critic = Callable[[torch.Tensor], torch.Tensor]
"""From images ``(batch, channel, *spatial)`` to logits ``(batch,)``, or ``(layer, batch)``."""

GAMMA = 4e-3
"""γ for a pixel and a batch of one: 20 times what Karras et al. 2020, "Training Generative
Adversarial Networks with Limited Data", scale in the same way; better on 81 subjects
(docs/history.md)."""

SMALLEST_AUGMENTED = 16  # below, shifts of a whole pixel are too far
SMALLEST_WATCHED = 16  # below, images of heads are all alike
TOO_ALIKE = 0.5  # share of the real images' variety that is warned of
PATIENCE = 2  # sample grids in a row


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When which stage is trained.

    Karras et al. 2018, section 2 and appendix A.1, count in images (800,000 a stage); here a budget
    of any size ends at the full resolution. Its first part, a fraction ``grow``, has one period for
    each stage from the ``first`` on but the ``last``: training of that stage, then, in a fraction
    ``fade`` of it, fading in of the next. The last stage has the rest.
    """

    last: int
    grow: float
    fade: float
    first: int = 0

    def __call__(self, progress: float) -> Growth:
        """Return the growth when this fraction of the budget is spent."""
        first = min(self.first, self.last)
        if progress >= self.grow or first == self.last:
            return Growth(self.last)
        passed, within = divmod(progress / self.grow * (self.last - first), 1)
        stage = int(first + passed)
        fading = within - (1 - self.fade)
        if fading <= 0:
            return Growth(stage)
        return Growth(stage + 1, min(TICKS, math.ceil(fading / self.fade * TICKS)) / TICKS)


class Game:
    """What :func:`brainzoo.training.fit` needs of PGGAN: the losses of the two networks."""

    def __init__(
        self,
        config: PGGANConfig,
        generator: networks.Generator,
        discriminator: networks.Discriminator,
        batch_size: int,
        device: str,
        aid: tuple[SqueezeNet, Heads] | None = None,
    ) -> None:
        self.watch = CollapseWatch()
        self._config = config
        self._generator = generator
        self._discriminator = discriminator
        self._aid = aid
        last, first = len(generator.blocks) - 1, networks.last_stage(config.grow_from)
        self._schedule = Schedule(last, config.grow, config.fade, first)
        self._batch_size = batch_size
        often = device == "cpu" or config.loss == "wgan-gp"
        self._r1_interval = config.r1_interval or (4 if often else 16)
        self._reached: int | None = None  # of a run that goes on, known at its first step

    def growth(self, progress: float) -> Growth:
        """Return stage and fade; a run that goes on with a larger budget does not shrink."""
        if self._reached is None:
            self._reached = self._generator.growth.level
        return Growth.at(max(self._reached, self._schedule(progress).level))

    def batch_size(self, progress: float) -> int:
        """Return how many images the next step has."""
        return self._config.batch_size(self.growth(progress).stage, self._batch_size)

    def discriminator_loss(
        self, pixels: torch.Tensor, conditions: torch.Tensor, step: Step
    ) -> tuple[torch.Tensor, Values]:
        """Return the discriminator's loss with its penalties, and what is logged."""
        kind, growth = self._config.loss, self.growth(step.progress)
        self._generator.level.fill_(growth.level)
        with torch.no_grad():
            fake = self._augment(self._make(conditions, step, growth), step, growth)
            real = self._augment(networks.matching(pixels, growth), step, growth)
        of_real, of_fake = self._judge(torch.cat([real, fake]), conditions, growth).chunk(2)
        every = self._config.flip_every
        flipped = every and step.number % every == every - 1
        pair = (of_fake, of_real) if flipped else (of_real, of_fake)
        loss = discriminator_loss(kind, *pair)
        values = balance(kind, of_real, of_fake)
        values["resolution"] = torch.tensor(float(growth.resolution))
        values["alpha"] = torch.tensor(growth.alpha)
        values |= self.watch.values
        if kind == "wgan-gp":
            loss = loss + self._config.drift * of_real.square().mean()
        if step.number % self._r1_interval == 0:
            values["penalty"] = self._penalty(real, fake, conditions, step, growth)
            loss = loss + self._r1_interval * values["penalty"]
        if self._aid is not None:
            frozen, heads = self._aid
            aided = heads(frozen(torch.cat([real, fake])), conditions.repeat(2, 1), batches=2)
            of_real, of_fake = aided.chunk(2, dim=1)
            loss = loss + discriminator_loss(kind, of_real, of_fake)
            values["aided_drift"] = (of_real - of_fake).mean()
        return loss, values

    def generator_loss(
        self, pixels: torch.Tensor, conditions: torch.Tensor, step: Step
    ) -> tuple[torch.Tensor, Values]:
        """Return the generator's loss, of images that the discriminator has not seen.

        Making new ones costs 8 % of a step; with those of the discriminator's step, and the
        generator first, samples were worse in three of three pairs (docs/history.md).
        """
        kind, growth = self._config.loss, self.growth(step.progress)
        fake = self._augment(self._make(conditions, step, growth), step, growth)
        real = of_real = None
        if kind == "rpgan":  # the only loss of the generator that compares
            real = self._augment(networks.matching(pixels, growth), step, growth)
            with torch.no_grad():
                of_real = self._judge(real, conditions, growth)
        loss = generator_loss(kind, of_real, self._judge(fake, conditions, growth))
        if self._aid is None:
            return loss, {}
        frozen, heads = self._aid
        if real is not None:
            with torch.no_grad():
                of_real = heads(frozen(real), conditions)
        return loss + generator_loss(kind, of_real, heads(frozen(fake), conditions)), {}

    def _judge(
        self, images: torch.Tensor, conditions: torch.Tensor, growth: Growth
    ) -> torch.Tensor:
        """Return the logits of one batch, or of several that follow one another."""
        batches = len(images) // len(conditions)
        conditions = conditions.repeat(batches, 1)
        logits: torch.Tensor = self._discriminator(images, conditions, growth, batches)
        return logits

    def _penalty(
        self,
        real: torch.Tensor,
        fake: torch.Tensor,
        conditions: torch.Tensor,
        step: Step,
        growth: Growth,
    ) -> torch.Tensor:
        """Return the weighted gradient penalty, in float32: bf16 has too few digits for it."""

        def critic(images: torch.Tensor) -> torch.Tensor:
            return self._judge(images, conditions, growth)

        kind, weight = self._config.loss, self._config.penalty
        with torch.autocast(real.device.type, enabled=False):
            if kind == "wgan-gp":
                share = step.uniform(len(real)).view(-1, *[1] * (real.ndim - 1))
                between = real + share * (fake - real)
                return (10.0 if weight is None else weight) * gradient_penalty(critic, between)
            if weight is None:
                weight = GAMMA * real[0, 0].numel() / self.batch_size(step.progress)
            if kind == "r1":
                return weight / 2 * gradient_size(critic, real)
            # The sum of R1 and R2 is twice the mean over real and fake images.
            return weight * gradient_size(critic, torch.cat([real, fake]))

    def _make(self, conditions: torch.Tensor, step: Step, growth: Growth) -> torch.Tensor:
        count, length = len(conditions), self._config.latent
        if self._config.latent_distribution == "uniform":
            latent = step.uniform(count, length, low=-1, high=1)
        else:
            latent = step.normal(count, length)
        made: torch.Tensor = self._generator(latent, conditions, growth)
        return made

    def _augment(self, pixels: torch.Tensor, step: Step, growth: Growth) -> torch.Tensor:
        if growth.resolution < SMALLEST_AUGMENTED:
            return pixels
        return diffaugment(pixels, step, self._config.diffaugment)


def discriminator_loss(kind: str, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Return the discriminator's loss without penalties, of its logits."""
    if kind == "wgan-gp":
        return fake.mean() - real.mean()
    if kind == "rpgan":
        return softplus(fake - real).mean()
    return softplus(-real).mean() + softplus(fake).mean()


def generator_loss(kind: str, real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
    """Return the generator's loss, of logits ``(batch,)``; only ``rpgan`` needs those of reals."""
    if kind == "wgan-gp":
        return -fake.mean()
    if kind == "rpgan" and real is not None:
        return softplus(real - fake).mean()
    return softplus(-fake).mean()


def gradient_penalty(critic: Critic, images: torch.Tensor) -> torch.Tensor:
    """Return the mean squared distance of the gradient's norm from one (WGAN-GP)."""
    norms = (_gradient(critic, images).square().flatten(1).sum(1) + 1e-12).sqrt()
    return (norms - 1).square().mean()


def gradient_size(critic: Critic, images: torch.Tensor) -> torch.Tensor:
    """Return the mean squared norm of the gradient at the images (R1 at reals, R2 at fakes)."""
    return _gradient(critic, images).square().flatten(1).sum(1).mean()


def balance(kind: str, real: torch.Tensor, fake: torch.Tensor) -> Values:
    """Return values that show how the game stands, of logits ``(batch,)``.

    ``drift``: mean logit of reals minus that of fakes; ``certain``: whether every real one of the
    batch lies above every fake one (its mean is the share of such steps); ``d_real`` and
    ``d_fake``: mean probability of being real, where the logits stand for one (for ``rpgan``, of
    being more real than the mean of the other kind).
    """
    values = {"drift": real.mean() - fake.mean(), "certain": (real.min() > fake.max()).float()}
    if kind == "r1":
        values |= {"d_real": real.sigmoid().mean(), "d_fake": fake.sigmoid().mean()}
    if kind == "rpgan":
        values["d_real"] = (real - fake.mean()).sigmoid().mean()
        values["d_fake"] = (fake - real.mean()).sigmoid().mean()
    return values


class CollapseWatch:
    """Compares how alike samples are with how alike real images are, and warns once.

    Its ``values`` are ``likeness`` and ``likeness_real``: mean correlation of the pixels of two
    samples, and of two real images, at the latest sample grid.
    """

    def __init__(self) -> None:
        self.values: Values = {}
        self._in_a_row = 0

    def look(self, samples: NDArray[np.float32], real: NDArray[np.float32]) -> None:
        """Take samples and real images of different people, ``(image, channel, *spatial)``."""
        if real.shape[2] < SMALLEST_WATCHED or len(real) < 2:
            return
        of_samples, of_real = likeness(samples), likeness(real)
        self.values = {
            "likeness": torch.tensor(of_samples),
            "likeness_real": torch.tensor(of_real),
        }
        alike = 1 - of_samples < TOO_ALIKE * (1 - of_real)
        self._in_a_row = self._in_a_row + 1 if alike else 0
        if self._in_a_row == PATIENCE:
            console.warn(
                f"samples have become alike (collapse): two of them correlate by {of_samples:.2f}, "
                f"two real images by {of_real:.2f}. Add augmentation (--diffaugment "
                "translation,brightness), raise --penalty, or lower the learning rates."
            )


def likeness(images: NDArray[np.float32]) -> float:
    """Return the mean correlation of the pixels of two images of a set."""
    rows = images.reshape(len(images), -1)
    # Constant images are like no other.
    with np.errstate(invalid="ignore"):
        correlations = np.asarray(np.nan_to_num(np.corrcoef(rows)))
    return float(correlations[~np.eye(len(images), dtype=bool)].mean())


def _gradient(critic: Critic, images: torch.Tensor) -> torch.Tensor:
    images = images.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    return gradient
