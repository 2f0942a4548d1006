"""DCGAN as a brainzoo generator: losses, training, sampling, checkpoints.

Radford et al. 2016 (arXiv 1511.06434); Kazuhiro et al. 2018 (Tomography 4:159). The losses are
those of Goodfellow et al. 2014 with the generator's non-saturating form. Differences from the
papers stand in :mod:`brainzoo_dcgan.networks` (architecture) and below (training):

- samples come from averaged weights (:mod:`brainzoo.training.ema`), as nearly all GANs since 2018;
- of the paper's 48,510 turned and mirrored sections of each image, the preset ``paper`` stores 40
  turned copies of five sections (``--data.rotations``) and mirrors while training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from brainzoo.api import (
    Generator,
    Images,
    NotFoundError,
    Run,
    Value,
    checkpoint,
    draw_classes,
    make_config,
)
from brainzoo.training import (
    Phase,
    Step,
    arrays_of,
    compute,
    diffaugment,
    fit,
    in_chunks,
    latents,
    load_arrays,
    seeded,
)
from brainzoo_dcgan import networks
from brainzoo_dcgan.config import DCGANConfig

Figures = dict[str, torch.Tensor]


class DCGAN(Generator):
    """Deep convolutional GAN for slices and volumes, with classes if the images have them."""

    config: DCGANConfig
    estimable = True

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__(config)
        self._network: nn.Module | None = None
        self._training: dict[str, Any] = {}
        self._device = "auto"

    def fit(self, images: Images, run: Run) -> None:
        """Train on all of ``images``; see :func:`brainzoo.training.fit`."""
        self.config.check_spatial(images.spatial)
        self._device = run.train.device
        self._training = checkpoint.describe_training(images)
        with seeded(run.train.seed):
            generator = self._build()
            discriminator = networks.Discriminator(
                images.spatial, images.channels, self.config.maps, len(images.classes)
            )

        def judge(pixels: torch.Tensor, classes: torch.Tensor, step: Step) -> torch.Tensor:
            seen = diffaugment(pixels, step, self.config.diffaugment)
            logits: torch.Tensor = discriminator(seen, classes)
            return logits.float()

        def make(classes: torch.Tensor, step: Step) -> torch.Tensor:
            latent = step.uniform(len(classes), self.config.latent, low=-1, high=1)
            made: torch.Tensor = generator(latent, classes)
            return made

        def discriminator_loss(
            pixels: torch.Tensor, classes: torch.Tensor, step: Step
        ) -> tuple[torch.Tensor, Figures]:
            with torch.no_grad():
                fake = make(classes, step)
            real_logits = judge(pixels, classes, step)
            fake_logits = judge(fake, classes, step)
            target = torch.full_like(real_logits, self.config.real_label)
            loss = binary_cross_entropy_with_logits(real_logits, target)
            loss = loss + softplus(fake_logits).mean()
            probabilities = {
                "d_real": real_logits.sigmoid().mean(),
                "d_fake": fake_logits.sigmoid().mean(),
            }
            return loss, probabilities

        def generator_loss(
            pixels: torch.Tensor, classes: torch.Tensor, step: Step
        ) -> tuple[torch.Tensor, Figures]:
            return softplus(-judge(make(classes, step), classes, step)).mean(), {}

        lr_discriminator = self.config.lr_discriminator
        if lr_discriminator is None:
            lr_discriminator = self.config.lr
        phases = [
            Phase(
                "discriminator",
                discriminator,
                self._adam(discriminator, lr_discriminator),
                discriminator_loss,
            ),
            Phase("generator", generator, self._adam(generator, self.config.lr), generator_loss),
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
        """Yield new images; see :meth:`brainzoo.Generator.sample`."""
        if self._network is None:
            raise NotFoundError("this dcgan is not trained yet.", "Call fit or load first.")
        network = self._network
        compute(self._device).place(network)

        def chunk(at: int, count: int) -> NDArray[np.float32]:
            return self._images(network, seed, at, count, condition)

        return in_chunks(chunk, n, batch_size, start=start)

    def conditions(
        self, n: int, *, seed: int, start: int = 0, condition: Mapping[str, Value] | None = None
    ) -> list[dict[str, Value]]:
        """Return the class of each sample; see :meth:`brainzoo.Generator.conditions`."""
        names = list(self._training["images"]["classes"])
        drawn = self._classes(seed, start, n, condition)
        return [{"class": names[i]} if names else {} for i in drawn]

    def save(self, folder: Path) -> None:
        """Write a checkpoint folder; see :func:`brainzoo.checkpoint.write`."""
        if self._network is None:
            raise NotFoundError("this dcgan is not trained yet.", "Call fit before save.")
        checkpoint.write(
            folder,
            self,
            plugin="dcgan",
            weights=arrays_of(self._network),
            training=self._training,
        )

    @classmethod
    def load(cls, folder: Path) -> DCGAN:
        """Read a checkpoint folder, strictly."""
        stored = checkpoint.expect_plugin(folder, "dcgan")
        loaded = cls(make_config(DCGANConfig, stored["hyperparameters"], "hyperparameter of dcgan"))
        keys = ("images", "preprocessing", "trained_on")
        loaded._training = {key: stored[key] for key in keys}
        with torch.device("meta"):
            network = loaded._build()
        load_arrays(network, checkpoint.read_weights(folder))
        loaded._network = network.eval().requires_grad_(False)
        return loaded

    def _build(self) -> networks.Generator:
        shape = self._training["images"]
        return networks.Generator(
            tuple(shape["spatial"]),
            shape["channels"],
            self.config.latent,
            self.config.maps,
            len(shape["classes"]),
        )

    def _adam(self, network: nn.Module, lr: float) -> torch.optim.Adam:
        return torch.optim.Adam(
            network.parameters(), lr=lr, betas=(self.config.beta1, 0.999), fused=True
        )

    def _grid(self, network: nn.Module) -> NDArray[np.float32]:
        made = [self._images(network, 0, start, 8, None) for start in range(0, 64, 8)]
        return np.concatenate(made)

    def _classes(
        self, seed: int, start: int, count: int, condition: Mapping[str, Value] | None
    ) -> NDArray[np.int64]:
        shape = self._training["images"]
        return draw_classes(shape["classes"], shape["class_shares"], seed, start, count, condition)

    @torch.inference_mode()
    def _images(
        self,
        network: nn.Module,
        seed: int,
        start: int,
        count: int,
        condition: Mapping[str, Value] | None,
    ) -> NDArray[np.float32]:
        latent = torch.from_numpy(latents(seed, start, count, self.config.latent))
        classes = torch.from_numpy(self._classes(seed, start, count, condition))
        device = next(network.parameters()).device
        # In float32: bf16 would leave 8 bits of grey and tie the samples to one kind of hardware.
        pixels = network(latent.to(device), classes.to(device)) * 0.5 + 0.5
        result: NDArray[np.float32] = pixels.cpu().contiguous().numpy()
        return result
