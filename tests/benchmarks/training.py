"""Training steps as brainzoo takes them and as tutorials do; what the benchmarks share."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from contest import clock, for_seconds
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from brainzoo.data.images import Images
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import make_images
from brainzoo.training import monitor

SUBJECTS = 64


def heads(spatial: tuple[int, ...]) -> Images:
    """Return made-up heads in memory."""
    with tempfile.TemporaryDirectory() as folder:
        subjects = SUBJECTS if len(spatial) == 2 else 16
        made = make_images(Path(folder) / "images", spatial=spatial, subjects=subjects, classes=())
        return Images(made.read().copy(), made.table, made.info)


class Ours:
    """Trains a generator with brainzoo, as a run does.

    Averaged weights, augmentation, statistics and all else is included; the sample grids before and
    after and the state at the end are not: they cost as much after a second as after an hour.

    Attributes:
        generator: The last one that was trained.
    """

    def __init__(
        self, make: Callable[[], Any], images: Images, batch_size: int, **train: Any
    ) -> None:
        self.generator: Any = None
        self._make = make
        self._images = images
        self._batch_size = batch_size
        self._train = train
        self._rate = 0.0

    def __call__(self, seconds: float) -> float:
        """Train for about so long; return images a second of whole steps."""
        steps = max(5, round(self._rate * seconds / self._batch_size))
        options = {"batch_size": self._batch_size, "grids": 1, "device": "cpu", **self._train}
        timed = mock.patch.object(monitor, "time", SimpleNamespace(monotonic=clock))
        with tempfile.TemporaryDirectory() as folder, timed:
            run = Run(Path(folder), TrainConfig(images=steps * self._batch_size, **options))
            self.generator = self._make()
            self.generator.fit(self._images, run)
            lines = [json.loads(text) for text in run.stats.read_text().splitlines()]
        first, last = lines[0], lines[-1]
        spent = last["seconds"] - first["seconds"]
        self._rate = float((last["images"] - first["images"]) / spent)
        return self._rate

    def sample(self, count: int) -> Callable[[float], float]:
        """Return a way of sampling arrays of so many images."""

        def run(seconds: float) -> float:
            seed = iter(range(10**6))
            return for_seconds(
                lambda: sum(len(a) for a in self.generator.sample(count, seed=next(seed))),
                seconds,
                1,
            )

        return run


class Plain:
    """Trains in float32 from a DataLoader, as tutorials do.

    Args:
        images: What to train on.
        batch_size: Images a step.
        step: Takes a batch ``(batch, channel, *spatial)`` and updates networks.
        low: What black is: 0, or -1.
    """

    def __init__(
        self,
        images: Images,
        batch_size: int,
        step: Callable[[torch.Tensor], None],
        low: float = 0.0,
    ) -> None:
        pixels = torch.from_numpy(images.floats()) * (1 - low) + low
        self._loader = DataLoader(TensorDataset(pixels), batch_size, shuffle=True, drop_last=True)
        self._step = step

    def __call__(self, seconds: float) -> float:
        """Train for about so long; return images a second."""
        batches = self._endless()

        def one() -> int:
            pixels = next(batches)
            self._step(pixels)
            return len(pixels)

        return for_seconds(one, seconds)

    def _endless(self) -> Iterator[torch.Tensor]:
        while True:
            for (pixels,) in self._loader:
                yield pixels


def descend(
    network: torch.nn.Module, loss: Callable[[torch.Tensor], torch.Tensor], lr: float = 1e-4
) -> Callable[[torch.Tensor], None]:
    """Return a step of plain Adam on a loss of a batch."""
    adam = torch.optim.Adam(network.parameters(), lr)
    network.train()

    def step(pixels: torch.Tensor) -> None:
        adam.zero_grad()
        loss(pixels).backward()
        adam.step()

    return step


def drawing(make: Callable[[], Any], count: int) -> Callable[[float], float]:
    """Return a way of sampling arrays of so many images with a function."""

    def run(seconds: float) -> float:
        with torch.no_grad():

            def one() -> int:
                make()
                return count

            return for_seconds(one, seconds, 1)

    return run


def arithmetic(make: Callable[[], Any], count: int) -> str:
    """Return what a function computes for each of its images, for a table."""
    with torch.no_grad(), FlopCounterMode(display=False) as counted:
        make()
    return f"{counted.get_total_flops() / count / 1e9:.3g} GFLOP an image"


def millions(network: torch.nn.Module) -> str:
    """Return how large a network is, for a table."""
    return f"{sum(p.numel() for p in network.parameters()) / 1e6:.2f} million parameters"
