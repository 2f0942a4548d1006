"""The two networks of PGGAN, in 2-D and 3-D.

Karras, Aila, Laine and Lehtinen 2018, "Progressive Growing of GANs for Improved Quality, Stability,
and Variation", sections 2 to 4, appendix A.1 (table 2). All stages exist from the beginning; only
those of the present stage are computed, so only they get gradients.

Differences from the paper:

- In the discriminator the downscaling is fused with the convolution before it, so that the leaky
  ReLU comes after it (as in the authors' code; table 2 has it before).
- The last convolutions over all of the 4 × 4 pixels are written as fully connected layers.
- Minibatch statistics are taken over groups of four images, as in the authors' code; of three, of
  two, or of the batch where that does not divide it.
- The embeddings of conditions learn at the plain rate, not at the equalised one.
- Conditions (class, age, sex, ...) enter the generator as a linear embedding beside the latent,
  brought to constant length like it, and the discriminator by projection (Miyato and Koyama 2018)
  onto a linear map of them; the paper adds an auxiliary classifier of classes instead. Conditions
  that begin at a later resolution enter the generator as biases that are linear in them.
- Widths are options; the paper's are 512 channels up to 32 × 32 and half as many a stage above.
- In 3-D every kernel has the same width along the third axis; nothing else changes.

Upscaling is fused with the convolution after it, and downscaling with the one before it, as in the
authors' code: a nearest-neighbour upscale and a 3-wide convolution are one transposed convolution
of width 4 and stride 2 with 16/36 of the multiplications (in 3-D, 64/216).
"""

from __future__ import annotations

import dataclasses
import functools
import math
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import avg_pool2d, avg_pool3d, interpolate, leaky_relu, pad

LEAK = 0.2
EPSILON = 1e-8
GROUP = 4  # the authors' code takes statistics over groups of four
NARROWEST = 8

START = 4
"""Resolution of stage 0."""

TICKS = 1024
"""The fade moves in steps of 1/1024, so that a level is a whole number that checkpoints hold."""


@dataclasses.dataclass(frozen=True)
class Growth:
    """A stage and how far its layers are faded in.

    Stage 0 makes images of 4 pixels a side, each stage twice as many. ``alpha`` is the share of the
    newest layers in the image, in (0, 1]; 1 when they are faded in.
    """

    stage: int
    alpha: float = 1.0

    @property
    def resolution(self) -> int:
        """Edge of the images in pixels."""
        return START << self.stage

    @property
    def level(self) -> int:
        """Stage and fade as one number that only rises, in 1/1024 of a stage."""
        return round((self.stage - 1 + self.alpha) * TICKS)

    @classmethod
    def at(cls, level: int) -> Growth:
        """Return what :attr:`level` stands for."""
        stage = math.ceil(level / TICKS)
        return cls(stage, level / TICKS - stage + 1)


def last_stage(size: int) -> int:
    """Return the stage at which images have this many pixels a side, a power of two."""
    return size.bit_length() - START.bit_length()


