"""The game of the two networks: one training step of each, at the present growth."""

# ruff: noqa: TID253 (imported by generator.py only)

from __future__ import annotations

import torch

from brainzoo.training import Step, diffaugment
from brainzoo_pggan import losses, networks
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.diversity import CollapseWatch
from brainzoo_pggan.growth import Growth, Schedule

Figures = dict[str, torch.Tensor]

SMALLEST_AUGMENTED = 16  # below, shifts of a whole pixel are too far


class Game:
    """What :func:`brainzoo.training.fit` needs of PGGAN: the losses of the two networks.

    Args:
        config: The options.
        generator: Makes images of the present stage.
        discriminator: Judges them.
        schedule: When which stage is trained.
        batch_size: The run's, for stages that have none of their own.
        device: The kind of device of the run, by which penalties are lazy.
        conditions: ``(row, width)``: what the labels of training images stand for, encoded.
    """

    def __init__(
        self,
        config: PGGANConfig,
        generator: networks.Generator,
        discriminator: networks.Discriminator,
        schedule: Schedule,
        batch_size: int,
        device: str,
        conditions: torch.Tensor,
    ) -> None:
        self.watch = CollapseWatch()
        self._config = config
        self._generator = generator
        self._discriminator = discriminator
        self._schedule = schedule
        self._batch_size = batch_size
        self._conditions = conditions
        often = device == "cpu" or config.loss == "wgan-gp"
        self._penalise_every = config.penalise_every or (4 if often else 16)
        self._reached: int | None = None

    def growth(self, progress: float) -> Growth:
        """Return stage and fade; a run that goes on with a larger budget does not shrink."""
        if self._reached is None:
            self._reached = self._generator.growth.level
        return Growth.at(max(self._reached, self._schedule(progress).level))

    def batch_size(self, progress: float) -> int:
        """Return how many images the next step has."""
        return self._config.batch_size(self.growth(progress).stage, self._batch_size)

    def discriminator_loss(
        self, pixels: torch.Tensor, labels: torch.Tensor, step: Step
    ) -> tuple[torch.Tensor, Figures]:
        """Return the discriminator's loss with its penalties, and what is logged."""
        kind, growth = self._config.loss, self.growth(step.progress)
        told = self._conditions.to(labels.device)[labels]
        self._generator.level.fill_(growth.level)
        with torch.no_grad():
            fake = self._augment(self._make(told, step, growth), step, growth)
            real = self._augment(networks.matching(pixels, growth), step, growth)
        of_real, of_fake = self._judge(torch.cat([real, fake]), told, growth).chunk(2)
        every = self._config.flip_every
        flipped = every and step.number % every == every - 1
        pair = (of_fake, of_real) if flipped else (of_real, of_fake)
        loss = losses.discriminator_loss(kind, *pair)
        figures = losses.balance(kind, of_real, of_fake)
        figures |= {
            "resolution": torch.tensor(float(growth.resolution)),
            "alpha": torch.tensor(growth.alpha),
            **self.watch.figures(step.number),
        }
        if kind == "wgan-gp":
            loss = loss + self._config.drift * of_real.square().mean()
        if step.number % self._penalise_every == 0:
            penalty = self._penalty(real, fake, told, step, growth)
            loss = loss + self._penalise_every * penalty
            figures["penalty"] = penalty
        return loss, figures

    def generator_loss(
        self, pixels: torch.Tensor, labels: torch.Tensor, step: Step
    ) -> tuple[torch.Tensor, Figures]:
        """Return the generator's loss, of images that the discriminator has not seen.

        Making new ones costs 8 % of a step; with those of the discriminator's step, and the
        generator first, samples were worse in three of three pairs (docs/results.md).
        """
        kind, growth = self._config.loss, self.growth(step.progress)
        told = self._conditions.to(labels.device)[labels]
        fake = self._augment(self._make(told, step, growth), step, growth)
        of_fake = self._discriminator(fake, told, growth)
        of_real = None
        if kind == "rpgan":
            with torch.no_grad():
                real = self._augment(networks.matching(pixels, growth), step, growth)
                of_real = self._discriminator(real, told, growth)
        return losses.generator_loss(kind, of_real, of_fake), {}

    def _judge(self, images: torch.Tensor, told: torch.Tensor, growth: Growth) -> torch.Tensor:
        """Return the logits of one batch, or of several that follow one another."""
        batches = len(images) // len(told)
        logits: torch.Tensor = self._discriminator(images, told.repeat(batches, 1), growth, batches)
        return logits

    def _penalty(
        self,
        real: torch.Tensor,
        fake: torch.Tensor,
        told: torch.Tensor,
        step: Step,
        growth: Growth,
    ) -> torch.Tensor:
        """Return the weighted gradient penalty, in float32: bf16 has too few digits for it."""

        def critic(images: torch.Tensor) -> torch.Tensor:
            return self._judge(images, told, growth)

        kind, weight = self._config.loss, self._config.penalty
        with torch.autocast(real.device.type, enabled=False):
            if kind == "wgan-gp":
                weight = 10.0 if weight is None else weight
                middle = losses.between(real, fake, step.uniform(len(real)))
                return weight * losses.gradient_penalty(critic, middle)
            if weight is None:
                weight = losses.GAMMA * real[0, 0].numel() / self.batch_size(step.progress)
            if kind == "r1":
                return weight / 2 * losses.gradient_size(critic, real)
            # The sum of R1 and R2 is twice the mean over real and fake images.
            return weight * losses.gradient_size(critic, torch.cat([real, fake]))

    def _make(self, told: torch.Tensor, step: Step, growth: Growth) -> torch.Tensor:
        count, length = len(told), self._config.latent
        if self._config.latent_distribution == "uniform":
            latent = step.uniform(count, length, low=-1, high=1)
        else:
            latent = step.normal(count, length)
        made: torch.Tensor = self._generator(latent, told, growth)
        return made

    def _augment(self, pixels: torch.Tensor, step: Step, growth: Growth) -> torch.Tensor:
        if growth.resolution < SMALLEST_AUGMENTED:
            return pixels
        return diffaugment(pixels, step, self._config.diffaugment)
