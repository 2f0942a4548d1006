"""A convolutional GAN (Goodfellow et al. 2014), small enough to read in a minute.

The discriminator learns to tell real images from the generator's, the generator to fool it.
Differences from the paper: the generator's loss is the non-saturating one that its section 3
recommends, layers are convolutions, Adam optimises, and samples come from averaged weights.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from brainzoo.api import (
    Generator,
    Images,
    NotFoundError,
    OptionError,
    Run,
    Value,
    checkpoint,
    draw_classes,
    make_config,
)
from brainzoo.training import Phase, Step, arrays_of, fit, in_chunks, latents, load_arrays
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import softplus

from brainzoo_digits.config import DigitsGANConfig

NAME = "digits-gan"
Loss = tuple[torch.Tensor, dict[str, torch.Tensor]]


class DigitsGAN(Generator):
    """Two small networks for tiny images whose sides are multiples of four."""

    config: DigitsGANConfig

    def __init__(self, config: DigitsGANConfig) -> None:
        super().__init__(config)
        self._network: nn.Module | None = None
        self._training: dict[str, Any] = {}

    def fit(self, images: Images, run: Run) -> None:
        """Train; brainzoo's loop feeds the images, averages, saves and resumes."""
        if images.dims != 2 or any(side % 4 for side in images.spatial):
            shape = " × ".join(map(str, images.spatial))
            raise OptionError(
                f"{NAME} makes 2-D images whose sides are multiples of 4, found {shape}.",
                "Try --size 16.",
            )
        torch.manual_seed(run.train.seed)
        self._training = checkpoint.describe_training(images)
        generator, discriminator = self._build(), self._build_discriminator()

        def write(count: int, step: Step) -> torch.Tensor:
            written: torch.Tensor = generator(step.normal(count, self.config.latent))
            return written

        def judge(pixels: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = discriminator(pixels)
            return logits.float()

        def discriminator_loss(pixels: torch.Tensor, classes: torch.Tensor, step: Step) -> Loss:
            with torch.no_grad():
                written = write(len(pixels), step)
            real, fake = judge(pixels), judge(written)
            seen = {"d_real": real.sigmoid().mean(), "d_fake": fake.sigmoid().mean()}
            return softplus(-real).mean() + softplus(fake).mean(), seen

        def generator_loss(pixels: torch.Tensor, classes: torch.Tensor, step: Step) -> Loss:
            return softplus(-judge(write(len(pixels), step))).mean(), {}

        phases = [
            Phase("discriminator", discriminator, self._adam(discriminator), discriminator_loss),
            Phase("generator", generator, self._adam(generator), generator_loss),
        ]
        self._network = fit(phases, images, run, averaged=generator, sample=self._grid)

    def sample(
        self,
        n: int,
        *,
        seed: int,
        start: int = 0,
        condition: Mapping[str, Value] | None = None,
        batch_size: int = 64,
    ) -> Iterator[NDArray[np.float32]]:
        """Yield new images; a sample depends on the seed and its index only."""
        if self._network is None:
            raise NotFoundError(f"this {NAME} is not trained yet.", "Call fit or load first.")
        draw_classes((), (), seed, 0, 0, condition)  # no classes: any condition is refused
        network = self._network

        def chunk(at: int, count: int) -> NDArray[np.float32]:
            return self._images(network, seed, at, count)

        return in_chunks(chunk, n, batch_size, start=start)

    def save(self, folder: Path) -> None:
        """Write a checkpoint folder."""
        if self._network is None:
            raise NotFoundError(f"this {NAME} is not trained yet.", "Call fit before save.")
        weights = arrays_of(self._network)
        checkpoint.write(folder, self, plugin=NAME, weights=weights, training=self._training)

    @classmethod
    def load(cls, folder: Path) -> "DigitsGAN":
        """Read a checkpoint folder; anything that does not fit exactly is refused."""
        stored = checkpoint.expect_plugin(folder, NAME)
        loaded = cls(make_config(DigitsGANConfig, stored["hyperparameters"], f"option of {NAME}"))
        loaded._training = {k: stored[k] for k in ("images", "preprocessing", "trained_on")}
        with torch.device("meta"):
            network = loaded._build()
        load_arrays(network, checkpoint.read_weights(folder))
        loaded._network = network.eval().requires_grad_(False)
        return loaded

    def _build(self) -> nn.Sequential:
        """Latent to image in [-1, 1]."""
        maps, (channels, height, width) = self.config.maps, self._shape
        return nn.Sequential(
            nn.Linear(self.config.latent, maps * (height // 4) * (width // 4)),
            nn.Unflatten(1, (maps, height // 4, width // 4)),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(maps, maps // 2, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(maps // 2, channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def _build_discriminator(self) -> nn.Sequential:
        """Image in [-1, 1] to one number: how real it looks."""
        maps, (channels, height, width) = self.config.maps, self._shape
        return nn.Sequential(
            nn.Conv2d(channels, maps // 2, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Conv2d(maps // 2, maps, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(maps * (height // 4) * (width // 4), 1),
        )

    @property
    def _shape(self) -> tuple[int, int, int]:
        channels, (height, width) = (self._training["images"][k] for k in ("channels", "spatial"))
        return channels, height, width

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        return torch.optim.Adam(network.parameters(), lr=self.config.lr, betas=(0.5, 0.999))

    def _grid(self, network: nn.Module) -> NDArray[np.float32]:
        return np.concatenate([self._images(network, 0, start, 8) for start in range(0, 64, 8)])

    @torch.inference_mode()
    def _images(self, network: nn.Module, seed: int, start: int, n: int) -> NDArray[np.float32]:
        latent = torch.from_numpy(latents(seed, start, n, self.config.latent, "normal"))
        pixels = network(latent.to(next(network.parameters()).device))
        made: NDArray[np.float32] = (pixels * 0.5 + 0.5).float().cpu().numpy()
        return made
