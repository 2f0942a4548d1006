"""PGGAN as a brainzoo generator: training, sampling, checkpoints.

Karras et al. 2018 (arXiv 1710.10196), as Alam et al. used it for neonatal brains ("Synthetic Brain
Image Generation for ADHD prediction based on Progressive Growing Generative Adversarial Network").
Differences from Karras et al. stand in :mod:`brainzoo_pggan.networks`; those from Alam et al., of
the preset ``paper``:

- Their equation 2 prints the gradient penalty on the generator's output ("∇Y(ŷ)"); it is taken on
  the discriminator at points between real and fake images, as Gulrajani et al. 2017 and their
  words ("the set of 1-Lipschitz functions") say.
- "Once in three times, we flip the real / synthetic labels of the discriminator": here, in every
  third step real and fake change places in the discriminator's loss (``--flip-every 3``). It could
  also mean a third of the images of each step.
- Scans of 320 × 320 are "separated into several patches of 256 × 256", and "these patches have been
  resized for training" to a size that is not told: here four patches of a slice, trained at 256.
- Slices 30 to 120 are the scan's own numbers; a scan of another grid has other anatomy there
  (``--data.slices-index``).
- 20,000 steps of batch 4 are 80,000 images over all stages; how many each stage had is not told.
  Here half of them grow the networks (``--grow``, ``--fade``). So few leave 256 × 256 coarse.
- "Conditional information is also added [...] in a high-resolution phase": the class acts from
  64 × 64 on (``--condition-from``).
- λ, the drift term, one step of the discriminator for each of the generator, widths, length of the
  latent, Adam's decays and averaged weights are not told; they are those of Karras et al. The
  latent, uniform in [-1, 1], is brought to constant length by them, so only its direction counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainzoo.api import (
    Conditions,
    Generator,
    Images,
    IntegrityError,
    NotFoundError,
    Row,
    Run,
    Value,
    checkpoint,
    make_config,
)
from brainzoo.training import CHUNK, Phase, arrays_of, compute, fit, in_chunks, load_arrays, seeded
from brainzoo_pggan import networks
from brainzoo_pggan.checks import check_options, check_spatial
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.diversity import of_different_people
from brainzoo_pggan.game import Game
from brainzoo_pggan.growth import Schedule, last_stage
from brainzoo_pggan.layers import downsample
from brainzoo_pggan.sampling import Sampler

GRID = 64


class ProgressiveGAN(Generator):
    """Progressively growing GAN for slices and volumes, knowing class, age, sex or none."""

    config: PGGANConfig

    def __init__(self, config: PGGANConfig) -> None:
        super().__init__(config)
        self._network: networks.Generator | None = None
        self._known = Conditions((), [{}], [1])
        self._training: dict[str, Any] = {}
        self._device = "auto"

    def fit(self, images: Images, run: Run) -> None:
        """Train on all of ``images``; see :func:`brainzoo.training.fit`."""
        check_spatial(images.spatial)
        self._known = Conditions.of(images, self.config.covariates)
        check_options(self.config, images, self._known, run.train)
        self._device = run.train.device
        self._training = checkpoint.describe_training(images)
        self._training["conditions"] = self._known.describe()
        with seeded(run.train.seed):
            generator = self._build()
            discriminator = networks.Discriminator(
                images.dims,
                images.channels,
                self._widths(),
                self._known.width,
                last_stage(self.config.condition_from),
                self.config.minibatch_stddev,
                self.config.convolutions,
            )
        schedule = Schedule(
            last_stage(images.spatial[0]),
            self.config.grow,
            self.config.fade,
            last_stage(self.config.grow_from),
        )
        game = Game(
            self.config,
            generator,
            discriminator,
            schedule,
            run.train.batch_size,
            compute(run.train.device).device.type,
            torch.from_numpy(self._known.encode(self._known.rows)),
        )
        shown = of_different_people(images.column("subject"), GRID)

        def grid(network: nn.Module) -> NDArray[np.float32]:
            """Return the samples of fixed latents; have their diversity watched."""
            average = cast(networks.Generator, network)
            growth, sampler = average.growth, self._sampler(average)
            made = [sampler.images(0, at, CHUNK) for at in range(0, GRID, CHUNK)]
            factor = images.spatial[0] // growth.resolution
            samples = [downsample(torch.from_numpy(pixels), factor) for pixels in made]
            rows = [shown[at : at + CHUNK] for at in range(0, len(shown), CHUNK)]
            real = [networks.matching(torch.from_numpy(images.floats(r)), growth) for r in rows]
            game.watch.look(torch.cat(samples), torch.cat(real))
            return np.concatenate(made)

        lr_discriminator = self.config.lr_discriminator
        if lr_discriminator is None:
            lr_discriminator = self.config.lr
        phases = [
            Phase(
                "discriminator",
                discriminator,
                self._adam(discriminator, lr_discriminator),
                game.discriminator_loss,
            ),
            Phase(
                "generator", generator, self._adam(generator, self.config.lr), game.generator_loss
            ),
        ]
        trained = fit(
            phases,
            images,
            run,
            network=generator,
            sample=grid,
            batch_size=game.batch_size,
            labels=self._known.indices(images),
        )
        self._network = cast(networks.Generator, trained)

    def sample(
        self,
        n: int,
        *,
        seed: int,
        start: int = 0,
        condition: Mapping[str, Value] | None = None,
        batch_size: int = 64,
        truncation: float | None = None,
    ) -> Iterator[NDArray[np.float32]]:
        """Yield new images; see :meth:`brainzoo.Generator.sample`.

        Args:
            n: How many images in all.
            seed: Decides every random number.
            start: Index of the first image.
            condition: For example ``{"class": "old", "age": 71}``; what it leaves open is drawn
                from training images that match it.
            batch_size: How many images a yielded array holds at most.
            truncation: Below 1, images are drawn towards the mean one of their own conditions, at
                0 onto it: less diverse, fewer failures. It acts on the first feature maps, because
                the latent's length has no meaning here. The configuration's if ``None``.

        Yields:
            Arrays ``(batch, channel, *spatial)`` in [0, 1].
        """
        sampler = self._sampler(self._ready())

        def chunk(at: int, count: int) -> NDArray[np.float32]:
            return sampler.images(seed, at, count, condition, truncation)

        return in_chunks(chunk, n, batch_size, start=start)

    def interpolate(
        self,
        steps: int,
        *,
        seed: int,
        first: int = 0,
        second: int = 1,
        condition: Mapping[str, Value] | None = None,
        truncation: float | None = None,
    ) -> NDArray[np.float32]:
        """Return images on the way from one sample of a seed to another.

        Args:
            steps: How many images, both ends included.
            seed: Seed of the samples.
            first: Index of the sample that it begins at.
            second: Index of the sample that it ends at.
            condition: What all of them have in common; the rest moves from what was drawn for the
                one to what was drawn for the other.
            truncation: As of :meth:`sample`.

        Returns:
            ``(steps, channel, *spatial)`` in [0, 1]; the latents lie on the arc between the two.

        Raises:
            OptionError: There are fewer than two steps, or both ends are one sample.
        """
        sampler = self._sampler(self._ready())
        return sampler.way(steps, seed, first, second, condition, truncation)

    def conditions(
        self, n: int, *, seed: int, start: int = 0, condition: Mapping[str, Value] | None = None
    ) -> list[Row]:
        """Return class and covariates of each sample; see :meth:`brainzoo.Generator.conditions`."""
        return self._known.draw(n, seed=seed, start=start, condition=condition)

    def save(self, folder: Path) -> None:
        """Write a checkpoint folder; see :func:`brainzoo.checkpoint.write`."""
        if self._network is None:
            raise NotFoundError("this pggan is not trained yet.", "Call fit before save.")
        growth = self._network.growth
        told = {"stage": growth.stage, "alpha": growth.alpha, "resolution": growth.resolution}
        checkpoint.write(
            folder,
            self,
            plugin="pggan",
            weights=arrays_of(self._network),
            training={**self._training, "growth": told},
        )

    @classmethod
    def load(cls, folder: Path) -> ProgressiveGAN:
        """Read a checkpoint folder, strictly."""
        stored = checkpoint.expect_plugin(folder, "pggan")
        loaded = cls(make_config(PGGANConfig, stored["hyperparameters"], "hyperparameter of pggan"))
        keys = ("images", "preprocessing", "trained_on", "conditions")
        loaded._training = {key: stored.get(key) for key in keys}
        loaded._known = Conditions.of_checkpoint(stored)
        check_spatial(tuple(stored["images"]["spatial"]))
        with torch.device("meta"):
            network = loaded._build()
        load_arrays(network, checkpoint.read_weights(folder))
        told, level = stored.get("growth"), int(network.level)
        last = last_stage(stored["images"]["spatial"][0])
        if not networks.is_level(level, last) or told != {
            "stage": network.growth.stage,
            "alpha": network.growth.alpha,
            "resolution": network.growth.resolution,
        }:
            raise IntegrityError(
                f"{folder} tells of growth {told}, its weights of level {level} of {last * 1024}.",
                "Fetch the checkpoint again.",
            )
        loaded._network = network.eval().requires_grad_(False)
        return loaded

    def _ready(self) -> networks.Generator:
        if self._network is None:
            raise NotFoundError("this pggan is not trained yet.", "Call fit or load first.")
        compute(self._device).place(self._network)
        return self._network

    def _widths(self) -> list[int]:
        size = self._training["images"]["spatial"][0]
        return networks.widths_of(size, self.config.maps, self.config.narrow_from)

    def _build(self) -> networks.Generator:
        shape = self._training["images"]
        return networks.Generator(
            len(shape["spatial"]),
            shape["channels"],
            self.config.latent,
            self._widths(),
            self._known.width,
            last_stage(self.config.condition_from),
            self.config.convolutions,
        )

    def _adam(self, network: nn.Module, lr: float) -> torch.optim.Adam:
        betas = (self.config.beta1, self.config.beta2)
        return torch.optim.Adam(network.parameters(), lr=lr, betas=betas, fused=True)

    def _sampler(self, network: networks.Generator) -> Sampler:
        return Sampler(self.config, network, self._known, self._training["images"]["spatial"][0])
