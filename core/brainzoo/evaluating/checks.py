"""What every evaluator asks of the images before it measures anything, and how it divides them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import DataError
from brainzoo.data.images import Images

LEAST = 8  # images or subjects: below, no distribution can be spoken of


def expect_comparable(
    *, train: Images, test: Images, synthetic: Images, least_subjects: int = 2
) -> None:
    """Refuse sets that no honest figure can come from.

    Args:
        train: Real images trained on.
        test: Real images of other subjects.
        synthetic: Images of a generator.
        least_subjects: How many test subjects the evaluator needs.

    Raises:
        DataError: Subjects are in train and in test, shapes differ, there are too few images or
            subjects, or pixels are no finite numbers of [0, 1].
    """
    named = {"train": train, "test": test, "synthetic": synthetic}
    for name, images in named.items():
        if len(images) < LEAST:
            raise DataError(
                f"the {name} images are {len(images)}; expected {LEAST} or more.",
                "Add subjects, or sample more images (--samples).",
            )
        shape = (images.channels, *images.spatial)
        wanted = (test.channels, *test.spatial)
        if shape != wanted:
            raise DataError(
                f"the {name} images have shape {shape}, the test images {wanted}.",
                "Prepare all alike (--size, --data.spacing-mm), or choose other folders.",
            )
    both = sorted(set(train.subjects()) & set(test.subjects()))
    if both:
        shown = ", ".join(both[:3]) + (", ..." if len(both) > 3 else "")
        raise DataError(
            f"{len(both)} subjects are in train and in test: {shown}.",
            "Figures from known faces mean nothing: divide by subject.",
        )
    found = len(set(subjects_of(test)))
    if found < least_subjects:
        raise DataError(
            f"the test images are of {found} subjects; expected {least_subjects} or more.",
            "Add subjects, or give test more (--data.split-fractions).",
        )
    for name, images in named.items():
        _expect_finite(name, images)


def halves(images: Images, seed: int) -> tuple[Images, Images]:
    """Return two parts of disjoint subjects, as equal as subjects allow: for floors.

    Raises:
        DataError: There are fewer than two subjects.
    """
    of_image = subjects_of(images)
    subjects = sorted(set(of_image))
    if len(subjects) < 2:
        raise DataError(f"{len(subjects)} subject cannot be halved.", "Add subjects.")
    np.random.default_rng(seed).shuffle(subjects)
    first = set(subjects[: len(subjects) // 2])
    inside = np.array([subject in first for subject in of_image])
    return images[inside], images[~inside]


def subjects_of(images: Images) -> list[str]:
    """Return the subject of each image; an image that has none (a synthetic one) is its own."""
    return [
        f"subject {row['subject']}" if row.get("subject") else f"image {i}"
        for i, row in enumerate(images.table)
    ]


def of_equal_number(sets: Sequence[Images], seed: int) -> list[Images]:
    """Return as many images of each set: a seeded draw without replacement, in stored order."""
    count = min(map(len, sets))
    rng = np.random.default_rng(seed)
    chosen: list[NDArray[np.intp]] = [
        np.sort(rng.choice(len(images), count, replace=False)) for images in sets
    ]
    return [images[places] for images, places in zip(sets, chosen, strict=True)]


def _expect_finite(name: str, images: Images) -> None:
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
                "Look at how they were made; brainzoo does not repair images it measures.",
            )
