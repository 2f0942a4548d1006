"""Random numbers as a pure function of seed and position, so that resuming needs no state.

Every number drawn while training depends only on the run's seed and the count of images seen; every
latent of a sample depends only on the seed and the sample's index. Numbers are drawn for the whole
batch of all processes, and each process takes every n-th: how many there are changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from brainzoo.data.tables import Row


class Step:
    """What a loss may know of the present training step: how far it is, and its random numbers.

    Attributes:
        number: Steps done before this one.
        progress: The fraction of the budget that is spent, from 0 to 1.
        augmented: Which images of the batch at hand are more than mirrored: ``(batch,)`` of 0
            and 1. A network that sees it does not imitate it.
    """

    def __init__(
        self,
        seed: int,
        images: int,
        device: torch.device,
        process: int = 0,
        processes: int = 1,
        *,
        number: int = 0,
        progress: float = 0.0,
    ) -> None:
        self.number = number
        self.progress = progress
        self.augmented = torch.zeros(0, device=device)
        self._generator = torch.Generator().manual_seed(number_of("step", seed, images))
        self._device = device
        self._process = process
        self._processes = processes

    def uniform(self, count: int, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """Draw ``(count, *shape)`` numbers from [low, high)."""
        whole = torch.rand((count * self._processes, *shape), generator=self._generator)
        return self._own(whole, count) * (high - low) + low

    def normal(self, count: int, *shape: int) -> torch.Tensor:
        """Draw ``(count, *shape)`` standard normal numbers."""
        whole = torch.randn((count * self._processes, *shape), generator=self._generator)
        return self._own(whole, count)

    def integers(self, count: int, high: int) -> torch.Tensor:
        """Draw ``(count,)`` integers from 0 to ``high - 1``."""
        whole = torch.randint(high, (count * self._processes,), generator=self._generator)
        return self._own(whole, count)

    def _own(self, whole: torch.Tensor, count: int) -> torch.Tensor:
        return whole[self._process :: self._processes].to(self._device)


def latents(
    seed: int, start: int, count: int, dimensions: int, distribution: str = "uniform"
) -> NDArray[np.float32]:
    """Return the latents of the samples ``start`` to ``start + count - 1`` of a seed.

    ``(count, dimensions)``, uniform in [-1, 1) or ``normal``; each depends on its index only.
    """
    rows = []
    for index in range(start, start + count):
        rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
        if distribution == "uniform":
            rows.append(rng.random(dimensions, dtype=np.float32) * 2 - 1)
        else:
            rows.append(rng.standard_normal(dimensions, dtype=np.float32))
    return np.stack(rows) if rows else np.empty((0, dimensions), np.float32)


class Draw:
    """What a few samples of a seed are made of; each depends on the seed and its index only.

    ``rows`` are the condition of each, ``conditions`` the same encoded, ``(sample, numbers)``.
    """

    def __init__(
        self, seed: int, start: int, rows: Sequence[Row], conditions: torch.Tensor
    ) -> None:
        self.seed = seed
        self.start = start
        self.rows = rows
        self.conditions = conditions

    def __len__(self) -> int:
        return len(self.rows)

    def uniform(self, *shape: int) -> torch.Tensor:
        """Return ``(sample, *shape)`` numbers, uniform in [-1, 1)."""
        return self._numbers(shape, "uniform")

    def normal(self, *shape: int) -> torch.Tensor:
        """Return ``(sample, *shape)`` standard normal numbers."""
        return self._numbers(shape, "normal")

    def _numbers(self, shape: tuple[int, ...], distribution: str) -> torch.Tensor:
        length = int(np.prod(shape))
        numbers = latents(self.seed, self.start, len(self), length, distribution)
        return torch.from_numpy(numbers).view(-1, *shape).to(self.conditions.device)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global random state within a block, and leave it as it was before."""
    # The present device only: each other one that is touched costs memory there.
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def number_of(*parts: object) -> int:
    """Return a stable 63-bit number for the given parts."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
