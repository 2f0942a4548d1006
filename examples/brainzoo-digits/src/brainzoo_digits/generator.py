"""A convolutional GAN (Goodfellow et al. 2014), small enough to read in a minute.

The discriminator learns to recognise real images, the generator to fool it.
Differences from the paper: the generator's loss is the non-saturating one that its section 3
recommends, layers are convolutions, Adam optimises, and samples come from averaged weights.
"""

import torch
from brainzoo.api import Images, Run
from brainzoo.training import Draw, Phase, Step, TorchGenerator
from torch import nn
from torch.nn.functional import softplus

from brainzoo_digits.config import DigitsGANConfig

Result = tuple[torch.Tensor, dict[str, torch.Tensor]]


class DigitsGAN(TorchGenerator):
    """Two small networks for tiny images whose sides are multiples of four."""

    name = "digits-gan"
    config: DigitsGANConfig

    def build(self, shape: tuple[int, ...]) -> nn.Sequential:
        """Return the generator: latent and condition to image in [-1, 1]."""
        wide, (channels, height, width) = self.config.base_channels, shape
        return nn.Sequential(
            nn.Linear(self.config.latent + self.known.width, wide * (height // 4) * (width // 4)),
            nn.Unflatten(1, (wide, height // 4, width // 4)),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(wide, wide // 2, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(wide // 2, channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def build_discriminator(self) -> nn.Sequential:
        """Return the discriminator: image and condition, as channels, to one number."""
        wide, (channels, height, width) = self.config.base_channels, self.shape
        return nn.Sequential(
            nn.Conv2d(channels + self.known.width, wide // 2, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Conv2d(wide // 2, wide, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(wide * (height // 4) * (width // 4), 1),
        )

    def phases(self, network: nn.Sequential, images: Images, run: Run) -> list[Phase]:
        """Return one update of the discriminator and one of the generator."""
        discriminator = self.build_discriminator()

        def write(conditions: torch.Tensor, step: Step) -> torch.Tensor:
            latent = step.normal(len(conditions), self.config.latent)
            written: torch.Tensor = network(torch.cat([latent, conditions], 1))
            return written

        def judge(pixels: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
            planes = conditions[:, :, None, None].expand(-1, -1, *pixels.shape[2:])
            logits: torch.Tensor = discriminator(torch.cat([pixels, planes], 1))
            return logits.float()

        def discriminator_loss(
            pixels: torch.Tensor, conditions: torch.Tensor, step: Step
        ) -> Result:
            with torch.no_grad():
                written = write(conditions, step)
            real, fake = judge(pixels, conditions), judge(written, conditions)
            seen = {"d_real": real.sigmoid().mean(), "d_fake": fake.sigmoid().mean()}
            return softplus(-real).mean() + softplus(fake).mean(), seen

        def generator_loss(pixels: torch.Tensor, conditions: torch.Tensor, step: Step) -> Result:
            return softplus(-judge(write(conditions, step), conditions)).mean(), {}

        return [
            Phase("discriminator", discriminator, self.adam(discriminator), discriminator_loss),
            Phase("generator", network, self.adam(network), generator_loss),
        ]

    def adam(self, network: nn.Module) -> torch.optim.Adam:
        """Return what optimises either network."""
        return torch.optim.Adam(network.parameters(), lr=self.config.lr, betas=(0.5, 0.999))

    def draw(self, network: nn.Sequential, draw: Draw) -> torch.Tensor:
        """Return images of normal latents."""
        latent = draw.normal(self.config.latent)
        images: torch.Tensor = network(torch.cat([latent, draw.conditions], 1))
        return images
