"""How far samples are from real images, without any trained weights.

The sliced Wasserstein distance of Karras et al. 2018 (PGGAN), section 5: patches of 7 pixels at
every scale of a Laplacian pyramid, projected onto random directions. Differences: patches lie at
the same places in every image, because heads are aligned; 3-D works the same; the mean over the
scales is one number.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, avg_pool3d, interpolate

PATCH, PLACES, DIRECTIONS, COARSEST = 7, 32, 64, 16
SMALL = 32  # pixels a side at which samples are compared with single images


def sliced_wasserstein(first: torch.Tensor, second: torch.Tensor, seed: int = 0) -> float:
    """Return the distance between two sets of equally many images; 0 where they are the same.

    Images are ``(image, channel, *spatial)`` in [0, 1]; the seed decides places and directions.
    """
    random = torch.Generator().manual_seed(seed)
    distances = []
    for one, other in zip(_pyramid(first), _pyramid(second), strict=True):
        sides = [min(PATCH, side) for side in one.shape[2:]]
        places = [
            [int(torch.randint(side - width + 1, (), generator=random)) for side, width in shape]
            for shape in [list(zip(one.shape[2:], sides, strict=True))] * PLACES
        ]
        patches = [_patches(images, places, sides) for images in (one, other)]
        directions = torch.randn(DIRECTIONS, patches[0].shape[1], generator=random)
        directions = directions / directions.norm(dim=1, keepdim=True)
        # numpy sorts ten times faster than torch.
        projected = [np.sort((directions @ p.T).numpy(), axis=1) for p in patches]
        distances.append(float(np.abs(projected[0] - projected[1]).mean()))
    return sum(distances) / len(distances)


def membership(training: torch.Tensor, others: torch.Tensor, made: torch.Tensor) -> float:
    """Return how well training images are told from others by how near samples come to them.

    The area under the curve of each image's distance to its nearest sample, at 32 pixels a side:
    0.5 where samples (``made``) are as near to people the model never saw (``others``), 1 where it
    copies. Images are ``(image, channel, *spatial)``.
    """
    known, unknown = (_nearest(images, made) for images in (training, others))
    closer = (known[:, None] < unknown[None, :]).double() + 0.5 * (known[:, None] == unknown)
    return float(closer.mean())


def _nearest(images: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    size = [min(SMALL, side) for side in images.shape[2:]]
    flat = [interpolate(part, size=size, mode="area").flatten(1) for part in (images, made)]
    return torch.cdist(flat[0], flat[1]).amin(1)


def _pyramid(images: torch.Tensor) -> list[torch.Tensor]:
    """Return what each scale adds to the next coarser one, and the coarsest."""
    pool = avg_pool2d if images.ndim == 4 else avg_pool3d
    scales = []
    while min(images.shape[2:]) >= 2 * COARSEST:
        coarser = pool(images, 2)
        scales.append(images - interpolate(coarser, size=images.shape[2:]))
        images = coarser
    return [*scales, images]


def _patches(images: torch.Tensor, places: list[list[int]], sides: list[int]) -> torch.Tensor:
    """Return patches ``(place x image, numbers)``."""
    cut = []
    for place in places:
        inside = tuple(slice(at, at + side) for at, side in zip(place, sides, strict=True))
        cut.append(images[(slice(None), slice(None), *inside)].flatten(1))
    return torch.cat(cut)
