"""The autoencoder of the VQ-VAE, in 2-D and 3-D.

van den Oord et al. 2017, "Neural Discrete Representation Learning", section 4.1 (strided 4 × 4
convolutions, residual layers); widths and depth as Tudosiu et al. 2022, "Morphology-preserving
Autoregressive 3D Generative Modelling of the Brain" (arXiv 2209.03177).

Differences from the papers:

- Residual layers are activated before, not after, their convolutions, so that nothing stands
  between a level's input and its output (He et al. 2016).
- Any image size: images are padded with background to a multiple of what a code covers, and what
  is decoded is cut to size.
- No adversarial and no perceptual loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import nn
from torch.nn.functional import mse_loss, pad
from torch.utils.checkpoint import checkpoint

from brainzoo_vqvae.quantiser import Quantiser

LEAST_SIDE = 4
"""Codes along each side at least: smaller ones are mostly border, and slow in bf16 on CPUs."""


class Autoencoder(nn.Module):
    """Image to codes and back."""

    def __init__(
        self,
        spatial: tuple[int, ...],
        channels: int,
        *,
        widths: Sequence[int],
        residual_layers: int,
        codes: int,
        code_length: int,
        cosine: bool,
        code_decay: float,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        dims, factor = len(spatial), 2 ** len(widths)
        self.spatial = spatial
        self.length = code_length
        self.latent = tuple(max(LEAST_SIDE, -(-side // factor)) for side in spatial)
        self.checkpointing = checkpointing
        self._padded = tuple(factor * side for side in self.latent)
        convolution = nn.Conv2d if dims == 2 else nn.Conv3d
        transposed = nn.ConvTranspose2d if dims == 2 else nn.ConvTranspose3d

        def level(first: nn.Module | None, width: int, last: nn.Module | None) -> nn.Sequential:
            layers = [Residual(convolution, width) for _ in range(residual_layers)]
            after = [nn.ReLU(), last] if last is not None else []
            return nn.Sequential(*([first] if first is not None else []), *layers, *after)

        inputs = [channels, *widths[:-1]]
        self.encoder = nn.ModuleList(
            level(convolution(before, width, 4, 2, 1), width, None)
            for before, width in zip(inputs, widths, strict=True)
        )
        self.to_code = nn.Sequential(nn.ReLU(), convolution(widths[-1], code_length, 3, 1, 1))
        self.quantiser = Quantiser(codes, code_length, cosine=cosine, decay=code_decay)
        self.from_code = convolution(code_length, widths[-1], 3, 1, 1)
        self.decoder = nn.ModuleList(
            level(None, width, transposed(width, after, 4, 2, 1))
            for width, after in zip(reversed(widths), reversed(inputs), strict=True)
        )

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return latents ``(batch, length, *latent)`` of images in [-1, 1]."""
        features = self._pad(pixels, 1)
        for level in self.encoder:
            features = self._run(level, features)
        return cast(torch.Tensor, self.to_code(features))

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Return images of quantised latents ``(batch, length, *latent)``."""
        features = self.from_code(latents)
        for level in self.decoder:
            features = self._run(level, features)
        return self._pad(features, -1)

    def restore(self, latents: torch.Tensor) -> torch.Tensor:
        """Return images of any latents: of the codes that are nearest to them."""
        return self.decode(self.quantiser(latents).latents)

    def _run(self, level: nn.Module, features: torch.Tensor) -> torch.Tensor:
        if self.checkpointing and torch.is_grad_enabled():
            return cast(torch.Tensor, checkpoint(level, features, use_reentrant=False))
        return cast(torch.Tensor, level(features))

    def _pad(self, pixels: torch.Tensor, sign: int) -> torch.Tensor:
        """Add background around images, or with a sign of -1 cut it off again."""
        margins: list[int] = []
        for own, padded in zip(reversed(self.spatial), reversed(self._padded), strict=True):
            before = (padded - own) // 2
            margins += [sign * before, sign * (padded - own - before)]
        return pad(pixels, margins, value=-1.0) if any(margins) else pixels


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, convolution: Callable[..., nn.Module], width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(),
            convolution(width, width, 3, 1, 1),
            nn.ReLU(),
            convolution(width, width, 3, 1, 1),
        )
        # A level begins as the identity: deep stacks without normalisation start calmly.
        nn.init.zeros_(cast(torch.Tensor, self.layers[-1].weight))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape."""
        return cast(torch.Tensor, features + self.layers(features))


def spectral_distance(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Return the mean squared difference of the Fourier amplitudes of two batches.

    Dhariwal et al. 2020 (Jukebox) for sound, Tudosiu et al. 2022 for brains: what is blurred lacks
    high frequencies, and amplitudes show it without asking for the exact place.
    """
    axes = tuple(range(2, made.ndim))
    with torch.autocast(made.device.type, enabled=False):
        spectra = [torch.fft.rfftn(x.float(), dim=axes, norm="ortho").abs() for x in (made, real)]
        return mse_loss(spectra[0], spectra[1])
