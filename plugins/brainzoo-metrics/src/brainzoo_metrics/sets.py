"""What is compared: test images, as many synthetic ones, and as many of other real people.

The third set gives the floor: training images drawn across all training subjects stand in the place
of synthetic images, so the floor is what a perfect generator would score against these very test
subjects, at the same n. (Halves of the test set would have half the n, and so a larger floor.)
Synthetic images themselves are never compared with training images here.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Images, of_equal_number, subjects_of, views, weights_of
from brainzoo_metrics.resampling import ROUNDS, Weights


@dataclasses.dataclass(frozen=True)
class Sets:
    """Three sets of equally many images, and how the bootstrap draws from each."""

    test: Images
    synthetic: Images
    train: Images
    of_test: Weights
    of_synthetic: Weights
    of_train: Weights

    @classmethod
    def draw(cls, train: Images, test: Images, synthetic: Images, *, most: int, seed: int) -> Sets:
        """Draw as many images of each, ``most`` at the utmost."""
        rng = np.random.default_rng(seed)
        limited = [
            images
            if len(images) <= most
            else images[np.sort(rng.choice(len(images), most, replace=False))]
            for images in (test, synthetic, train)
        ]
        a, b, c = of_equal_number(limited, int(rng.integers(2**32)))
        weights = [
            weights_of(subjects_of(x), seed=int(rng.integers(2**32)), rounds=ROUNDS)
            for x in (a, b, c)
        ]
        return cls(a, b, c, *weights)

    @property
    def n(self) -> int:
        """Images of each set."""
        return len(self.test)

    @property
    def all(self) -> tuple[Images, Images, Images]:
        """Test, synthetic, train."""
        return self.test, self.synthetic, self.train

    @property
    def test_subjects(self) -> list[str]:
        """The subject of each test image."""
        return subjects_of(self.test)

    @property
    def pairs(self) -> tuple[tuple[Weights, Weights], tuple[Weights, Weights]]:
        """Weights of test and synthetic images, and of test and training images (the floor)."""
        return (self.of_test, self.of_synthetic), (self.of_test, self.of_train)

    def views(self) -> dict[str, tuple[NDArray[np.float32], ...]]:
        """Return pixels ``(image, channel, height, width)`` of the three sets by view."""
        seen = [views(images) for images in self.all]
        return {name: tuple(part[name] for part in seen) for name in seen[0]}
