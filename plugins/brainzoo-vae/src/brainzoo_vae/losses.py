"""What the variational autoencoder minimises: its bound, terms against blur, masked squares.

The bound is Kingma and Welling 2014, equation 10 with the Gaussian likelihood of appendix C.2,
whose standard deviation is learned (Rybkin et al. 2021, "Simple and Effective VAE Training with
Calibrated Decoders": then beta needs no tuning). The terms against blur are not likelihoods; each
is scaled by 1 / (2 std²), like the squared error in the likelihood, so that their weight means the
same throughout training.
"""

# ruff: noqa: TID253 (imported by brainzoo_vae.generator only)

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import normalize

from brainzoo.training import Step

PERCEPTUAL_SCALE = 0.01
"""Brings distances of features (about 1) near squared errors of pixels (about 0.01)."""
SQUARES = 3
LARGEST = 0.5
"""Of the image's side: masked squares."""


def divergence(mean: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
    """Return the KL divergence of N(mean, std²) from N(0, I) of each row, in nats."""
    return 0.5 * (mean**2 + (2 * log_std).exp() - 1 - 2 * log_std).sum(1)


def log_likelihood(pixels: torch.Tensor, mean: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the Gaussian density of each pixel, of the shape of ``pixels``."""
    deviation = (pixels - mean) * (-log_std).exp()
    return -0.5 * deviation**2 - log_std - 0.5 * math.log(2 * math.pi)


def spectral(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Return the focal frequency loss: squared differences of spectra, large ones weighing more.

    Jiang et al. 2021, "Focal Frequency Loss for Image Reconstruction and Synthesis", equations 7 to
    9 with alpha 1, in 2-D or 3-D. Of one unit with the mean squared error: without the weights, by
    Parseval's theorem, they are equal. Both are ``(batch, channel, *spatial)``.
    """
    axes = tuple(range(2, made.ndim))
    difference = torch.fft.fftn(made.float() - real.float(), dim=axes, norm="ortho").abs()
    with torch.no_grad():
        weight = difference / difference.amax(axes, keepdim=True).clamp(min=1e-8)
    loss: torch.Tensor = (weight * difference**2).mean()
    return loss


def masked(pixels: torch.Tensor, step: Step) -> torch.Tensor:
    """Return images with squares of random grey, zero to three in each, to be filled in.

    Zimmerer et al. 2018, "Context-encoding Variational Autoencoder for Unsupervised Anomaly
    Detection". Numbers as in the published code of Chatterjee et al. 2022 (StRegA): squares of up
    to half the side. In 3-D they are cubes. ``pixels`` are ``(batch, channel, *spatial)``.
    """
    count, dims = len(pixels), pixels.ndim - 2
    number = step.integers(count, SQUARES + 1)
    for square in range(SQUARES):
        side, grey = step.uniform(count, 1) * LARGEST, step.uniform(count)
        start = step.uniform(count, dims) * (1 - side)
        inside = (number > square).view(-1, *[1] * (dims + 1))
        for axis, length in enumerate(pixels.shape[2:]):
            place = (torch.arange(length, device=pixels.device) + 0.5) / length
            low = start[:, axis : axis + 1]
            within = (place >= low) & (place < low + side)
            shape = [count, 1, *[1] * dims]
            shape[2 + axis] = length
            inside = inside & within.view(shape)
        pixels = torch.where(inside, grey.view(-1, *[1] * (dims + 1)).to(pixels.dtype), pixels)
    return pixels


class Perceptual:
    """Distance in the features of SqueezeNet 1.1, trained on ImageNet.

    Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric":
    features of each layer, normalised to length 1 at each place, compared by squared differences;
    here without their trained weights of channels. Of volumes, one random plane across each axis is
    seen. Its ``weights`` are in a file; ``None`` downloads them.
    """

    def __init__(self, weights: Path | None, device: torch.device) -> None:
        from brainzoo_metrics.features import Features
        from brainzoo_metrics.options import FeatureOptions

        options = FeatureOptions(extractor="squeezenet", features_weights=weights, layer="fire7")
        self._network = Features.load(options, owner="").network.to(device)

    def __call__(self, made: torch.Tensor, real: torch.Tensor, step: Step) -> torch.Tensor:
        """Return the distance of images ``(batch, channel, *spatial)`` in [0, 1], averaged."""
        planes = [(made, real)]
        if made.ndim == 5:
            at = [int(step.uniform(1) * side) for side in made.shape[2:]]
            planes = [(made.select(2 + i, k), real.select(2 + i, k)) for i, k in enumerate(at)]
        return torch.stack([self._distance(m, r) for m, r in planes]).mean()

    def _distance(self, made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        both = torch.cat([made, real]).flatten(0, 1).unsqueeze(1)
        total = both.new_zeros(())
        for module in _modules(self._network):
            both = module(both)
            if type(module).__name__ == "Fire":
                a, b = normalize(both.float(), dim=1).chunk(2)
                total = total + ((a - b) ** 2).sum(1).mean()
        return total


def _modules(network: nn.Module) -> list[nn.Module]:
    """Return the modules of the network in order, those within a sequence one by one."""
    if not isinstance(network, nn.Sequential):
        return [network]
    return [inner for module in network for inner in _modules(module)]