def widths_of(size: int, base: int, narrow_from: int) -> list[int]:
    """Return the channels of each stage up to ``size``: half as many above ``narrow_from``."""
    sides = [Growth(stage).resolution for stage in range(last_stage(size) + 1)]
    return [max(NARROWEST, min(base, base * narrow_from // side)) for side in sides]


class Generator(nn.Module):
    """Latent to image of the present stage.

    ``widths`` are the channels of each stage; ``conditions`` numbers encode an image's conditions,
    which stages from ``condition_stage`` on know. With one of the ``convolutions`` of a stage there
    is only that which is fused with the scaling.
    """

    level: torch.Tensor

    def __init__(
        self,
        dims: int,
        channels: int,
        latent: int,
        widths: list[int],
        conditions: int,
        condition_stage: int,
        convolutions: int = 2,
    ) -> None:
        super().__init__()
        # An integer, so that averaging copies it; state and checkpoints hold it.
        self.register_buffer("level", torch.zeros((), dtype=torch.int64))
        self.start = (widths[0], *[START] * dims)
        beside = conditions and condition_stage == 0
        self.embed = nn.Linear(conditions, latent, bias=False) if beside else None
        if self.embed is not None:
            nn.init.normal_(self.embed.weight)
        # The authors' code: a gain of √2 / 4 makes up for the 4 × 4 places of one latent.
        self.project = Linear(
            2 * latent if beside else latent, torch.Size(self.start).numel(), 2**0.5 / 4
        )
        blocks: list[nn.Module] = []
        for stage, width in enumerate(widths):
            known = conditions if 0 < condition_stage <= stage else 0
            first, twice = stage == 0, convolutions == 2
            blocks.append(_Growing(widths[max(0, stage - 1)], width, dims, first, known, twice))
        self.blocks = nn.ModuleList(blocks)
        self.to_image = nn.ModuleList(Convolution(w, channels, 1, dims, gain=1) for w in widths)

    @property
    def growth(self) -> Growth:
        """How far this network had grown when its weights were last trained."""
        return Growth.at(int(self.level))

    def forward(
        self, latent: torch.Tensor, conditions: torch.Tensor, growth: Growth
    ) -> torch.Tensor:
        """Return images ``(batch, channel, *spatial)`` of the stage's resolution, about [-1, 1].

        Of a ``latent`` only the direction matters; ``conditions`` are ``(batch, width)``, all zeros
        where nothing is known.
        """
        return self.grow(self.first(latent, conditions), conditions, growth)

    def first(self, latent: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """Return the 4-pixel features that everything else is computed from."""
        latent = pixel_norm(latent)
        if self.embed is not None:
            latent = torch.cat([latent, pixel_norm(self.embed(conditions))], dim=1)
        return pixel_norm(activate(self.project(latent).view(-1, *self.start)))

    def grow(
        self, features: torch.Tensor, conditions: torch.Tensor, growth: Growth
    ) -> torch.Tensor:
        """Return the image that the first features become."""
        before = features
        for block in self.blocks[: growth.stage + 1]:
            before, features = features, block(features, conditions)
        pixels: torch.Tensor = self.to_image[growth.stage](features)
        if growth.stage and growth.alpha < 1:
            coarse = upsample(self.to_image[growth.stage - 1](before))
            pixels = coarse + growth.alpha * (pixels - coarse)
        return pixels.float()


class _Growing(nn.Module):
    """Doubles the resolution (all but the first) and convolves."""

    def __init__(
        self, incoming: int, width: int, dims: int, first: bool, conditions: int, twice: bool
    ) -> None:
        super().__init__()
        self.up = None if first else Convolution(incoming, width, 3, dims, scaling="up")
        self.convolve = Convolution(width, width, 3, dims) if first or twice else None
        self.bias = nn.Linear(conditions, width, bias=False) if conditions else None
        if self.bias is not None:
            nn.init.zeros_(self.bias.weight)  # so that what begins late shakes nothing

    def forward(self, features: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        if self.up is not None:
            features = self.up(features)
            if self.bias is not None:
                bias = self.bias(conditions).to(features.dtype)
                features = features + bias.view(*bias.shape, *[1] * (features.ndim - 2))
            features = pixel_norm(activate(features))
        return features if self.convolve is None else pixel_norm(activate(self.convolve(features)))


class Discriminator(nn.Module):
    """Image of the present stage to one number: how real it looks; see :class:`Generator`.

    With ``statistics`` it sees the minibatch's standard deviation.
    """

    def __init__(
        self,
        dims: int,
        channels: int,
        widths: list[int],
        conditions: int,
        condition_stage: int,
        statistics: bool,
        convolutions: int = 2,
    ) -> None:
        super().__init__()
        self.from_image = nn.ModuleList(Convolution(channels, w, 1, dims) for w in widths)
        self.blocks = nn.ModuleList(
            _Shrinking(width, narrower, dims, convolutions == 2)
            for narrower, width in pairwise(widths)
        )
        self.statistics = statistics
        self.condition_stage = condition_stage
        self.convolve = Convolution(widths[0] + statistics, widths[0], 3, dims)
        self.connect = Linear(widths[0] * START**dims, widths[0])
        self.judge = Linear(widths[0], 1, gain=1)
        self.embed = nn.Linear(conditions, widths[0], bias=False) if conditions else None
        if self.embed is not None:
            nn.init.zeros_(self.embed.weight)  # so that what begins late shakes nothing

    def forward(
        self, pixels: torch.Tensor, conditions: torch.Tensor, growth: Growth, batches: int = 1
    ) -> torch.Tensor:
        """Return logits ``(batch,)`` in float32 of ``pixels`` of the stage's resolution.

        They may be several ``batches`` of one size, one after another: each has minibatch
        statistics of its own, and one pass is faster than several.
        """
        features = activate(self.from_image[growth.stage](pixels))
        for stage in range(growth.stage, 0, -1):
            features = self.blocks[stage - 1](features)
            if stage == growth.stage and growth.alpha < 1:
                coarse = activate(self.from_image[stage - 1](downsample(pixels)))
                features = coarse + growth.alpha * (features - coarse)
        if self.statistics:
            features = torch.cat([minibatch_stddev(part) for part in features.chunk(batches)])
        features = activate(self.connect(activate(self.convolve(features)).flatten(1)))
        # Batch by batch: where real and fake pull the bias alike (rpgan), its gradient is zero.
        # Of one sum over both it would be the last digit, and Adam would make steps of that.
        logits = torch.cat([self.judge(part) for part in features.chunk(batches)])
        logits = logits.squeeze(1).float()
        if self.embed is not None and growth.stage >= self.condition_stage:
            likeness = (self.embed(conditions).float() * features.float()).sum(1)
            logits = logits + likeness / features.shape[1] ** 0.5
        return logits


class _Shrinking(nn.Module):
    """Convolves and halves the resolution."""

    def __init__(self, incoming: int, outgoing: int, dims: int, twice: bool) -> None:
        super().__init__()
        self.convolve = Convolution(incoming, incoming, 3, dims) if twice else None
        self.down = Convolution(incoming, outgoing, 3, dims, scaling="down")

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if self.convolve is not None:
            features = activate(self.convolve(features))
        return activate(self.down(features))


def matching(pixels: torch.Tensor, growth: Growth) -> torch.Tensor:
    """Return full-size images as the discriminator of a stage is to see them (section 2)."""
    pixels = downsample(pixels, pixels.shape[2] // growth.resolution)
    if growth.stage and growth.alpha < 1:
        coarse = upsample(downsample(pixels))
        pixels = coarse + growth.alpha * (pixels - coarse)
    return pixels


def activate(values: torch.Tensor) -> torch.Tensor:
    """Leaky ReLU with the paper's slope."""
    return leaky_relu(values, LEAK)


def pixel_norm(values: torch.Tensor) -> torch.Tensor:
    """Scale the vector over channels at each pixel to length one per channel (section 4.2)."""
    normalised: torch.Tensor = _PixelNorm.apply(values)  # type: ignore[no-untyped-call]
    return normalised


class _PixelNorm(torch.autograd.Function):
    """Pixel norm with its gradient in closed form: 2 to 4 times as fast as autograd's on a CPU.

    With n = (mean x² + ε)^½ and y = x / n, the gradient is (g - y mean(g y)) / n.
    """

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        length = torch.linalg.vector_norm(values, dim=1, keepdim=True)
        length = length.square_().div_(values.shape[1]).add_(EPSILON).sqrt_()
        normalised: torch.Tensor = values / length
        ctx.save_for_backward(normalised, length)
        return normalised

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        normalised, length = ctx.saved_tensors
        # A product with a row of equal weights is the mean over channels, in half the time.
        channels = normalised.shape[1]
        row = torch.full((1, channels), 1 / channels, dtype=gradient.dtype, device=gradient.device)
        products = (gradient * normalised).movedim(1, -1)
        along = nn.functional.linear(products, row).movedim(-1, 1)
        return torch.addcmul(gradient, normalised, along, value=-1).div_(length)


def upsample(pixels: torch.Tensor, factor: int = 2) -> torch.Tensor:
    """Repeat each pixel (nearest neighbour)."""
    return interpolate(pixels, scale_factor=factor) if factor > 1 else pixels


def downsample(pixels: torch.Tensor, factor: int = 2) -> torch.Tensor:
    """Average boxes of pixels (area)."""
    if factor == 1:
        return pixels
    return avg_pool2d(pixels, factor) if pixels.ndim == 4 else avg_pool3d(pixels, factor)


def group_of(batch: int) -> int:
    """Return how many images share their statistics: four if that divides the batch."""
    return next((size for size in (GROUP, 3, 2) if batch % size == 0), batch)


def minibatch_stddev(features: torch.Tensor) -> torch.Tensor:
    """Append a channel: how much the images of a group differ (section 3)."""
    batch, group = len(features), group_of(len(features))
    grouped = features.float().reshape(group, batch // group, -1)
    variance = (grouped - grouped.mean(0)).square().mean(0)  # var() is 20 times as slow
    deviation = (variance + EPSILON).sqrt().mean(1)
    column = (batch, 1, *[1] * (features.ndim - 2))
    wanted = (batch, 1, *features.shape[2:])
    channel = deviation.repeat(group).view(column).expand(wanted).to(features.dtype)
    return torch.cat([features, channel], dim=1)


class Linear(nn.Module):
    """Fully connected, with equalised learning rate (section 4.1).

    ``gain`` scales the output's standard deviation: √2 before a leaky ReLU.
    """

    def __init__(self, incoming: int, outgoing: int, gain: float = math.sqrt(2)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outgoing, incoming))
        self.bias = nn.Parameter(torch.zeros(outgoing))
        self.scale = gain / math.sqrt(incoming)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, outgoing)``."""
        # The scale on the values: there are fewer of them than weights.
        return nn.functional.linear(values * self.scale, self.weight, self.bias)


class Convolution(nn.Module):
    """Convolution that keeps the size, with equalised learning rate (section 4.1); see Linear.

    The ``scaling`` ``up`` upscales twofold before it, ``down`` averages twofold after it.
    """

    def __init__(
        self,
        incoming: int,
        outgoing: int,
        kernel: int,
        dims: int,
        gain: float = math.sqrt(2),
        scaling: str = "",
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outgoing, incoming, *[kernel] * dims))
        self.bias = nn.Parameter(torch.zeros(outgoing))
        self.scale = gain / math.sqrt(incoming * kernel**dims)
        self.scaling = scaling

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, outgoing, *spatial)``."""
        plane = images.ndim == 4
        convolve = torch.conv2d if plane else torch.conv3d
        transposed = torch.conv_transpose2d if plane else torch.conv_transpose3d
        weight = self.weight * self.scale
        if self.scaling == "up":
            return transposed(images, _spread(weight, "up").transpose(0, 1), self.bias, 2, 1)
        if self.scaling == "down":
            return convolve(images, _spread(weight, "down"), self.bias, 2, 1)
        if weight[0, 0].numel() == 1:
            # Twice as fast as a 1-wide convolution, and the result has its channels last.
            mixed = nn.functional.linear(images.movedim(1, -1), weight.flatten(1), self.bias)
            return mixed.movedim(-1, 1)
        return convolve(images, weight, self.bias, 1, weight.shape[2] // 2)


def _spread(weight: torch.Tensor, scaling: str) -> torch.Tensor:
    """Widen 3-wide kernels to 4, for stride 2 and padding 1.

    One product with a constant matrix, cheaper than shifted sums.
    """
    dims = weight.ndim - 2
    matrix = _spreading(dims, scaling, weight.dtype, weight.device)
    # A plain product of two matrices: matmul would turn three axes into a batch of small ones.
    return (weight.reshape(-1, 3**dims) @ matrix).view(*weight.shape[:2], *[4] * dims)


@functools.cache
def _spreading(dims: int, scaling: str, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return ``(3^dims, 4^dims)``: each weight falls on two neighbouring places along each axis."""
    with torch.inference_mode(False):  # what sampling keeps, training uses
        kernels = torch.eye(3**dims, dtype=dtype, device=device).view(-1, *[3] * dims)
        for axis in range(1, dims + 1):
            margins = [0, 0] * (dims - axis)
            kernels = pad(kernels, [*margins, 1, 0]) + pad(kernels, [*margins, 0, 1])
        turned = list(range(1, dims + 1))
        kernels = kernels.flip(turned) if scaling == "up" else kernels * 0.5**dims
        return kernels.flatten(1)
