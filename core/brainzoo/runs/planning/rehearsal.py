"""A training in brief: a few real steps at parts of the budget, timed."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.common import console
from brainzoo.common.hardware import free_memory
from brainzoo.common.processes import peak_memory
from brainzoo.data.images import Images
from brainzoo.data.tables import Row
from brainzoo.plugin.interfaces import Generator
from brainzoo.plugin.part import Part
from brainzoo.plugin.run import Run, TrainConfig

AT = (0.9, 0.1, 0.3, 0.5, 0.7)
"""The middles of fifths of the budget; the last fifth, where networks are largest, comes first."""
LEAST = 3
"""Steps at least; the first one chooses algorithms and is not timed."""
MOST = 17
"""Steps at most: 16 that are timed hold a penalty of every 2nd, 4th, 8th or 16th step."""
SAMPLES = 8
RESERVED = 2**30
"""Bytes of memory that threads reserve and seldom use."""


@dataclasses.dataclass(frozen=True)
class StandIn:
    """Noise in the place of images that are not prepared yet."""

    rows: Sequence[Row]
    shape: tuple[int, ...]
    info: Mapping[str, Any]

    def images(self) -> Images:
        """Return them; all are the same pixels."""
        import numpy as np

        noise = np.random.default_rng(0).integers(0, 65536, self.shape, np.uint16)
        pixels = np.broadcast_to(noise, (len(self.rows), *self.shape))
        return Images(pixels, self.rows, self.info)


@dataclasses.dataclass(frozen=True)
class Rehearsal(Run):
    """A run that begins at a fraction of the budget and ends after a few steps.

    Attributes:
        at: The fraction.
        seconds: How long it takes at least.
        ends: When each step ended, by the number of images seen.
    """

    at: float = 0.0
    seconds: float = 0.0
    ends: dict[int, float] = dataclasses.field(default_factory=dict)

    def spent(self, images: int, seconds: float) -> float:
        """Note the time; end when enough steps are done."""
        torch = sys.modules["torch"]
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.ends[images] = now
        steps = len(self.ends) - 1
        long = now - self.ends[min(self.ends)] > self.seconds
        return 1.0 if steps >= MOST or (long and steps >= LEAST) else self.at

    @property
    def speed(self) -> dict[str, float]:
        """Images of a step, and images per second."""
        first, second, *_, last = sorted(self.ends)
        seconds = self.ends[last] - self.ends[second]
        return {"batch_size": second - first, "images_per_second": (last - second) / seconds}


def rehearse(
    kind: type[Generator], part: Part, train: TrainConfig, source: Path | StandIn, seconds: float
) -> dict[str, Any]:
    """Train for some seconds at each part of the budget, and draw a few images.

    Returns:
        ``stages`` in the order of the budget: ``at``, ``batch_size``, ``images_per_second``;
        ``samples_per_second``; ``memory``, ``state`` and ``checkpoint`` in bytes. Nothing for a
        generator that trains without :func:`brainzoo.training.fit`.
    """
    from brainzoo.runs.pipeline import shrunk, training_images

    images = source.images() if isinstance(source, StandIn) else Images.open(source)
    images = images if isinstance(source, StandIn) else training_images(images)
    _limit_memory(train.device)
    train = train if isinstance(source, StandIn) else shrunk(train, len(images))
    # The budget is for a generator that counts for itself.
    brief = dataclasses.replace(train, images=MOST * train.batch_size, minutes=None, grids=0)
    stages, found = [], dict[str, Any]()
    for at in AT:
        with tempfile.TemporaryDirectory() as folder, console.quiet():
            run = Rehearsal(Path(folder), brief, at=at, seconds=seconds)
            generator = kind(part.config)
            generator.fit(images, run)
            if not run.ends:
                return {}
            stages.append({"at": at, **run.speed})
            if not found:
                found["samples_per_second"] = _samples_per_second(generator)
                generator.save(run.checkpoint)
                found |= {"state": _size(run.state), "checkpoint": _size(run.checkpoint)}
    stages.sort(key=lambda stage: stage["at"])
    return {"stages": stages, **found, "memory": _peak()}


def _samples_per_second(generator: Generator) -> float:
    for _ in range(2):  # the first one warms up
        started = time.perf_counter()
        n = sum(len(batch) for batch in generator.sample(SAMPLES, seed=0))
    return n / (time.perf_counter() - started)


def _limit_memory(device: str) -> None:
    """Let too large a training fail here before it takes the memory of other programs."""
    import resource

    from brainzoo.training.devices import compute

    free = free_memory()
    if free is not None and compute(device).device.type == "cpu":
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (free + RESERVED, hard))


def _peak() -> int:
    torch = sys.modules["torch"]
    return torch.cuda.max_memory_allocated() or peak_memory()


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
