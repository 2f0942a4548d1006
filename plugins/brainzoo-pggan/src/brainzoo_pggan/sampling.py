"""How a network's images are made: of seeds, conditions, and points between them.

In float32: bf16 would leave 8 bits of grey and tie the samples to one kind of hardware.
"""

# ruff: noqa: TID253 (imported by generator.py only)

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from brainzoo.api import Conditions, OptionError, Value
from brainzoo.training import CHUNK, latents
from brainzoo_pggan import networks
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.layers import upsample

Floats = NDArray[np.float32]
MEAN_OF = 1024  # latents behind the mean that truncation moves towards
MEAN_SEED = 2**32 - 1


class Sampler:
    """Makes full-size images of a network as it is now.

    Args:
        config: The options.
        network: The generator, on the device where it is to work.
        known: What it is conditioned on.
        size: Pixels of the images' edge, whatever the network has grown to.
    """

    def __init__(
        self, config: PGGANConfig, network: networks.Generator, known: Conditions, size: int
    ) -> None:
        self._config = config
        self._network = network
        self._known = known
        self._size = size
        self._means: dict[bytes, torch.Tensor] = {}

    def images(
        self,
        seed: int,
        start: int,
        count: int,
        condition: Mapping[str, Value] | None = None,
        truncation: float | None = None,
    ) -> Floats:
        """Return the samples ``start`` to ``start + count - 1`` of a seed.

        Returns:
            ``(count, channel, *spatial)`` in [0, 1].
        """
        rows = self._known.draw(count, seed=seed, condition=condition, start=start)
        latent = self._latents(seed, start, count)
        return self._render(latent, self._known.encode(rows), truncation)

    def way(
        self,
        steps: int,
        seed: int,
        first: int,
        second: int,
        condition: Mapping[str, Value] | None = None,
        truncation: float | None = None,
    ) -> Floats:
        """Return images from the sample ``first`` of a seed to the sample ``second``.

        Latents move along the arc between the two, encoded conditions along the line.

        Returns:
            ``(steps, channel, *spatial)`` in [0, 1].

        Raises:
            OptionError: There are fewer than two steps, or both ends are one sample.
        """
        if steps < 2:
            raise OptionError(f"an interpolation of {steps} steps has no two ends.", "Ask for 2.")
        if first == second:
            raise OptionError(
                f"an interpolation from sample {first} to sample {second} has no way to go.",
                "Choose two different samples.",
            )
        start, end = (self._latents(seed, i, 1)[0] for i in (first, second))
        start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
        angle = math.acos(float(np.clip(start @ end, -1, 1)))
        share = np.linspace(0, 1, steps)[:, None]
        arc = np.sin((1 - share) * angle) * start + np.sin(share * angle) * end
        rows = [
            self._known.draw(1, seed=seed, condition=condition, start=i)[0] for i in (first, second)
        ]
        here, there = self._known.encode(rows)
        line = (1 - share) * here + share * there
        arc, line = arc.astype(np.float32), line.astype(np.float32)
        parts = [slice(at, at + CHUNK) for at in range(0, steps, CHUNK)]
        return np.concatenate([self._render(arc[p], line[p], truncation) for p in parts])

    def _latents(self, seed: int, start: int, count: int) -> Floats:
        distribution = self._config.latent_distribution
        return latents(seed, start, count, self._config.latent, distribution)

    @torch.inference_mode()
    def _render(self, latent: Floats, encoded: Floats, truncation: float | None) -> Floats:
        """Return full-size images ``(batch, channel, *spatial)`` in [0, 1]."""
        network = self._network
        truncation = self._config.truncation if truncation is None else truncation
        if not 0 <= truncation <= 2:
            raise OptionError(f"truncation is {truncation}; expected 0 to 2.")
        device = network.level.device
        told = torch.from_numpy(encoded).to(device)
        features = network.first(torch.from_numpy(latent).to(device), told)
        if truncation != 1:
            mean = torch.stack([self._mean_features(row) for row in told])
            features = mean + truncation * (features - mean)
        pixels = network.grow(features, told, network.growth)
        pixels = (pixels * 0.5 + 0.5).clamp(0, 1)
        pixels = upsample(pixels, self._size // network.growth.resolution)
        result: Floats = pixels.cpu().contiguous().numpy()
        return result

    def _mean_features(self, told: torch.Tensor) -> torch.Tensor:
        """Return the mean of the first feature maps of images of the same conditions.

        Args:
            told: ``(width,)``, encoded.
        """
        # Conditions that begin at a later resolution leave the first feature maps alone.
        key = b"" if self._network.embed is None else told.cpu().numpy().tobytes()
        if key not in self._means:
            latent = torch.from_numpy(self._latents(MEAN_SEED, 0, MEAN_OF)).to(told.device)
            features = self._network.first(latent, told.expand(MEAN_OF, -1))
            self._means[key] = features.mean(0)
        return self._means[key]
