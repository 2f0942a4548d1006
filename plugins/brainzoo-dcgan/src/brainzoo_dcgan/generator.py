"""DCGAN as a brainzoo generator: how it learns, and how latents become images.

Radford et al. 2016 (arXiv 1511.06434); Kazuhiro et al. 2018 (Tomography 4:159). The losses are
those of Goodfellow et al. 2014 with the generator's non-saturating form. Differences from the
papers are in :mod:`brainzoo_dcgan.networks` (architecture) and below (training):

- samples come from averaged weights (:mod:`brainzoo.training.ema`), as nearly all GANs since 2018;
- of the paper's 48,510 turned and mirrored sections of each image, the preset ``paper`` stores 40
  turned copies of five sections (``--data.rotations``) and mirrors while training.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from brainzoo.api import Images, Run
from brainzoo.training import Draw, Phase, Step, TorchGenerator, diffaugment
from brainzoo_dcgan import networks
from brainzoo_dcgan.config import DCGANConfig

Result = tuple[torch.Tensor, dict[str, torch.Tensor]]


class DCGAN(TorchGenerator):
    """Deep convolutional GAN for slices and volumes, knowing class, age, sex or none."""

    name = "dcgan"
    pixels_at_once = 2**18
    config: DCGANConfig

    def build(self, shape: tuple[int, ...]) -> networks.Generator:
        """Return the generator."""
        config = self.config
        return networks.Generator(shape, config.latent, config.base_channels, self.known.width)

    def phases(self, network: networks.Generator, images: Images, run: Run) -> list[Phase]:
        """Return one update of the discriminator and one of the generator."""
        config = self.config
        discriminator = networks.Discriminator(self.shape, config.base_channels, self.known.width)

        def judge(pixels: torch.Tensor, conditions: torch.Tensor, step: Step) -> torch.Tensor:
            seen = diffaugment(pixels, step, config.diffaugment)
            logits: torch.Tensor = discriminator(seen, conditions)
            return logits.float()

        def make(conditions: torch.Tensor, step: Step) -> torch.Tensor:
            latent = step.uniform(len(conditions), config.latent, low=-1, high=1)
            made: torch.Tensor = network(latent, conditions)
            return made

        def discriminator_loss(
            pixels: torch.Tensor, conditions: torch.Tensor, step: Step
        ) -> Result:
            with torch.no_grad():
                fake = make(conditions, step)
            real_logits = judge(pixels, conditions, step)
            fake_logits = judge(fake, conditions, step)
            target = torch.full_like(real_logits, config.real_label)
            loss = binary_cross_entropy_with_logits(real_logits, target)
            return loss + softplus(fake_logits).mean(), {
                "d_real": real_logits.sigmoid().mean(),
                "d_fake": fake_logits.sigmoid().mean(),
            }

        def generator_loss(pixels: torch.Tensor, conditions: torch.Tensor, step: Step) -> Result:
            return softplus(-judge(make(conditions, step), conditions, step)).mean(), {}

        def adam(network: nn.Module, lr: float) -> torch.optim.Adam:
            betas = (config.beta1, 0.999)
            return torch.optim.Adam(network.parameters(), lr=lr, betas=betas, fused=True)

        slower = config.lr if config.lr_discriminator is None else config.lr_discriminator
        return [
            Phase("discriminator", discriminator, adam(discriminator, slower), discriminator_loss),
            Phase("generator", network, adam(network, config.lr), generator_loss),
        ]

    def draw(self, network: networks.Generator, draw: Draw) -> torch.Tensor:
        """Return images of uniform latents."""
        images: torch.Tensor = network(draw.uniform(self.config.latent), draw.conditions)
        return images
