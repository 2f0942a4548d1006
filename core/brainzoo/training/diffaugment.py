"""Differentiable augmentation of real and fake images alike, for the few subjects that MRI has.

Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training", section 3: the
discriminator sees only augmented images, real and fake, and gradients flow through to the
generator, so that the augmentations do not leak into what is generated.

Differences from the paper: brightness is scaled mildly (MR intensities carry contrast), colour
saturation has no meaning here, and everything works on 2-D and 3-D images.
"""

from __future__ import annotations

import torch

from brainzoo.training.step import Step

SHIFT = 1 / 8  # the paper's translation ratio
CUTOUT = 1 / 2  # the paper's side of the hole
BRIGHTNESS = 0.2


def diffaugment(pixels: torch.Tensor, step: Step, policy: tuple[str, ...]) -> torch.Tensor:
    """Augment ``(batch, channel, *spatial)`` in [-1, 1], background at -1; differentiable.

    ``policy`` is any of ``brightness``, ``translation``, ``cutout``.
    """
    if "brightness" in policy:
        scale = 1 + step.uniform(len(pixels), low=-BRIGHTNESS, high=BRIGHTNESS)
        pixels = (pixels + 1) * scale.view(-1, *[1] * (pixels.ndim - 1)) - 1
    if "translation" in policy:
        pixels = _translate(pixels, step)
    if "cutout" in policy:
        pixels = _cut_out(pixels, step)
    return pixels


def _translate(pixels: torch.Tensor, step: Step) -> torch.Tensor:
    """Shift each image by whole pixels along each axis; what comes in is background."""
    for axis in range(2, pixels.ndim):
        length = pixels.shape[axis]
        most = max(1, round(length * SHIFT))
        shift = step.integers(len(pixels), 2 * most + 1) - most
        source = torch.arange(length, device=pixels.device) - shift[:, None]
        inside = (source >= 0) & (source < length)
        shape = [len(pixels), 1] + [1] * (pixels.ndim - 2)
        shape[axis] = length
        index = source.clamp(0, length - 1).view(shape).expand(pixels.shape)
        pixels = torch.where(inside.view(shape), pixels.gather(axis, index), -1.0)
    return pixels


def _cut_out(pixels: torch.Tensor, step: Step) -> torch.Tensor:
    """Replace a box at a random place by the middle of the range."""
    inside = torch.ones((len(pixels),) + (1,) * (pixels.ndim - 1), device=pixels.device) > 0
    for axis in range(2, pixels.ndim):
        length = pixels.shape[axis]
        hole = round(length * CUTOUT)
        centre = step.integers(len(pixels), length)
        place = torch.arange(length, device=pixels.device)
        near = (place - centre[:, None]).abs() * 2 < hole
        shape = [len(pixels), 1] + [1] * (pixels.ndim - 2)
        shape[axis] = length
        inside = inside & near.view(shape)
    return pixels.masked_fill(inside, 0.0)
