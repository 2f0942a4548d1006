"""The straight path from noise to image: its loss, its solvers, and what a model makes of images.

Rectified flow: Liu et al. 2023 (arXiv 2209.03003); flow matching: Lipman et al. 2023 (arXiv
2210.02747). z_t = (1 - t) · noise + t · z for t from 0 to 1; the velocity is z - noise. Times are
logit-normal (Esser et al. 2024, arXiv 2403.03206, section 3.1). With ``--prediction image`` the
network predicts z and the loss stays that of the velocity: (ẑ - z)² / (1 - t)² (Li and He 2025,
"Back to Basics: Let Denoising Generative Models Denoise"). Differences from the papers:

- the weight 1 / (1 - t)² of the loss is at most 25;
- guidance (Ho and Salimans 2022, arXiv 2207.12598) acts on the predicted image.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch

MOST_WEIGHT = 25.0
LEAST_LEFT = MOST_WEIGHT**-0.5
"""The least 1 - t that an error is divided by."""

SCORE_TIMES = (0.2, 0.4, 0.6, 0.8)

Denoiser = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Takes z_t ``(batch, channel, *spatial)`` and times ``(batch,)``; returns the clean ẑ."""


def between(noise: torch.Tensor, image: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """Return z_t of times ``(batch,)``."""
    return torch.lerp(noise, image, wide(time, image))


def velocity_of(image: torch.Tensor, at: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """Return the velocity that leads from z_t to a predicted image; the time is less than 1."""
    return (image - at) / (1 - wide(time, at))


def image_of(velocity: torch.Tensor, at: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """Return the image that a predicted velocity leads to."""
    return at + velocity * (1 - wide(time, at))


def errors(
    denoise: Denoiser, image: torch.Tensor, noise: torch.Tensor, time: torch.Tensor
) -> torch.Tensor:
    """Return the squared error of the velocity, a mean an image: ``(batch,)``."""
    found = denoise(between(noise, image, time), time)
    left = (1 - wide(time, image)).clamp_min(LEAST_LEFT)
    return ((found - image) / left).float().square().flatten(1).mean(1)


def solve(
    denoise: Denoiser,
    start: torch.Tensor,
    *,
    steps: int,
    solver: str = "heun",
    begin: float = 0.0,
    end: float = 1.0,
) -> torch.Tensor:
    """Follow the flow from z at time ``begin`` to time ``end``, forwards or backwards.

    Args:
        denoise: The network with its conditions.
        start: ``(batch, channel, *spatial)`` at ``begin``.
        steps: How many; Heun asks the network twice in each but the last.
        solver: ``euler`` or ``heun`` (Karras et al. 2022, algorithm 1).
        begin: 0 is noise, 1 is the image.
        end: Where to stop.
    """
    z = start
    times = torch.linspace(begin, end, steps + 1, dtype=torch.float64).tolist()
    for now, then in itertools.pairwise(times):
        time = torch.full((len(z),), now, device=z.device)
        image = denoise(z, time)
        if then == 1.0:
            return image
        velocity = velocity_of(image, z, time)
        moved = z + (then - now) * velocity
        if solver == "heun":
            later = torch.full_like(time, then)
            velocity = (velocity + velocity_of(denoise(moved, later), moved, later)) / 2
            moved = z + (then - now) * velocity
        z = moved
    return z


def score(denoise: Denoiser, image: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return the denoising loss at fixed times: ``(batch,)``, lower is more likely.

    A proxy of the negative log-likelihood (Kingma and Gao 2023, arXiv 2303.00848: weighted ELBOs).
    """
    found = [
        errors(denoise, image, noise, torch.full((len(image),), time, device=image.device))
        for time in SCORE_TIMES
    ]
    return torch.stack(found).mean(0)


def training_times(normal: torch.Tensor, shift: float) -> torch.Tensor:
    """Return logit-normal times of standard normal numbers; ``shift`` > 0 is nearer the image."""
    return torch.sigmoid(normal + shift)


def wide(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return ``(batch,)`` so that it multiplies ``(batch, channel, *spatial)``."""
    return values.view(-1, *[1] * (like.ndim - 1))
