"""The parts that PGGAN's networks are made of, in 2-D and 3-D.

Karras et al. 2018: minibatch standard deviation (section 3), equalised learning rate (4.1), pixel
norm (4.2). Upscaling is fused with the convolution after it, and downscaling with the one before
it, as in the authors' code: a nearest-neighbour upscale and a 3-wide convolution are one transposed
convolution of width 4 and stride 2 with 16/36 of the multiplications (in 3-D, 64/216).
"""

# ruff: noqa: TID253 (imported by networks.py only)

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import avg_pool2d, avg_pool3d, interpolate, leaky_relu, pad

LEAK = 0.2
EPSILON = 1e-8
GROUP = 4  # the authors' code takes statistics over groups of four


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
    """Append a channel: how much the images of a group differ (section 3).

    Args:
        features: ``(batch, channel, *spatial)``.

    Returns:
        ``(batch, channel + 1, *spatial)``.
    """
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

    Args:
        incoming: Features in.
        outgoing: Features out.
        gain: Scale of the output's standard deviation; √2 before a leaky ReLU.
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
    """Convolution that keeps the size, with equalised learning rate (section 4.1).

    Args:
        incoming: Channels in.
        outgoing: Channels out.
        kernel: Width of the kernel, odd.
        dims: 2 or 3.
        gain: Scale of the output's standard deviation; √2 before a leaky ReLU.
        scaling: ``up`` upscales twofold before it, ``down`` averages twofold after it.
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
        if self.scaling == "up":
            kernel = upscaling_kernel(self.weight * self.scale)
            return transposed(images, kernel, self.bias, 2, 1)
        if self.scaling == "down":
            kernel = downscaling_kernel(self.weight * self.scale)
            return convolve(images, kernel, self.bias, 2, 1)
        weight = self.weight * self.scale
        if weight[0, 0].numel() == 1:
            # Twice as fast as a 1-wide convolution, and the result has its channels last.
            mixed = nn.functional.linear(images.movedim(1, -1), weight.flatten(1), self.bias)
            return mixed.movedim(-1, 1)
        return convolve(images, weight, self.bias, 1, weight.shape[2] // 2)


def upscaling_kernel(weight: torch.Tensor) -> torch.Tensor:
    """Return the stride-2 transposed kernel that upscales and then convolves.

    Args:
        weight: ``(outgoing, incoming, 3, 3[, 3])``.

    Returns:
        ``(incoming, outgoing, 4, 4[, 4])``, for padding 1.
    """
    return _spread(weight, "up").transpose(0, 1)


def downscaling_kernel(weight: torch.Tensor) -> torch.Tensor:
    """Return the stride-2 kernel that convolves and then averages twofold, for padding 1."""
    return _spread(weight, "down")


def _spread(weight: torch.Tensor, scaling: str) -> torch.Tensor:
    """Widen 3-wide kernels to 4: one product with a constant matrix, cheaper than shifted sums."""
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
