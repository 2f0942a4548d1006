# ruff: noqa: TID253 (imported by the audit only)
"""How well can a generator make a given image? Its random numbers are optimised until it does.

Latent optimisation (Webster 2019, "Detecting overfitting of deep generative networks via latent
recovery") through any :class:`brainzoo.training.TorchGenerator` whose images are differentiable in
what it draws. The budget is bounded: one image of each of at most 128 people of a kind, from the
nearest of 64 samples, a fixed number of steps of Adam.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, avg_pool3d

from brainzoo.api import Images, console
from brainzoo.training import Draw
from brainzoo_privacy.pose import Array

MOST_PEOPLE = 128
POOL = 64  # samples, of which the nearest is where an inversion begins
STEPS = 60
RATE = 0.1
CHUNK = 8
UNLIKELY = 1e-4  # what a squared latent costs, against squared differences of grey in [0, 1]
EDGE = 0.999


class Latents(Draw):
    """Draws what it is given instead of random numbers, in the order of the asking."""

    def __init__(self, given: Sequence[torch.Tensor], like: Draw) -> None:
        super().__init__(like.seed, like.start, like.rows, like.conditions)
        self.given, self.next = given, 0

    def uniform(self, *shape: int) -> torch.Tensor:
        """Return the next numbers, within (-1, 1)."""
        return torch.tanh(self._take(shape))

    def normal(self, *shape: int) -> torch.Tensor:
        """Return the next numbers."""
        return self._take(shape)

    def _take(self, shape: tuple[int, ...]) -> torch.Tensor:
        numbers = self.given[self.next]
        self.next += 1
        return numbers.view(-1, *shape)


class Recorded(Draw):
    """Random numbers that are remembered, as :class:`Latents` takes them."""

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        self.drawn: list[torch.Tensor] = []

    def uniform(self, *shape: int) -> torch.Tensor:
        """Return uniform numbers, and remember what they are the hyperbolic tangent of."""
        numbers = super().uniform(*shape)
        self.drawn.append(torch.atanh(numbers.clamp(-EDGE, EDGE)).flatten(1))
        return numbers

    def normal(self, *shape: int) -> torch.Tensor:
        """Return normal numbers, and remember them."""
        numbers = super().normal(*shape)
        self.drawn.append(numbers.flatten(1))
        return numbers


def some(images: Images, seed: int) -> Images:
    """Return one image, the middle one, of each of some people."""
    places: dict[str, list[int]] = {}
    for i, row in enumerate(images.table):
        places.setdefault(str(row.get("subject")), []).append(i)
    middle = np.array([own[len(own) // 2] for own in places.values()])
    count = min(MOST_PEOPLE, len(middle))
    return images[np.sort(np.random.default_rng(seed).choice(middle, count, replace=False))]


def inverted(model: Any, images: Images, seed: int) -> Array:
    """Return the root mean squared error that is left of each image ``(image,)``."""
    network = model.ready()
    low, high = model.value_range
    rows = model.known.rows_of(images.table)
    targets = torch.from_numpy(images.floats())
    pool, begun = sampled(model, network, seed)
    errors = []
    with console.progress("inverting the generator", len(images)) as advance:
        for at in range(0, len(images), CHUNK):
            target, own = targets[at : at + CHUNK], rows[at : at + CHUNK]
            distance = torch.cdist(coarse(target).flatten(1), coarse(pool).flatten(1))
            nearest = distance.argmin(1)
            latents = [nn.Parameter(numbers[nearest].clone()) for numbers in begun]
            conditions = torch.from_numpy(model.known.encode(own))
            like = Draw(seed, 0, own, conditions)
            adam = torch.optim.Adam(latents, RATE)
            best = torch.full((len(target),), torch.inf)
            for _ in range(STEPS):
                made = model.draw(network, Latents(latents, like)).float()
                made = ((made - low) / (high - low)).clamp(0, 1)
                difference = (made - target).square().flatten(1).mean(1)
                smooth = (coarse(made) - coarse(target)).square().flatten(1).mean(1)
                unlikely = sum(numbers.square().mean(1) for numbers in latents)
                adam.zero_grad()
                (difference + smooth + UNLIKELY * unlikely).sum().backward()
                adam.step()
                best = torch.minimum(best, difference.detach())
            errors.append(best.sqrt().numpy())
            advance(len(target))
    return np.concatenate(errors).astype(np.float32)


def sampled(model: Any, network: nn.Module, seed: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return samples in [0, 1], and the random numbers of each."""
    low, high = model.value_range
    made, drawn = [], []
    with torch.no_grad():
        for start in range(0, POOL, CHUNK):
            rows = model.known.draw(CHUNK, seed=seed, start=start, condition=None)
            conditions = torch.from_numpy(model.known.encode(rows))
            draw = Recorded(seed, start, rows, conditions)
            pixels = model.draw(network, draw).float()
            made.append(((pixels - low) / (high - low)).clamp(0, 1))
            drawn.append(draw.drawn)
    return torch.cat(made), [torch.cat(parts) for parts in zip(*drawn, strict=True)]


def coarse(pixels: torch.Tensor) -> torch.Tensor:
    """Return images of a quarter of the resolution: what is found first."""
    return (avg_pool2d if pixels.ndim == 4 else avg_pool3d)(pixels, 4)
