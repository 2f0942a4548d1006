"""The two networks of DCGAN, in 2-D and 3-D.

Radford, Metz and Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks", section 3; sizes as Kazuhiro et al. 2018, "Generative Adversarial
Networks for the Creation of Realistic Artificial Brain Magnetic Resonance Images", Methodology.

Differences from the paper:

- Kazuhiro et al. give "4 fractionally strided convolutions with filter sizes of 256, 128, 64, and
  32" and a projection, but not where the single output channel comes from. Here, as in the
  TensorFlow DCGAN of that time, the projection has 256 channels and the four convolutions make 128,
  64, 32 and 1 of them: 256, 128, 64 and 32 are what they take in.
- They batch-normalise every layer but the output layer of the discriminator. As in Radford et al.,
  the output layer of the generator and the input layer of the discriminator go without: normalising
  them made the samples oscillate (Radford et al., section 3).
- Class and covariates, which the paper has none of, enter the generator beside the latent, and the
  discriminator by a projection (Miyato and Koyama 2018).
- In 3-D every convolution becomes 5 × 5 × 5; nothing else changes.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

LAYERS = 4
SCALE = 2**LAYERS
LEAK = 0.2


class Generator(nn.Module):
    """Latent to image."""

    def __init__(
        self, shape: tuple[int, ...], latent: int, base_channels: int, conditions: int
    ) -> None:
        super().__init__()
        channels, *spatial = shape
        dims = len(spatial)
        convolution = nn.ConvTranspose2d if dims == 2 else nn.ConvTranspose3d
        normalise = nn.BatchNorm2d if dims == 2 else nn.BatchNorm3d
        self.start = (base_channels, *(side // SCALE for side in spatial))
        self.project = nn.Linear(latent + conditions, torch.Size(self.start).numel(), bias=False)
        widths = [*(base_channels >> halvings for halvings in range(LAYERS)), channels]
        layers: list[nn.Module] = [normalise(base_channels), nn.ReLU()]
        for index in range(LAYERS):
            last = index == LAYERS - 1
            layers.append(convolution(widths[index], widths[index + 1], 5, 2, 2, 1, bias=last))
            layers += [nn.Tanh()] if last else [normalise(widths[index + 1]), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, latent: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """Return images ``(batch, channel, *spatial)`` in [-1, 1] of latents in [-1, 1]."""
        start = self.project(torch.cat([latent, conditions], dim=1)).view(-1, *self.start)
        return cast(torch.Tensor, self.layers(start))


class Discriminator(nn.Module):
    """Image to one logit: how real it looks."""

    def __init__(self, shape: tuple[int, ...], base_channels: int, conditions: int) -> None:
        super().__init__()
        channels, *spatial = shape
        dims = len(spatial)
        convolution = nn.Conv2d if dims == 2 else nn.Conv3d
        normalise = nn.BatchNorm2d if dims == 2 else nn.BatchNorm3d
        widths = [channels, *(base_channels >> halvings for halvings in reversed(range(LAYERS)))]
        layers: list[nn.Module] = []
        for index in range(LAYERS):
            first = index == 0
            layers.append(convolution(widths[index], widths[index + 1], 5, 2, 2, bias=first))
            layers += [] if first else [normalise(widths[index + 1])]
            layers.append(nn.LeakyReLU(LEAK))
        self.layers = nn.Sequential(*layers)
        features = base_channels * torch.Size([side // SCALE for side in spatial]).numel()
        self.judge = nn.Linear(features, 1)
        self.embed = nn.Linear(conditions, features, bias=False) if conditions else None
        self.apply(_initialise)

    def forward(self, pixels: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """Return logits ``(batch,)`` of images ``(batch, channel, *spatial)`` in [-1, 1]."""
        features = self.layers(pixels).flatten(1)
        logits = self.judge(features).squeeze(1)
        if self.embed is not None:
            # Scaled: the sum runs over thousands of features.
            projected = (self.embed(conditions) * features).sum(1)
            logits = logits + projected / features.shape[1] ** 0.5
        return cast(torch.Tensor, logits)


def _initialise(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02) (Radford et al. 2016, section 4)."""
    weight = getattr(module, "weight", None)
    if weight is None:
        return
    normalises = isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d)
    nn.init.normal_(weight, mean=1.0 if normalises else 0.0, std=0.02)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(cast(torch.Tensor, module.bias))
