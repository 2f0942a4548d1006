"""What evaluators compare, and what they return: values with all that is needed to believe them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brainzoo.common.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from brainzoo.data.images import Images
    from brainzoo.data.subjects import Value
    from brainzoo.plugin.interfaces import Generator

LEAST = 8  # images of a set: fewer do not make a distribution


@dataclasses.dataclass(frozen=True)
class EvaluationSets:
    """What an evaluator compares: images trained on, of other people, and of a generator, if known.

    Where there are ``validation`` images, of people who are in neither, what must be chosen (a
    threshold, say) is chosen on them.
    """

    train: Images
    test: Images
    synthetic: Images
    validation: Images | None = None
    generator: Generator | None = None
    seed: int = 0

    @property
    def named(self) -> dict[str, Images]:
        """Train, test and synthetic images by these names."""
        return {"train": self.train, "test": self.test, "synthetic": self.synthetic}

    def check(self, *, least_subjects: int = 2) -> None:
        """Refuse sets that no honest value can come from, with a DataError.

        Somebody is in two of the real sets, shapes differ, there are too few images or subjects, or
        pixels are not finite numbers in [0, 1].
        """
        wanted = (self.test.channels, *self.test.spatial)
        for name, images in self.named.items():
            shape = (images.channels, *images.spatial)
            if len(images) < LEAST:
                raise DataError(
                    f"there are {len(images)} {name} images; expected {LEAST} or more.",
                    "Add subjects, or sample more images (--samples).",
                )
            if shape != wanted:
                raise DataError(
                    f"the {name} images have the shape {shape}, the test images {wanted}.",
                    "Prepare all of them alike (--size, --data.spacing-mm), or name other folders.",
                )
        people = {"train": set(self.train.subjects()), "test": set(self.test.subjects())}
        if self.validation is not None:
            people["validation"] = set(self.validation.subjects())
        for one, other in (("train", "test"), ("train", "validation"), ("test", "validation")):
            both = sorted(people.get(one, set()) & people.get(other, set()))
            if both:
                shown = ", ".join(both[:3]) + (", ..." if len(both) > 3 else "")
                raise DataError(
                    f"{len(both)} subjects are in both {one} and {other}: {shown}.",
                    "People seen in training make every value look good: split by subject.",
                )
        if len(people["test"]) < least_subjects:
            raise DataError(
                f"the test images are of {len(people['test'])} subjects; expected "
                f"{least_subjects} or more.",
                "Add subjects, or give test more (--data.split-fractions).",
            )
        for name, images in self.named.items():
            _expect_finite(name, images)


@dataclasses.dataclass(frozen=True)
class MetricValue:
    """One measured number with all that is needed to believe it.

    Attributes:
        name: For example ``"SWD 64"``.
        n: How many images (or subjects, as ``detail`` says) it was computed from.
        floor: The same quantity of other real people in the place of the synthetic images, at the
            same n; or what chance gives. ``detail`` says which.
        detail: Extractor, hash, unit, protocol: what else a reader must know.
    """

    name: str
    value: float
    n: int
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    detail: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        draws: NDArray[Any],
        n: int,
        floor: NDArray[Any] | float | None = None,
        detail: str = "",
        **options: Any,
    ) -> MetricValue:
        """Return ``draws[0]`` with the interval that its resamples give it.

        Of a floor with resamples, the first is taken. ``options`` are those of
        :func:`brainzoo.api.interval`: ``bounds``, ``normal``, ``people``.
        """
        from brainzoo.plugin.intervals import interval

        low, high = interval(draws, **options) or (None, None)
        least = floor if floor is None or isinstance(floor, int | float) else float(floor[0])
        return cls(name, float(draws[0]), n, low, high, least, detail)

    @property
    def at_floor(self) -> bool:
        """Whether its interval holds its floor: the two may be the same."""
        if self.low is None or self.high is None or self.floor is None:
            return False
        return self.low <= self.floor <= self.high


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What an evaluator found.

    Attributes:
        pictures: PNG or SVG files by name, without suffix.
        files: Other small files by name with suffix: what machines read, as ``verdict.json``.
        notes: Sentences that a reader must see before the values.
    """

    metrics: Sequence[MetricValue] = ()
    tables: Mapping[str, Sequence[Mapping[str, Value]]] = dataclasses.field(default_factory=dict)
    pictures: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()


def _expect_finite(name: str, images: Images) -> None:
    import numpy as np

    if images.dtype.kind != "f":
        return  # whole numbers are finite and span [0, 1]
    for start in range(0, len(images), 256):
        pixels = images.read(np.arange(start, min(start + 256, len(images))))
        wrong = ~(np.isfinite(pixels) & (pixels >= 0) & (pixels <= 1))
        if wrong.any():
            bad = int(wrong.reshape(len(pixels), -1).any(1).sum())
            raise DataError(
                f"{bad} of the {name} images {start} to {start + len(pixels) - 1} hold values that "
                "are not finite or not in [0, 1].",
                "Check how they were made; brainzoo does not repair the images it measures.",
            )
