"""PGGAN as a brainzoo generator: how latents become images.

Karras et al. 2018 (arXiv 1710.10196), as Alam et al. used it for neonatal brains ("Synthetic Brain
Image Generation for ADHD prediction based on Progressive Growing Generative Adversarial Network").
Differences from Karras et al. are in :mod:`brainzoo_pggan.networks`; those from Alam et al., of
the preset ``paper``:

- Their equation 2 prints the gradient penalty on the generator's output ("∇Y(ŷ)"); it is taken on
  the discriminator at points between real and fake images, as Gulrajani et al. 2017 and their
  words ("the set of 1-Lipschitz functions") say.
- "Once in three times, we flip the real / synthetic labels of the discriminator": here, in every
  third step real and fake change places in the discriminator's loss (``--flip-every 3``). It could
  also mean a third of the images of each step.
- Scans of 320 × 320 are "separated into several patches of 256 × 256", and "these patches have been
  resized for training" to a size they do not state: here four patches of a slice, trained at 256.
- Slices 30 to 120 are the scan's own numbers; a scan of another grid has other anatomy there
  (``--data.slices-index``).
- 20,000 steps of batch 4 are 80,000 images over all stages; how many each one had is not stated.
  Here half of them grow the networks (``--grow``, ``--fade``). So few leave 256 × 256 coarse.
- "Conditional information is also added [...] in a high-resolution phase": the class acts from
  64 × 64 on (``--condition-from``).
- λ, the drift term, one step of the discriminator for each of the generator, widths, length of the
  latent, Adam's decays and averaged weights are not stated; they are those of Karras et al. The
  latent, uniform in [-1, 1], is brought to constant length by them, so only its direction counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from brainzoo.api import DataError, Images, IntegrityError, OptionError, Run, Value
from brainzoo.training import CHUNK, Draw, Phase, TorchGenerator, compute, latents
from brainzoo_pggan import networks
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.networks import last_stage, upsample
from brainzoo_pggan.training import Game
from brainzoo_pggan.vision_aided import Heads, SqueezeNet

Floats = NDArray[np.float32]
MEAN_OF = 1024  # latents behind the mean that truncation moves towards
MEAN_SEED = 2**32 - 1


class ProgressiveGAN(TorchGenerator):
    """Progressively growing GAN for slices and volumes, knowing class, age, sex or none."""

    name = "pggan"
    config: PGGANConfig
    _game: Game
    _shown: NDArray[np.intp]

    def build(self, shape: tuple[int, ...]) -> networks.Generator:
        """Return the generator."""
        self.config.check_spatial(shape[1:])
        return networks.Generator(
            len(shape) - 1,
            shape[0],
            self.config.latent,
            self._widths(),
            self.known.width,
            last_stage(self.config.condition_from),
            self.config.convolutions,
        )

    def phases(self, network: networks.Generator, images: Images, run: Run) -> list[Phase]:
        """Return one update of the discriminator and one of the generator."""
        config = self.config
        self._check(images, run)
        discriminator = networks.Discriminator(
            images.dims,
            images.channels,
            self._widths(),
            self.known.width,
            last_stage(config.condition_from),
            config.minibatch_stddev,
            config.convolutions,
        )
        device = compute(run.train.device).device
        aid = None
        if config.vision_aided != "none":
            frozen = SqueezeNet(config.features_weights, device)
            aid = frozen, Heads(images.channels, self.known.width)
        game = Game(config, network, discriminator, run.train.batch_size, device.type, aid)
        self._game, self._shown = game, _one_of_each_subject(images, self.grid_images)

        def adam(*trained: tuple[nn.Module, float]) -> torch.optim.Adam:
            groups = [{"params": list(part.parameters()), "lr": lr} for part, lr in trained]
            return torch.optim.Adam(groups, betas=(config.beta1, config.beta2), fused=True)

        judging: nn.Module = discriminator
        rates = [
            (judging, config.lr if config.lr_discriminator is None else config.lr_discriminator)
        ]
        if aid is not None:
            judging = nn.ModuleList([discriminator, aid[1]])
            rates.append((aid[1], config.lr_vision_aided))
        return [
            Phase("discriminator", judging, adam(*rates), game.discriminator_loss),
            Phase("generator", network, adam((network, config.lr)), game.generator_loss),
        ]

    def batch_size(self, progress: float, train: object) -> int:
        """Return the images of a step, which depend on the stage."""
        return self._game.batch_size(progress)

    def grid(self, network: networks.Generator, images: Images) -> Floats:
        """Return a sample grid, after its variety was compared with that of real images."""
        made = super().grid(network, images)
        real = networks.matching(torch.from_numpy(images.floats(self._shown)), network.growth)
        self._game.watch.look(made, real.numpy())
        return made

    def finish(self, network: networks.Generator, images: Images, run: Run) -> None:
        """Note how far the network has grown."""
        self.extra = {"growth": _described(network)}

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a checkpoint folder, strictly."""
        loaded = super().load(folder)
        stated, network = loaded.extra.get("growth"), loaded.ready()
        level, highest = int(network.level), last_stage(loaded.shape[1]) * networks.TICKS
        if not 0 <= level <= highest or stated != _described(network):
            raise IntegrityError(
                f"{folder} states growth {stated}, but its weights have level {level} of "
                f"{highest}.",
                "Fetch the checkpoint again.",
            )
        return loaded

    def draw(self, network: networks.Generator, draw: Draw) -> torch.Tensor:
        """Return full-size images, whatever the network has grown to."""
        uniform = self.config.latent_distribution == "uniform"
        latent = (draw.uniform if uniform else draw.normal)(self.config.latent)
        return self._render(network, latent, draw.conditions).clamp(-1, 1)

    @torch.inference_mode()
    def interpolate(
        self,
        steps: int,
        *,
        seed: int,
        first: int = 0,
        second: int = 1,
        condition: Mapping[str, Value] | None = None,
    ) -> Floats:
        """Return images on the way from one sample of a seed to another, both ends included.

        ``(steps, channel, *spatial)`` in [0, 1]; the latents lie on the arc between the samples of
        the indices ``first`` and ``second``. ``condition`` is what all have in common; the rest
        moves along the line from what was drawn for the one to what was drawn for the other. Fewer
        than two steps, or one sample at both ends, are an OptionError.
        """
        if steps < 2:
            raise OptionError(f"found {steps} steps; an interpolation has 2 or more.")
        if first == second:
            raise OptionError(
                f"both ends of the interpolation are sample {first}; expected two different ones."
            )
        network = self.ready()
        device = network.level.device
        ends = first, second
        both = [self.known.draw(1, seed=seed, condition=condition, start=i)[0] for i in ends]
        share = torch.linspace(0, 1, steps, device=device)[:, None]
        here, there = torch.from_numpy(self.known.encode(both)).to(device)
        drawn = (torch.from_numpy(self._latents(seed, i, 1)[0]) for i in ends)
        start, end = (nn.functional.normalize(one, dim=0).to(device) for one in drawn)
        angle = (start @ end).clamp(-1, 1).acos()
        arc = torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end
        line = (1 - share) * here + share * there
        made = [
            self._render(network, *part)
            for part in zip(torch.split(arc, CHUNK), torch.split(line, CHUNK), strict=True)
        ]
        return np.asarray((torch.cat(made) * 0.5 + 0.5).clamp(0, 1).cpu().contiguous().numpy())

    def exported(
        self, network: networks.Generator
    ) -> tuple[Callable[..., torch.Tensor], dict[str, torch.Tensor]]:
        """Return the network at the size that it has grown to, without truncation."""
        growth = network.growth

        def images(latent: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
            pixels = network(latent, conditions, growth)
            full = upsample(pixels, self.shape[1] // growth.resolution)
            return (full * 0.5 + 0.5).clamp(0, 1)

        given = {"latent": self.config.latent, "conditions": self.known.width}
        return images, {name: torch.zeros(2, width) for name, width in given.items()}

    def _render(
        self, network: networks.Generator, latent: torch.Tensor, conditions: torch.Tensor
    ) -> torch.Tensor:
        """Return full-size images ``(batch, channel, *spatial)`` in about [-1, 1]."""
        features = network.first(latent, conditions)
        if self.config.truncation != 1:
            mean = self._mean_features(network, conditions)
            features = mean + self.config.truncation * (features - mean)
        pixels = network.grow(features, conditions, network.growth)
        return upsample(pixels, self.shape[1] // network.growth.resolution)

    def _mean_features(self, network: networks.Generator, conditions: torch.Tensor) -> torch.Tensor:
        """Return the mean of the first features of images of the same conditions, for each row.

        Truncation acts there and not on the latent, whose length has no meaning here.
        """
        latent = torch.from_numpy(self._latents(MEAN_SEED, 0, MEAN_OF)).to(conditions.device)
        means: dict[bytes, torch.Tensor] = {}
        # Conditions that begin at a later resolution leave the first features alone.
        keys = [b"" if network.embed is None else row.cpu().numpy().tobytes() for row in conditions]
        for key, row in zip(keys, conditions, strict=True):
            if key not in means:
                means[key] = network.first(latent, row.expand(MEAN_OF, -1)).mean(0)
        return torch.stack([means[key] for key in keys])

    def _latents(self, seed: int, start: int, count: int) -> Floats:
        distribution = self.config.latent_distribution
        return latents(seed, start, count, self.config.latent, distribution)

    def _widths(self) -> list[int]:
        config = self.config
        return networks.widths_of(self.shape[1], config.base_channels, config.narrow_from)

    def _check(self, images: Images, run: Run) -> None:
        """Refuse options that do not fit the images."""
        config, train, size = self.config, run.train, images.spatial[0]
        subjects = len(images.subjects())
        if len(images.classes) > subjects and run.lessons is None:
            raise DataError(
                f"there are {len(images.classes)} classes but only {subjects} subjects to train "
                "on; a class needs subjects of its own.",
                "Choose fewer classes.",
            )
        if self.known.width and config.condition_from > size:
            raise OptionError(
                f"condition_from is {config.condition_from}, but images have {size} pixels.",
                f"Choose --condition-from {size} or less.",
            )
        last = last_stage(size)
        first = min(last_stage(config.grow_from), last) if config.grow else last
        sizes = [config.batch_size(stage, train.batch_size) for stage in range(first, last + 1)]
        at_once = min(map(run.images_at_once, sizes))
        if config.minibatch_stddev and at_once < 2:
            raise OptionError(
                "the discriminator's minibatch statistics need two images at once, found "
                f"{at_once}.",
                "Raise --batch-size, lower --accumulate, or give --no-minibatch-stddev.",
            )


def _described(network: networks.Generator) -> dict[str, float]:
    growth = network.growth
    return {**dataclasses.asdict(growth), "resolution": growth.resolution}


def _one_of_each_subject(images: Images, most: int) -> NDArray[np.intp]:
    """Return rows of different people: slices of one person are alike. Samples are of nobody."""
    order = np.random.default_rng(0).permutation(len(images))
    named = [str(row.get("subject") or number) for number, row in enumerate(images.table)]
    subjects = np.array(named)[order]
    return np.asarray(order[np.unique(subjects, return_index=True)[1]][:most])
