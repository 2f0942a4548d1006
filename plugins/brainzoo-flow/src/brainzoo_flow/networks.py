"""The network of the flow: a U-Net that knows time and conditions, around a view of images.

The U-Net is that of Ho et al. 2020 (arXiv 2006.11239), appendix B, with the scale and shift of
Dhariwal and Nichol 2021 (arXiv 2105.05233), section 3. Differences from the papers:

- what it sees are not pixels but a view of them (:mod:`brainzoo_flow.spaces`);
- a further input says whether an image is augmented (Karras et al. 2022, appendix F.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from brainzoo_flow.config import GROUPS
from brainzoo_flow.spaces import Space

FREQUENCIES = 64
FEW = 1024
"""Places: with fewer, torch's group normalisation of bf16 takes four times as long (2.13, CPUs)."""


class Norm(nn.GroupNorm):
    """Group normalisation that draws in float32 where that is faster."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x`` normalised, in float32 or in its own precision."""
        slow = x.dtype is torch.bfloat16 and x.device.type == "cpu" and x[0, 0].numel() < FEW
        return super().forward(x.float() if slow and not self.training else x)


class Block(nn.Module):
    """Two convolutions with a shortcut, scaled and shifted by the embedding."""

    def __init__(self, dims: int, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            Norm(GROUPS, inputs), nn.SiLU(), _convolution(dims, inputs, outputs, 3)
        )
        self.modulate = nn.Linear(embedding, 2 * outputs)
        self.norm = Norm(GROUPS, outputs)
        self.second = _zero(_convolution(dims, outputs, outputs, 3))
        self.shortcut = (
            nn.Identity() if inputs == outputs else _convolution(dims, inputs, outputs, 1)
        )

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, outputs, *spatial)``."""
        wide = self.modulate(embedding).view(x.shape[0], -1, *[1] * (x.ndim - 2))
        scale, shift = wide.chunk(2, dim=1)
        h = torch.addcmul(shift, self.norm(self.first(x)), 1 + scale)
        return cast(torch.Tensor, self.shortcut(x) + self.second(functional.silu(h)))


class Attention(nn.Module):
    """Self-attention over all places (Vaswani et al. 2017), with heads of at most 64 channels."""

    def __init__(self, dims: int, channels: int) -> None:
        super().__init__()
        self.heads = max(1, channels // 64)
        while channels % self.heads:
            self.heads -= 1
        self.norm = Norm(GROUPS, channels)
        self.qkv = _convolution(dims, channels, 3 * channels, 1)
        self.out = _zero(_convolution(dims, channels, channels, 1))

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """Return ``x`` and what each place takes from the others; the embedding is not used."""
        parts = self.qkv(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1)).mT
        q, k, v = parts.unbind(1)
        found = functional.scaled_dot_product_attention(q, k, v)
        return cast(torch.Tensor, x + self.out(found.mT.flatten(1, 2).view_as(x)))


class UNet(nn.Module):
    """Predicts from noisy packed images, their times and conditions.

    Args:
        dims: 2 or 3.
        channels: Of what comes in and goes out.
        widths: Channels of each level; each is half as large as the one before.
        condition: Numbers that encode conditions and augmentation.
        embedding: Length of the embedding of time and condition.
        blocks: Residual blocks a level on the way down; one more on the way up.
        attention: How many of the lowest levels have attention.
    """

    def __init__(
        self,
        dims: int,
        channels: int,
        widths: Sequence[int],
        condition: int,
        embedding: int = 192,
        blocks: int = 2,
        attention: int = 1,
    ) -> None:
        super().__init__()
        self.time = nn.Linear(2 * FREQUENCIES, embedding)
        self.condition = nn.Linear(condition, embedding)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU())
        self.enter = _convolution(dims, channels, widths[0], 3)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        kept, width = [widths[0]], widths[0]
        for level, own in enumerate(widths):
            attends = level >= len(widths) - attention
            for _ in range(blocks):
                self.down.append(_level(dims, width, own, embedding, attends))
                width = own
                kept.append(width)
            if level < len(widths) - 1:
                self.down.append(_convolution(dims, width, width, 3, stride=2))
                kept.append(width)
        self.middle = nn.ModuleList(
            [
                Block(dims, width, width, embedding),
                Attention(dims, width),
                Block(dims, width, width, embedding),
            ]
        )
        for level, own in reversed(list(enumerate(widths))):
            attends = level >= len(widths) - attention
            for _ in range(blocks + 1):
                self.up.append(_level(dims, width + kept.pop(), own, embedding, attends))
                width = own
            if level:
                self.up.append(_convolution(dims, width, width, 3))
        self.leave = nn.Sequential(
            Norm(GROUPS, width), nn.SiLU(), _zero(_convolution(dims, width, channels, 3))
        )

    def forward(self, x: torch.Tensor, time: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Return the prediction, of the shape of ``x``.

        Args:
            x: ``(batch, channel, *spatial)``, between noise and packed image.
            time: ``(batch,)``: 0 is noise, 1 is the image.
            condition: ``(batch, condition)``.
        """
        embedding = self.mix(self.time(_waves(time)) + self.condition(condition))
        x = self.enter(x)
        kept = [x]
        for part in self.down:
            x = _through(part, x, embedding)
            kept.append(x)
        for part in self.middle:
            x = part(x, embedding)
        for part in self.up:
            if isinstance(part, nn.ModuleList):
                x = _through(part, torch.cat([x, kept.pop()], 1), embedding)
            else:
                x = part(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        if not self.training and torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):  # bf16 has 256 levels of grey
                return cast(torch.Tensor, self.leave(x.float()))
        return cast(torch.Tensor, self.leave(x))


class FlowNetwork(nn.Module):
    """All that is published: the packing and the U-Net."""

    def __init__(self, packing: Space, unet: UNet) -> None:
        super().__init__()
        self.packing, self.unet = packing, unet


def _level(dims: int, inputs: int, outputs: int, embedding: int, attends: bool) -> nn.ModuleList:
    parts: list[nn.Module] = [Block(dims, inputs, outputs, embedding)]
    return nn.ModuleList([*parts, Attention(dims, outputs)] if attends else parts)


def _through(part: nn.Module, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
    if not isinstance(part, nn.ModuleList):
        return cast(torch.Tensor, part(x))
    for layer in part:
        x = layer(x, embedding)
    return x


def _waves(time: torch.Tensor) -> torch.Tensor:
    """Return ``(batch, 2 · FREQUENCIES)`` sines and cosines, from one wave in 2 to 500 in 1."""
    frequencies = torch.logspace(math.log10(math.pi), math.log10(1000 * math.pi), FREQUENCIES)
    angles = time[:, None] * frequencies.to(time)
    return torch.cat([angles.sin(), angles.cos()], 1)


def _convolution(dims: int, inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
    kind = nn.Conv2d if dims == 2 else nn.Conv3d
    return kind(inputs, outputs, kernel, stride, kernel // 2)


def _zero(convolution: nn.Module) -> nn.Module:
    for parameter in convolution.parameters():
        nn.init.zeros_(parameter)
    return convolution
