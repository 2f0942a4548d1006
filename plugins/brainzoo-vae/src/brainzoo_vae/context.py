"""Masked squares that the context-encoding variants learn to fill in.

Zimmerer et al. 2018, "Context-encoding Variational Autoencoder for Unsupervised Anomaly Detection":
squares of random size and place are filled with a random grey, and the model is to give the whole
image. Numbers as in the published code of Chatterjee et al. 2022 (StRegA): up to three squares of
up to half the side. In 3-D they are cubes.
"""

# ruff: noqa: TID253 (imported by brainzoo_vae.generator only)

from __future__ import annotations

import torch

from brainzoo.training import Step

SQUARES = 3
LARGEST = 0.5
"""Of the image's side."""


def masked(pixels: torch.Tensor, step: Step) -> torch.Tensor:
    """Return images with squares of random grey; none, one, two or three in each.

    Args:
        pixels: ``(batch, channel, *spatial)`` in [0, 1].
        step: The step's random numbers.
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
