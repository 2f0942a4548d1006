"""What the network sees in the place of pixels: blocks of them, or latents of an autoencoder.

Orthonormal cosine blocks (4 a side; ``haar``: 2) make a slice of 128 x 128 a problem of 32 x 32
with 16 channels. Each coefficient is divided by its standard deviation to the power 0.7: fine
detail counts more than in pixels, and less than if all coefficients counted the same.
"""

# ruff: noqa: TID253 (imported by networks only)

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

WHITENING = 0.7


class Space(nn.Module):
    """An invertible view of images, each of its channels brought to a similar scale.

    Args:
        packed: Its channels.
        dims: 2 or 3.
        whitening: The power of the standard deviation that each channel is divided by.
    """

    def __init__(self, packed: int, dims: int, whitening: float) -> None:
        super().__init__()
        self.packed, self.dims, self.whitening = packed, dims, whitening
        self.register_buffer("mean", torch.zeros(packed))
        self.register_buffer("scale", torch.ones(packed))
        self.mean: torch.Tensor
        self.scale: torch.Tensor

    @abstractmethod
    def sides(self, spatial: Sequence[int]) -> tuple[int, ...]:
        """Return the spatial shape of packed images."""

    @abstractmethod
    def turn(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return packed images before they are scaled."""

    @abstractmethod
    def turn_back(self, packed: torch.Tensor) -> torch.Tensor:
        """Return the pixels of packed images that are not scaled."""

    @torch.no_grad()
    def learn(self, batches: Sequence[torch.Tensor]) -> None:
        """Take mean and scale of each channel from images ``(batch, channel, *spatial)``."""
        axes = [0, *range(2, 2 + self.dims)]
        moments = [
            torch.stack([z.mean(axes), z.square().mean(axes)]) for z in map(self.turn, batches)
        ]
        mean, square = torch.stack(moments).mean(0)
        self.mean.copy_(mean)
        deviation = (square - mean**2).clamp_min(0).sqrt()
        least = 1e-3 * float(deviation.max()) + 1e-12
        self.scale.copy_(deviation.clamp_min(least) ** self.whitening)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, packed, *sides)`` of pixels in [-1, 1]."""
        return (self.turn(pixels) - self._wide(self.mean)) / self._wide(self.scale)

    def inverse(self, packed: torch.Tensor) -> torch.Tensor:
        """Return the pixels ``(batch, channel, *spatial)``."""
        return self.turn_back(packed * self._wide(self.scale) + self._wide(self.mean))

    def _wide(self, values: torch.Tensor) -> torch.Tensor:
        return values.view(1, -1, *[1] * self.dims)


class Packing(Space):
    """An orthonormal transform of blocks of pixels: nothing is lost."""

    def __init__(self, dims: int, channels: int, block: int) -> None:
        super().__init__(channels * block**dims, dims, WHITENING)
        self.block, self.channels = block, channels

    def sides(self, spatial: Sequence[int]) -> tuple[int, ...]:
        """Return how many blocks there are along each side."""
        return tuple(side // self.block for side in spatial)

    def turn(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the coefficients ``(batch, channel · block^dims, *spatial / block)``."""
        if self.block == 1:
            return pixels
        convolve = functional.conv2d if self.dims == 2 else functional.conv3d
        return convolve(pixels, self._kernel(pixels), stride=self.block, groups=self.channels)

    def turn_back(self, packed: torch.Tensor) -> torch.Tensor:
        """Return the pixels of coefficients."""
        if self.block == 1:
            return packed
        convolve = functional.conv_transpose2d if self.dims == 2 else functional.conv_transpose3d
        return convolve(packed, self._kernel(packed), stride=self.block, groups=self.channels)

    def _kernel(self, like: torch.Tensor) -> torch.Tensor:
        """Return the basis ``(channel · block^dims, 1, *block)``: products of cosines (DCT-II)."""
        n = self.block
        frequency, place = torch.arange(n)[:, None], torch.arange(n)[None, :]
        cosines = torch.cos(math.pi * frequency * (2 * place + 1) / (2 * n)) * math.sqrt(2 / n)
        cosines[0] /= math.sqrt(2)
        basis = cosines
        for _ in range(self.dims - 1):
            basis = torch.einsum("a...,bx->ab...x", basis, cosines).flatten(0, 1)
        return basis[:, None].repeat(self.channels, 1, *[1] * self.dims).to(like)


class Latents(Space):
    """The latents of an autoencoder that was trained before (Rombach et al. 2022, section 3.1).

    Args:
        autoencoder: With ``length`` (channels of latents), ``latent`` (their sides), ``encode`` and
            ``restore`` on images in [-1, 1]; it learns nothing here.
    """

    def __init__(self, autoencoder: nn.Module) -> None:
        own: Any = autoencoder
        super().__init__(own.length, len(own.latent), whitening=1.0)
        self.autoencoder: Any = own.eval().requires_grad_(False)

    def sides(self, spatial: Sequence[int]) -> tuple[int, ...]:
        """Return the sides of the latents."""
        return tuple(self.autoencoder.latent)

    def turn(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the latents of pixels."""
        return cast(torch.Tensor, self.autoencoder.encode(pixels))

    def turn_back(self, packed: torch.Tensor) -> torch.Tensor:
        """Return the pixels that latents are decoded to."""
        return cast(torch.Tensor, self.autoencoder.restore(packed))
