"""Edits of real images with a flow: filling in a region, and changing a condition.

Inpainting replaces the known pixels of every prediction of the clean image (Wang et al. 2023, DDNM,
arXiv 2212.00490), and repeats each step with fresh noise so that both sides of the seam agree
(Lugmayr et al. 2022, RePaint, arXiv 2201.09865). An exact packing allows masks of any shape.

A condition is changed by inversion (Song et al. 2021, DDIM, arXiv 2010.02502): the image flows back
under its own condition and forwards under the new one.
"""

from __future__ import annotations

import itertools

import torch

from brainzoo_flow import path
from brainzoo_flow.spaces import Space

REPEATS = 3
"""How often each step is repeated; in between, the image is noised again."""
MOST_TIME = 0.98
"""Where inversion begins: at 1 the velocity has no meaning any more."""


def inpainted(
    packing: Space,
    denoise: path.Denoiser,
    pixels: torch.Tensor,
    mask: torch.Tensor,
    noise: torch.Tensor,
    steps: int,
) -> torch.Tensor:
    """Return images with masked pixels made anew.

    Args:
        packing: Of the network.
        denoise: The network with its conditions.
        pixels: ``(batch, channel, *spatial)`` in [-1, 1].
        mask: Of the same shape: true where to fill in.
        noise: ``(batch, *packed)``: decides what is filled in.
        steps: From noise to image.
    """
    z = noise
    times = path.schedule(steps)
    for now, then in itertools.pairwise(times):
        time = torch.full((len(z),), now, device=z.device)
        for repeat in range(REPEATS):
            made = packing.inverse(denoise(z, time))
            image = packing(torch.where(mask, made, pixels))
            if then == 1.0:
                return packing.inverse(image)
            if repeat < REPEATS - 1:
                # The noise that the present image implies keeps what is known consistent.
                z = path.between(_noise_of(z, image, time, noise), image, time)
            else:
                z = z + (then - now) * path.velocity_of(image, z, time)
    return pixels


def translated(
    packing: Space,
    before: path.Denoiser,
    after: path.Denoiser,
    pixels: torch.Tensor,
    strength: float,
    steps: int,
) -> torch.Tensor:
    """Return images ``(batch, channel, *spatial)`` in [-1, 1] under another condition.

    Args:
        packing: Of the network.
        before: The network with the images' own conditions.
        after: The network with the new ones.
        pixels: ``(batch, channel, *spatial)`` in [-1, 1].
        strength: How far back, from 0 to 1.
        steps: Each way.
    """
    end = (1 - strength) * MOST_TIME
    image = packing(pixels)
    back = path.solve(before, image, steps=steps, begin=MOST_TIME, end=end)
    # What the model cannot make of the image under its own condition stays as it is.
    same = path.solve(before, back, steps=steps, begin=end)
    moved = path.solve(after, back, steps=steps, begin=end)
    return packing.inverse(image + moved - same)


def _noise_of(
    z: torch.Tensor, image: torch.Tensor, time: torch.Tensor, noise: torch.Tensor
) -> torch.Tensor:
    """Return noise halfway between what ``z`` implies and fresh noise, of unit variance."""
    t = path.wide(time, z)
    implied = (z - t * image) / (1 - t)
    turned = noise.roll(1, dims=-1)
    return (implied + turned) / 2**0.5
