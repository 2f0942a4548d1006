"""Encoder and decoder of the variational autoencoder, in 2-D and 3-D.

Kingma and Welling 2014, "Auto-Encoding Variational Bayes": a Gaussian encoder and a Gaussian
decoder, both convolutional. Every halving and doubling is a 4 × 4 convolution of stride 2 (the
kernel a multiple of the stride: no checkerboards), as in Zimmerer et al. 2018 (ceVAE); between
them, the variants ``vae`` and ``cevae`` have a residual block. Its last convolution begins at zero,
so that no normalisation is needed: an image's result never depends on the others of its batch.

``compact`` has the halvings and doublings alone, with leaky ReLUs, after the published code of
Chatterjee et al. 2022 (StRegA).
"""

from __future__ import annotations

import itertools
import math
from typing import cast

import torch
from torch import nn

from brainzoo_vae.config import VAEConfig, halvings
from brainzoo_vae.prior import Prior

LOG_STD = (math.log(0.005), math.log(1.0))
"""Bounds of the likelihood's standard deviation, of pixels in [0, 1]; 8 bits of grey are 0.004."""
LATENT_LOG_STD = (-7.0, 2.0)


class Model(nn.Module):
    """What a checkpoint holds: the networks, and the Gaussians that latents come from."""

    def __init__(self, networks: Networks, prior: Prior) -> None:
        super().__init__()
        self.networks = networks
        self.prior = prior


