"""A second discriminator, which sees images through a network trained on ImageNet.

Kumari, Zhang, Shechtman and Zhu 2022, "Ensembling Off-the-shelf Models for GAN Training": beside
the discriminator that learns from the images, one of frozen features, with a loss of its own, says
what the first, with few people to learn from, does not find. Features of several layers, each with
a small head under spectral normalisation and a hinge loss, are Sauer, Chitta, Müller and Geiger
2021, "Projected GANs Converge Faster", section 3, without their random mixing of layers.

Figures of the network that a model was trained with flatter it (Kynkäänniemi et al. 2023, "The Role
of ImageNet Classes in Fréchet Inception Distance"): measure with another one.
"""

# ruff: noqa: TID253 (imported by generator.py only)

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import interpolate, leaky_relu
from torch.nn.utils.parametrizations import spectral_norm

from brainzoo_pggan.networks import LEAK, minibatch_stddev

LEAST_SIDE = 128  # pixels; smaller ones are enlarged, for the network has seen 224
LAYERS = (128, 256, 512)
"""Channels of SqueezeNet's fire3, fire5 and fire9: at 128 pixels maps of 31, 15 and 7 a side."""
AFTER = (4, 7, 12)  # their places among the modules of torchvision's ``features``
SIZES = (60.0, 56.0, 16.0)  # root mean squares of slices of IXI: heads want values about one
WIDTH = 64  # channels of a head


class SqueezeNet:
    """SqueezeNet 1.1 with its weights from a file (``None``: downloaded), frozen.

    No module, so that neither its weights are trained nor the run's state holds them.
    """

    def __init__(self, weights: Path | None, device: torch.device) -> None:
        from brainzoo_metrics.features import Features
        from brainzoo_metrics.options import FeatureOptions

        options = FeatureOptions(extractor="squeezenet", features_weights=weights)
        network = Features.load(options, owner="").network.to(device).requires_grad_(False)
        network = network.to(memory_format=torch.channels_last)  # a quarter faster backwards
        self._colours, self._modules = network[0], list(network[1][0])

    def __call__(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """Return maps of each of :data:`LAYERS`, of images ``(batch, channel, height, width)``.

        ``pixels`` are in about [-1, 1]; gradients reach them. The features of all channels are
        side by side.
        """
        batch = len(pixels)
        pixels = pixels.flatten(0, 1).unsqueeze(1)
        shortest = min(pixels.shape[2:])
        if shortest < LEAST_SIDE:
            factor = LEAST_SIDE / shortest
            pixels = interpolate(pixels, scale_factor=factor, mode="bilinear")
        features = self._colours(pixels * 0.5 + 0.5)
        features = features.contiguous(memory_format=torch.channels_last)
        maps = []
        for place, module in enumerate(self._modules):
            features = module(features)
            if place in AFTER:
                scaled = features / SIZES[AFTER.index(place)]
                maps.append(scaled.reshape(batch, -1, *features.shape[2:]))
        return maps


class Heads(nn.Module):
    """Maps of features to one logit for each place, averaged over places.

    Conditions act by projection (Miyato and Koyama 2018), as in PGGAN's own discriminator.
    """

    def __init__(self, channels: int, conditions: int) -> None:
        super().__init__()
        self.enter = nn.ModuleList(spectral_norm(nn.Conv2d(n * channels, WIDTH, 1)) for n in LAYERS)
        self.look = nn.ModuleList(spectral_norm(nn.Conv2d(WIDTH + 1, WIDTH, 3)) for _ in LAYERS)
        self.judge = nn.ModuleList(spectral_norm(nn.Conv2d(WIDTH, 1, 1)) for _ in LAYERS)
        known = [nn.Linear(conditions, WIDTH, bias=False) for _ in LAYERS if conditions]
        for embed in known:
            nn.init.zeros_(embed.weight)
        self.embed = nn.ModuleList(known)

    def forward(
        self, maps: list[torch.Tensor], conditions: torch.Tensor, batches: int = 1
    ) -> torch.Tensor:
        """Return logits ``(layer, batch)`` of one batch, or of several that follow one another."""
        logits = []
        for number, features in enumerate(maps):
            features = leaky_relu(self.enter[number](features), LEAK)
            features = torch.cat([minibatch_stddev(part) for part in features.chunk(batches)])
            features = leaky_relu(self.look[number](features), LEAK)
            logit = self.judge[number](features).mean((1, 2, 3)).float()
            if self.embed:
                known = self.embed[number](conditions).float()
                logit = logit + (known * features.mean((2, 3)).float()).sum(1)
            logits.append(logit)
        return torch.stack(logits)
