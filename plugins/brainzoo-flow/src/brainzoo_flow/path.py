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
import math
from collections.abc import Callable

import torch

MOST_WEIGHT = 25.0
LEAST_LEFT = MOST_WEIGHT**-0.5
"""The least 1 - t that an error is divided by."""

EARLIEST, LATEST = 0.047, 0.953
"""Where a solver's first step from pure noise ends, and its last step to the image begins."""

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
    solver: str = "multistep",
    begin: float = 0.0,
    end: float = 1.0,
) -> torch.Tensor:
    """Follow the flow from z at time ``begin`` to time ``end``, forwards or backwards.

    Args:
        denoise: The network with its conditions.
        start: ``(batch, channel, *spatial)`` at ``begin``.
        steps: How many; they are shorter near the image, where detail is decided.
        solver: ``euler`` (first order), ``heun`` (Karras et al. 2022, algorithm 1; asks the network
            twice in each step but the last) or ``multistep`` (second order by the prediction
            of the step before; Lu et al. 2022, DPM-Solver++, algorithm 2).
        begin: 0 is noise, 1 is the image.
        end: Where to stop.
    """
    if begin == end:
        return start
    z, times = start, schedule(steps, begin, end)
    before: torch.Tensor | None = None
    for index, (now, then) in enumerate(itertools.pairwise(times)):
        time = torch.full((len(z),), now, device=z.device)
        image = denoise(z, time)
        if then == 1.0:
            return image
        velocity = velocity_of(image, z, time)
        if solver == "multistep" and before is not None:
            # In the logarithm of signal to noise, where the paper's expansion is.
            past, here, ahead = map(_log_ratio, (times[index - 1], now, then))
            aim = image + (image - before) * ((ahead - here) / (2 * (here - past)))
            velocity = velocity_of(aim, z, time)
        elif solver == "heun":
            moved, later = z + (then - now) * velocity, torch.full_like(time, then)
            velocity = (velocity + velocity_of(denoise(moved, later), moved, later)) / 2
        z, before = z + (then - now) * velocity, image
    return z


def schedule(steps: int, begin: float = 0.0, end: float = 1.0) -> list[float]:
    """Return the times of a solver's steps, ``steps + 1``.

    Evenly spaced in the logarithm of signal to noise: coarse anatomy is decided near the noise,
    where its many pixels add up, and texture near the image. Equal steps of time miss both.
    """
    from_noise, to_image = begin == 0.0, end == 1.0
    if (to_image and begin >= LATEST) or (from_noise and end <= EARLIEST):
        return [begin, end]
    first = _log_ratio(EARLIEST if from_noise else begin)
    last = _log_ratio(LATEST if to_image else end)
    inner = steps + 1 - from_noise - to_image
    times = torch.linspace(first, last, inner, dtype=torch.float64).sigmoid().tolist()
    times = [begin] * from_noise + times + [end] * to_image
    return [begin, *times[1:-1], end]


def _log_ratio(time: float) -> float:
    return math.log(max(time, 1e-3) / (1 - time))  # finite at 0


def score(denoise: Denoiser, image: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return the denoising loss at fixed times: ``(batch,)``, lower is more likely.

    A proxy of the negative log-likelihood (Kingma and Gao 2023, arXiv 2303.00848: weighted ELBOs).
    """
    found = [
        errors(denoise, image, noise, torch.full((len(image),), time, device=image.device))
        for time in SCORE_TIMES
    ]
    return torch.stack(found).mean(0)


def training_times(normal: torch.Tensor, shift: float, spread: float) -> torch.Tensor:
    """Return logit-normal times of standard normal numbers; ``shift`` > 0 is nearer the image."""
    return torch.sigmoid(normal * spread + shift)


def wide(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return ``(batch,)`` so that it multiplies ``(batch, channel, *spatial)``."""
    return values.view(-1, *[1] * (like.ndim - 1))
