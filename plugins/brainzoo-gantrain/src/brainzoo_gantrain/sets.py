"""What classifiers learn from: synthetic images, some real people, both, a control."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from brainzoo_gantrain.classifier import Labelled

DRAWS = 5
"""Classifiers of a row of drawn subjects; its values are their means."""

SHUFFLES = 10
"""Classifiers of the control: one alone may be far from chance, by chance."""

SYNTHETIC = "synthetic"
REAL = "real"
BOTH = "real + synthetic"
AS_MANY = "real, as many images as synthetic"
SHUFFLED = "synthetic, labels shuffled"


@dataclasses.dataclass(frozen=True)
class TrainingSet:
    """A row of the table.

    Attributes:
        name: What it is made of.
        draws: One set, or several that were drawn alike.
        people: Real ones in the first of them.
        synthetic: Whether synthetic images are in it.
    """

    name: str
    draws: Sequence[Labelled]
    people: int = 0
    synthetic: bool = False


def training_sets(
    real: Labelled, synthetic: Labelled, people: Sequence[int], seed: int
) -> list[TrainingSet]:
    """Return every training set, the synthetic images first."""
    seeds = [[seed, draw] for draw in range(DRAWS)]
    before = everybody = real.subjects()
    sets = [TrainingSet(SYNTHETIC, [synthetic], 0, True), TrainingSet(REAL, [real], everybody)]
    if len(synthetic) < len(real):
        parts = [as_many(real, len(synthetic), s) for s in seeds]
        sets.append(TrainingSet(AS_MANY, parts, parts[0].subjects()))
    sets.append(TrainingSet(BOTH, [real + synthetic], everybody, True))
    for count in sorted({n for n in people if n < everybody}, reverse=True):
        parts = [share_of_subjects(real, count / everybody, s) for s in seeds]
        if parts[0].subjects() == before:  # too few subjects for as fine a curve
            continue
        before = parts[0].subjects()
        name, mixed = f"{REAL}, {before} people", [part + synthetic for part in parts]
        sets.append(TrainingSet(name, parts, before))
        sets.append(TrainingSet(f"{name} + synthetic", mixed, before, True))
    dealt = [shuffled(synthetic, [seed, i]) for i in range(SHUFFLES)]
    return [*sets, TrainingSet(SHUFFLED, dealt)]


def as_many(images: Labelled, n: int, seed: Sequence[int]) -> Labelled:
    """Draw about ``n`` images without replacement, each class by its share, two of it at least."""
    rng = np.random.default_rng(seed)
    chosen = []
    for number in np.unique(images.classes):
        places = np.flatnonzero(images.classes == number)
        wanted = max(2, round(n * len(places) / len(images)))
        chosen.append(rng.choice(places, min(wanted, len(places)), replace=False))
    return images[np.sort(np.concatenate(chosen))]


def share_of_subjects(images: Labelled, share: float, seed: Sequence[int]) -> Labelled:
    """Draw a share of the subjects of each class, two of it at least, with all their images."""
    rng = np.random.default_rng(seed)
    keep = np.zeros(len(images), bool)
    for number in np.unique(images.classes):
        inside = images.classes == number
        subjects = rng.permutation(np.unique(images.groups[inside]))
        chosen = subjects[: max(2, round(share * len(subjects)))]
        keep |= inside & np.isin(images.groups, chosen)
    return images[np.flatnonzero(keep)]


def shuffled(images: Labelled, seed: Sequence[int]) -> Labelled:
    """Deal the classes out anew: what is learned from this is chance."""
    classes = np.random.default_rng(seed).permutation(images.classes)
    return dataclasses.replace(images, classes=classes)
