"""Real images mirrored, turned, shifted, zoomed, bent and brightened at random while training.

What a generator learns from resampled images is more varied and softer than scans are. Where the
network can see which images are changed (:attr:`brainzoo.training.Step.augmented`), it learns
the difference and leaves it out of its samples: Karras et al. 2022 (EDM, arXiv 2206.00364), section
5 and appendix F.2, "non-leaking augmentation". Differences from the paper: one flag in the place of
nine magnitudes, and mirroring is not passed on: a mirrored brain is a brain. Where every image is
changed there is nothing to tell apart: samples are of changed people, and of nobody as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from brainzoo.plugin.run import TrainConfig
from brainzoo.training.step import Step

KNOTS = 6  # along each side of the coarse grid that elastic displacements are interpolated from


class Augmentation:
    """Changes batches of real images; what comes in from outside is background.

    2-D images rotate in their plane, 3-D images about all three axes. Mirroring swaps the
    patient's left and right: the last axis of slices, the first of volumes. After
    ``train.augment_until`` images are only mirrored. The last ``label_channels``, one-hot label
    maps, take the nearest value, and no change of intensity.
    """

    def __init__(
        self, train: TrainConfig, spacing_mm: Sequence[float], label_channels: int = 0
    ) -> None:
        self._train = train
        self._spacing_mm = tuple(float(mm) for mm in spacing_mm)
        self._label_channels = label_channels

    def __call__(self, pixels: torch.Tensor, step: Step) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images ``(batch, channel, *spatial)`` in [0, 1], and 1 where more than mirrored.

        Of a training that changes every image it is 0 throughout. As many random numbers are
        drawn whatever is switched on.
        """
        train, count, dims = self._train, len(pixels), pixels.ndim - 2
        mirror = step.uniform(count) < 0.5
        chosen = step.uniform(count) < train.augment_fraction
        matrix = _moves(train, step, count, dims)
        bends = step.normal(count, dims, *[KNOTS] * dims)
        gamma = (train.gamma * step.normal(count)).exp()

        moves = train.rotate_deg or train.translate or train.zoom or train.elastic_mm
        changed = torch.zeros(count, device=pixels.device)
        if step.progress < train.augment_until and chosen.any() and (moves or train.gamma):
            changed = chosen.to(changed) * (train.augment_fraction < 1)
            some = pixels[chosen]
            if moves:
                some = self._moved(some, matrix[chosen], bends[chosen])
            if train.gamma:
                images = some.shape[1] - self._label_channels
                power = gamma[chosen].view(-1, *[1] * (dims + 1))
                some = torch.cat([some[:, :images] ** power, some[:, images:]], 1)
            pixels = pixels.clone()
            pixels[chosen] = some
        if train.flip:
            axis = -1 if dims == 2 else 2
            pixels = torch.where(mirror.view(-1, *[1] * (dims + 1)), pixels.flip(axis), pixels)
        return pixels, changed

    def _moved(
        self, pixels: torch.Tensor, matrix: torch.Tensor, bends: torch.Tensor
    ) -> torch.Tensor:
        """Resample images where the transformed coordinates lie: cubic in 2-D, linear in 3-D."""
        dims = pixels.ndim - 2
        grid = functional.affine_grid(matrix, list(pixels.shape), align_corners=False)
        if self._train.elastic_mm:
            smooth = functional.interpolate(
                bends,
                size=pixels.shape[2:],
                mode="bicubic" if dims == 2 else "trilinear",
                align_corners=True,
            )
            sides = zip(self._spacing_mm, pixels.shape[2:], strict=True)
            # grid_sample counts the axes from the last one, and the whole side as 2.
            scale = [2 * self._train.elastic_mm / (mm * side) for mm, side in sides][::-1]
            grid = grid + smooth.movedim(1, -1) * torch.tensor(scale).to(grid)
        images = pixels.shape[1] - self._label_channels
        smooth_mode = "bicubic" if dims == 2 else "bilinear"
        moved = functional.grid_sample(pixels[:, :images], grid, smooth_mode, align_corners=False)
        moved = moved.clamp(0, 1)
        if self._label_channels:
            labels = functional.grid_sample(
                pixels[:, images:], grid, mode="nearest", align_corners=False
            )
            # Outside is background: the first of the one-hot channels.
            outside = 1 - labels.sum(1, keepdim=True)
            moved = torch.cat([moved, labels[:, :1] + outside, labels[:, 1:]], 1)
        return moved


def _moves(train: TrainConfig, step: Step, count: int, dims: int) -> torch.Tensor:
    """Draw matrices ``(batch, dims, dims + 1)`` that turn, zoom and shift."""
    angles = step.uniform(count, 3, low=-1, high=1) * math.radians(train.rotate_deg)
    shifts = step.uniform(count, dims, low=-2, high=2) * train.translate
    zooms = 1 + step.uniform(count, 1, 1, low=-1, high=1) * train.zoom
    return torch.cat([_rotation(angles, dims) * zooms, shifts[:, :, None]], dim=2)


def _rotation(angles: torch.Tensor, dims: int) -> torch.Tensor:
    cos, sin = angles.cos(), angles.sin()
    if dims == 2:
        rows = [torch.stack([cos[:, 0], -sin[:, 0]], 1), torch.stack([sin[:, 0], cos[:, 0]], 1)]
        return torch.stack(rows, 1)
    result = torch.eye(3, device=angles.device).expand(len(angles), 3, 3)
    for index, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        turn = torch.eye(3, device=angles.device).repeat(len(angles), 1, 1)
        turn[:, i, i] = turn[:, j, j] = cos[:, index]
        turn[:, i, j], turn[:, j, i] = -sin[:, index], sin[:, index]
        result = result @ turn
    return result