class Networks(nn.Module):
    """Encoder, decoder, and the likelihood's standard deviation if it is not one of each pixel.

    ``conditions`` numbers encode a condition. If ``squashed``, a sigmoid makes the pixels, and all
    channels have one standard deviation; else the last layer is linear, and each has its own.
    """

    def __init__(
        self,
        config: VAEConfig,
        spatial: tuple[int, ...],
        channels: int,
        conditions: int,
        *,
        squashed: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(config, spatial, channels, conditions)
        self.decoder = Decoder(config, spatial, channels, conditions)
        self.squashed = squashed
        self.apply(_initialise)
        self.log_std = None
        if config.variance == "scalar":
            shape = () if squashed else (channels, *[1] * len(spatial))
            self.log_std = nn.Parameter(torch.full(shape, math.log(0.1)))

    def begin_at(self, pixels: torch.Tensor) -> None:
        """Begin with what is likeliest without any latent: mean and deviation of each channel.

        Where most pixels are black, a network that begins elsewhere first learns black, in steps
        that all go one way, until the latent is far off and a sigmoid has no gradient left.
        ``pixels`` are ``(batch, channel, *spatial)`` in [0, 1].
        """
        channels = pixels.transpose(0, 1).flatten(1)
        for last in (self.encoder.head, self.decoder.out):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(cast(torch.Tensor, last.bias))
        with torch.no_grad():
            cast(torch.Tensor, self.decoder.out.bias)[: len(channels)] = channels.mean(1)
            if self.log_std is not None:
                log_std = channels.std(1).log().clamp(*LOG_STD)
                self.log_std.copy_(log_std.view_as(self.log_std))

    def decode(
        self, latent: torch.Tensor, conditions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and logarithm of the standard deviation of the pixels, in float32.

        The mean is ``(batch, channel, *spatial)``, in [0, 1] but while it learns; the other
        broadcasts to its shape.
        """
        mean, log_std = self.decoder(latent, conditions)
        if self.squashed:
            mean = mean.sigmoid()
        elif not self.training:  # which would have no gradient outside
            mean = mean.clamp(0, 1)
        if self.log_std is not None:
            log_std = self.log_std
        return mean, torch.clamp(log_std, *LOG_STD)


class Encoder(nn.Module):
    """Image to the Gaussian of its latent."""

    def __init__(
        self, config: VAEConfig, spatial: tuple[int, ...], channels: int, conditions: int
    ) -> None:
        super().__init__()
        dims = len(spatial)
        convolution = nn.Conv2d if dims == 2 else nn.Conv3d
        widths = [channels, *widths_of(config, spatial)]
        layers: list[nn.Module] = []
        for inside, outside in itertools.pairwise(widths):
            layers += [convolution(inside, outside, 4, 2, 1), *_between(config, dims, outside)]
        self.layers = nn.Sequential(*layers)
        features = widths[-1] * math.prod(side // 2 ** halvings(spatial) for side in spatial)
        self.head = nn.Linear(features + conditions, 2 * config.latent)

    def forward(
        self, pixels: torch.Tensor, conditions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log standard deviation of the latent, ``(batch, latent)`` in float32.

        ``pixels`` are ``(batch, channel, *spatial)`` in [0, 1].
        """
        features = self.layers(2 * pixels - 1).flatten(1)
        both = self.head(torch.cat([features, conditions.to(features.dtype)], 1)).float()
        mean, log_std = both.chunk(2, dim=1)
        return mean, log_std.clamp(*LATENT_LOG_STD)


class Decoder(nn.Module):
    """Latent to the Gaussian of the pixels."""

    def __init__(
        self, config: VAEConfig, spatial: tuple[int, ...], channels: int, conditions: int
    ) -> None:
        super().__init__()
        dims = len(spatial)
        convolution = nn.Conv2d if dims == 2 else nn.Conv3d
        enlarging = nn.ConvTranspose2d if dims == 2 else nn.ConvTranspose3d
        widths = widths_of(config, spatial)[::-1]
        self.start = (widths[0], *(side // 2 ** halvings(spatial) for side in spatial))
        self.project = nn.Linear(config.latent + conditions, math.prod(self.start))
        layers = _between(config, dims, widths[0])
        for inside, outside in itertools.pairwise(widths):
            layers += [enlarging(inside, outside, 4, 2, 1), *_between(config, dims, outside)]
        self.layers = nn.Sequential(*layers)
        self.pixelwise = config.variance == "pixelwise"
        # At full size a block would cost as much as all others together.
        half = max(8, widths[-1] // 2)
        self.enlarge = enlarging(widths[-1], half, 4, 2, 1)
        self.out = convolution(half, channels * (1 + self.pixelwise), 3, padding=1)
        self.activation = _activation(config)

    def forward(
        self, latent: torch.Tensor, conditions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and, if it is one of each pixel, log standard deviation; see Networks."""
        projected = self.project(torch.cat([latent, conditions.to(latent.dtype)], 1))
        made = self.activation(self.layers(projected.view(-1, *self.start)))
        made = self.out(self.activation(self.enlarge(made))).float()
        if not self.pixelwise:
            return made, made.new_zeros(())
        mean, log_std = made.chunk(2, dim=1)
        return mean, log_std - 2  # begins near 0.1


class Residual(nn.Module):
    """Two 3 × 3 convolutions beside the identity."""

    def __init__(self, dims: int, width: int) -> None:
        super().__init__()
        convolution = nn.Conv2d if dims == 2 else nn.Conv3d
        self.first = convolution(width, width, 3, padding=1)
        self.second = convolution(width, width, 3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape."""
        silu = nn.functional.silu
        return features + cast(torch.Tensor, self.second(silu(self.first(silu(features)))))


def widths_of(config: VAEConfig, spatial: tuple[int, ...]) -> list[int]:
    """Return the channels after each halving."""
    return [min(config.base_channels * 2**i, config.max_channels) for i in range(halvings(spatial))]


def _between(config: VAEConfig, dims: int, width: int) -> list[nn.Module]:
    """Return what stands between two changes of size."""
    if config.variant == "compact":
        return [_activation(config)]
    return [Residual(dims, width)]


def _activation(config: VAEConfig) -> nn.Module:
    return nn.LeakyReLU(0.01) if config.variant == "compact" else nn.SiLU()


def _initialise(module: nn.Module) -> None:
    """Draw weights so that features keep their variance, and let residual blocks begin at nothing.

    He et al. 2015, "Delving Deep into Rectifiers", section 2.2, without the factor of rectifiers. A
    pixel that a transposed convolution makes sees only every second weight along each axis; torch's
    own initialisation counts all, and in 3-D little of the latent would reach the image.
    """
    if isinstance(module, Residual):
        nn.init.zeros_(module.second.weight)
        return
    if isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d):
        seen = math.prod(k // s for k, s in zip(module.kernel_size, module.stride, strict=True))
        nn.init.normal_(module.weight, std=(module.in_channels * seen) ** -0.5)
    elif isinstance(module, nn.Conv2d | nn.Conv3d):
        seen = math.prod(module.kernel_size)
        nn.init.normal_(module.weight, std=(module.in_channels * seen) ** -0.5)
    else:
        return
    nn.init.zeros_(cast(torch.Tensor, module.bias))
