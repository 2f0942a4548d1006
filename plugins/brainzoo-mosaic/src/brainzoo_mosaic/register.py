"""Smooth one-to-one deformations that bring many images onto their common mean.

Log-demons (Vercauteren et al. 2008, MICCAI, "Symmetric Log-Domain Diffeomorphic Registration"): a
deformation is the exponential of a velocity field, so that a part of the way, the way back and a
mean of several people's are deformations, too. The mean is built of all (Joshi et al. 2004,
NeuroImage 23:S151).

Fields are ``(image, axis, *spatial)`` in voxels: ``moved(x, u)`` shows at p what is in x at p + u.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn import functional

ROUNDS = 3
"""How often all are brought onto the mean, and the mean is made anew."""

AT_ONCE = 128
"""Images that are registered at once, for memory's sake."""

LEVELS = ((4, 12), (2, 12), (1, 12))
"""Voxels that are averaged per side, and steps, of each level."""

SMOOTH, FLUID, MOST = 1.5, 1.0, 1.0
"""Smoothing of the field and of each step, and the longest step: in voxels of a level."""

SQUARINGS = 5


def to_mean(images: torch.Tensor, advance: Callable[[int], None]) -> torch.Tensor:
    """Return the velocity field that brings each image onto the mean of all.

    Args:
        images: ``(image, 1, *spatial)`` in [0, 1].
        advance: Told after each of :data:`ROUNDS`.
    """
    parts = torch.split(images, AT_ONCE)
    fields = [part.new_zeros(len(part), part.ndim - 2, *part.shape[2:]) for part in parts]
    for _ in range(ROUNDS):
        pairs = zip(parts, fields, strict=True)
        mean = _mean([moved(part, exponential(field)) for part, field in pairs])
        middle = _mean(fields)
        mean = moved(mean, exponential(-middle))  # nobody's shape is favoured
        fields = [
            registered(part, mean.expand_as(part), field - middle)
            for part, field in zip(parts, fields, strict=True)
        ]
        advance(1)
    return torch.cat(fields)


def _mean(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    total = torch.stack([part.sum(0, keepdim=True) for part in parts]).sum(0)
    return total / sum(map(len, parts))


def registered(images: torch.Tensor, aims: torch.Tensor, begun: torch.Tensor) -> torch.Tensor:
    """Return the velocity fields that make each image like its aim, from a first guess on."""
    field, pool = begun, _pool(images)
    for factor, steps in LEVELS:
        some, aim = (pool(x, factor) if factor > 1 else x for x in (images, aims))
        field = resized(field, some.shape[2:])
        slope = _gradient(aim)
        for _ in range(steps):
            now = moved(some, exponential(field))
            missing = aim - now
            along = (_gradient(now) + slope) / 2
            step = missing * along
            step = step / (along.square().sum(1, keepdim=True) + missing.square() + 1e-4)
            length = step.square().sum(1, keepdim=True).sqrt()
            step = step * (MOST / length.clamp_min(MOST))
            field = smoothed(field + smoothed(step, FLUID), SMOOTH)
    return field


def exponential(field: torch.Tensor) -> torch.Tensor:
    """Return the displacement that a velocity field leads to in one unit of time."""
    found: torch.Tensor = field / 2**SQUARINGS
    for _ in range(SQUARINGS):
        found = found + moved(found, found)
    return found


def moved(x: torch.Tensor, displacement: torch.Tensor) -> torch.Tensor:
    """Return ``x`` read at displaced places, linearly; beyond the edge is what is at the edge."""
    sides = x.shape[2:]
    axes = [torch.linspace(-1, 1, side, device=x.device) for side in sides]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    scale = torch.tensor([2 / (side - 1) for side in sides], device=x.device)
    grid = places + displacement * scale.view(-1, *[1] * len(sides))
    grid = grid.movedim(1, -1).flip(-1)  # grid_sample counts the axes from the last one
    found: torch.Tensor = functional.grid_sample(x, grid, padding_mode="border", align_corners=True)
    return found


def resized(field: torch.Tensor, sides: torch.Size) -> torch.Tensor:
    """Return a field on another grid, its lengths in voxels of that grid."""
    if field.shape[2:] == sides:
        return field
    ratio = sides[0] / field.shape[2]
    mode = "bilinear" if len(sides) == 2 else "trilinear"
    return functional.interpolate(field, size=sides, mode=mode, align_corners=False) * ratio


def smoothed(x: torch.Tensor, deviation: float) -> torch.Tensor:
    """Return ``x`` after a Gaussian filter along each axis."""
    reach = int(3 * deviation)
    at = torch.arange(-reach, reach + 1.0, device=x.device)
    kernel = torch.exp(-at.square() / (2 * deviation**2))
    kernel = kernel / kernel.sum()
    channels, dims = x.shape[1], x.ndim - 2
    convolve = functional.conv2d if dims == 2 else functional.conv3d
    for axis in range(dims):
        sides = [1] * dims
        sides[axis] = len(kernel)
        margin = [0] * (2 * dims)
        margin[2 * (dims - 1 - axis)] = margin[2 * (dims - 1 - axis) + 1] = reach
        weights = kernel.view(1, 1, *sides).expand(channels, 1, *sides).contiguous()
        x = convolve(functional.pad(x, margin, mode="replicate"), weights, groups=channels)
    return x


def _gradient(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([torch.gradient(x[:, 0], dim=i)[0] for i in range(1, x.ndim - 1)], 1)


def _pool(x: torch.Tensor) -> Callable[[torch.Tensor, int], torch.Tensor]:
    return functional.avg_pool2d if x.ndim == 4 else functional.avg_pool3d
