"""Edits of real images with a flow: filling in a region, and changing a condition.

Inpainting puts the known pixels into every prediction of the clean image (Wang et al. 2023, DDNM,
arXiv 2212.00490) and adds fresh noise of the next time to it, so that both sides of the seam come
to agree (as the repeats of Lugmayr et al. 2022, RePaint, arXiv 2201.09865). Noise that a prediction
with known pixels implies must not be kept: near the image its error is divided by almost nothing.
An exact packing allows masks of any shape.

A condition is changed by inversion (Song et al. 2021, DDIM, arXiv 2010.02502): the image flows back
under its own condition and forwards under the new one.
"""

from __future__ import annotations

import torch

from brainzoo_flow import path
from brainzoo_flow.spaces import Space

STEPS = 4
"""How many steps inpainting takes for each step of sampling."""
LAST = 0.7
"""The time of inpainting's last step. Later ones see detail of what was made and nothing to hold it
to: each exaggerates the one before, and with it the seam (docs/history.md, "Filling in"). An exact
model would gain by them."""
MOST_TIME = 0.98
"""Where inversion begins: at 1 the velocity has no meaning any more."""


def inpainted(
    packing: Space,
    denoise: path.Denoiser,
    pixels: torch.Tensor,
    mask: torch.Tensor,
    noise: torch.Tensor,
) -> torch.Tensor:
    """Return images with masked pixels made anew.

    Args:
        packing: Of the network.
        denoise: The network with its conditions.
        pixels: ``(batch, channel, *spatial)`` in [-1, 1].
        mask: Of the same shape: true where to fill in.
        noise: ``(batch, step, *packed)``: decides what is filled in.
    """
    image = torch.zeros_like(noise[:, 0])  # the first time is 0: nothing of it is seen
    for step, now in enumerate(path.schedule(noise.shape[1] - 1, end=LAST)):
        time = torch.full((len(image),), now, device=image.device)
        made = packing.inverse(denoise(path.between(noise[:, step], image, time), time))
        image = packing(torch.where(mask, made, pixels))
    return packing.inverse(image)


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
