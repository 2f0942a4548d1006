"""What measures share: three sets of equally many images, and intervals with floors.

Test images are compared with as many synthetic ones. As many training images, drawn across all
training subjects, take the place of synthetic images to give the floor: what a perfect
generator would score against these very test subjects, at the same n. (Halves of the test set would
have half the n, and so a larger floor.) Synthetic images themselves are never compared with
training images here.

Distances grow when images repeat, so percentiles of bootstrap draws need not even hold the value.
Intervals are therefore the value ± 1.96 times the standard deviation of the draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import (
    EvaluationSets,
    Images,
    MetricValue,
    bootstrap,
    subjects_of,
)
from brainzoo_metrics.config import MetricsConfig
from brainzoo_metrics.features import Features, views

ROUNDS = 100  # standard errors within 7 percent
SHARE = (0.0, 1.0)
POSITIVE = (0.0, np.inf)

Floats = NDArray[np.float32]
Weights = NDArray[np.float64]  # (1 + round, image): of the bootstrap
Draws = NDArray[np.float64]  # (1 + round,): the value, then what each round gave


@dataclasses.dataclass(frozen=True)
class View:
    """Slices, or one central plane of volumes, of test, synthetic and training images.

    Attributes:
        name: Of the plane; empty for slices. And of the channel, where one is looked at alone.
        images: Test, synthetic and training images, equally many.
        weights: How the bootstrap draws from each.
        pixels: ``(image, channel, height, width)`` of each.
        vectors: Features of each, ``(image, feature)``; small pixels without a network.
        label: What the vectors are.
        featured: Whether they are features of a network.
        sets: All that is compared, also what was not drawn.
        config: The options.
        first: Whether no other view of these images was seen before.
    """

    name: str
    images: tuple[Images, ...]
    weights: tuple[Weights, ...]
    pixels: tuple[Floats, ...]
    vectors: tuple[Floats, ...]
    label: str
    featured: bool
    sets: EvaluationSets
    config: MetricsConfig
    first: bool

    @property
    def n(self) -> int:
        """Images of each set."""
        return len(self.images[0])

    @property
    def subjects(self) -> list[str]:
        """The subject of each test image."""
        return subjects_of(self.images[0])

    def both(
        self,
        draw: Callable[..., Any],
        parts: Sequence[Any],
        weights: Sequence[Weights] | None = None,
    ) -> list[Any]:
        """Compare test with synthetic images, then with training images: the value, its floor."""
        weights = weights or self.weights
        return [draw(parts[0], parts[i], weights[0], weights[i]) for i in (1, 2)]

    def value(
        self,
        name: str,
        draws: Draws,
        floor: Draws | float | None = None,
        *,
        bounds: tuple[float, float] = (-np.inf, np.inf),
        detail: str,
    ) -> MetricValue:
        """Return a value with interval and floor, named after the measure and the view."""
        name = f"{name} {self.name}".rstrip()
        return MetricValue.of(name, draws, self.n, floor, detail, normal=True, bounds=bounds)


def views_of(sets: EvaluationSets, config: MetricsConfig, network: Features | None) -> list[View]:
    """Draw as many images of each set, at most ``config.most``, and look at them."""
    rng = np.random.default_rng(sets.seed)
    every = (sets.test, sets.synthetic, sets.train)
    count = min(config.most, *map(len, every))
    images = tuple(x[np.sort(rng.choice(len(x), count, replace=False))] for x in every)
    weights = tuple(
        bootstrap(subjects_of(x), seed=int(rng.integers(2**32)), rounds=ROUNDS) for x in images
    )
    seen = [views(x) for x in images]
    label = network.label if network else "pixels averaged to at most 32 × 32"
    found: list[View] = []
    for name in seen[0]:
        pixels = tuple(one[name] for one in seen)
        looks = (network.of(x, name) for x in images) if network else map(small, pixels)
        given = (name, images, weights, pixels, tuple(looks), label)
        found.append(View(*given, network is not None, sets, config, first=not found))
    return found


def of_channels(view: View) -> Iterator[View]:
    """Yield the view of each channel alone, if there are several."""
    channels = view.images[0].channel_names
    for i, channel in enumerate(channels if len(channels) > 1 else ()):
        pixels = tuple(part[:, i : i + 1] for part in view.pixels)
        # Features of a network are those of one channel after the other.
        vectors = tuple(np.split(part, len(channels), axis=1)[i] for part in view.vectors)
        name = f"{view.name} {channel}".strip()
        yield dataclasses.replace(view, name=name, pixels=pixels, vectors=vectors, first=False)


def small(pixels: Floats, side: int = 32) -> Floats:
    """Return images as vectors: means of blocks, so that no side has more than about ``side``."""
    n, channels, height, width = pixels.shape
    block = -(-max(height, width) // side)
    rows, columns = height // block, width // block
    blocks = pixels[:, :, : rows * block, : columns * block].reshape(
        n, channels, rows, block, columns, block
    )
    return np.asarray(blocks.mean(axis=(3, 5)).reshape(n, -1), dtype=np.float32)


def joined(first: Images, second: Images | None) -> Images:
    """Return all images of both sets."""
    if second is None or not len(second):
        return first
    pixels = np.concatenate([first.read(), second.read()])
    maps = [own for own in (first.labels(), second.labels()) if own is not None]
    labels = np.concatenate(maps) if len(maps) == 2 else None
    info = {**first.info, "fingerprint": first.fingerprint}
    return Images(pixels, [*first.table, *second.table], info, labels)


def mean_of(values: NDArray[Any], weights: Weights) -> Draws:
    """Return the mean of values for each row of weights; NaN where nothing was drawn."""
    total = weights.sum(1)
    nothing = np.full(len(total), np.nan)
    return np.asarray(np.divide(weights @ values, total, out=nothing, where=total > 0))
