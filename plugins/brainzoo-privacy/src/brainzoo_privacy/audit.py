"""The comparisons of an audit: synthetic, unseen real and planted images with those trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import DataError, Images, note
from brainzoo_privacy.calibration import COPY_RATE, Limits, duplicate_limits, lead_of, limits
from brainzoo_privacy.pose import Array
from brainzoo_privacy.search import Neighbours, Vectors, search

LEAST_SUBJECTS = 3  # without a second other subject nothing can lead


@dataclasses.dataclass(frozen=True)
class Flagged:
    """Images compared with the training images.

    Attributes:
        similarity: Of each to its nearest training image.
        lead: How far its nearest subject leads the second.
        copy: Whether it counts as a copy.
        duplicate: Whether it is nearer than chance allows any of all images to be.
    """

    similarity: Array
    lead: Array
    copy: NDArray[np.bool_]
    duplicate: NDArray[np.bool_]

    @classmethod
    def of(cls, by_subject: Array, copies: Limits, duplicates: Limits) -> Flagged:
        """Judge images by their similarities ``(image, subject)``."""
        similarity, lead = by_subject.max(axis=1), lead_of(by_subject)
        return cls(
            similarity, lead, copies.flags(similarity, lead), duplicates.flags(similarity, lead)
        )


@dataclasses.dataclass(frozen=True)
class Audit:
    """All comparisons of one kind of vectors: of pixels, or of features.

    Attributes:
        to_train: The search of synthetic images among training images.
        to_test: The search of synthetic images among test images.
        among_train: Highest similarity of each training image to one of another subject.
        test_nearest: Position of the nearest training image of each test image.
        copies: The limits of copies.
        duplicates: The limits of duplicates.
        synthetic: Synthetic images, judged.
        test: Test images, judged: real people who were not trained on.
        planted: Planted copies, judged.
    """

    to_train: Neighbours
    to_test: Neighbours
    among_train: Array
    test_nearest: NDArray[np.intp]
    copies: Limits
    duplicates: Limits
    synthetic: Flagged
    test: Flagged
    planted: Flagged


def audit(
    *,
    train: Vectors,
    test: Vectors,
    synthetic: Vectors,
    planted: Vectors,
    train_subjects: Sequence[str],
    test_subjects: Sequence[str],
) -> Audit:
    """Compare everything with everything; print how fast."""
    unseen = search(train, train, train_subjects, own=train_subjects, name="training subjects")
    tested = search(test, train, train_subjects, name="test with training images")
    to_train = search(synthetic, train, train_subjects, name="synthetic with training images")
    to_test = search(synthetic, test, test_subjects, name="synthetic with test images")
    found = search(planted, train, train_subjects, name="planted copies")

    pairs = sum(one.pairs for one in (unseen, tested, to_train, to_test, found))
    seconds = sum(one.seconds for one in (unseen, tested, to_train, to_test, found))
    note(
        f"compared {pairs:,} pairs of images, each both ways round, in {seconds:.1f} s: "
        f"{pairs / max(seconds, 1e-9):,.0f} pairs a second"
    )
    leads = lead_of(unseen.by_subject)
    subjects = len(set(train_subjects))
    copies = limits(unseen.similarity, leads, subjects, COPY_RATE)
    duplicates = duplicate_limits(unseen.similarity, leads, subjects, len(synthetic))
    return Audit(
        to_train=to_train,
        to_test=to_test,
        among_train=unseen.similarity,
        test_nearest=tested.nearest,
        copies=copies,
        duplicates=duplicates,
        synthetic=Flagged.of(to_train.by_subject, copies, duplicates),
        test=Flagged.of(tested.by_subject, copies, duplicates),
        planted=Flagged.of(found.by_subject, copies, duplicates),
    )


def expect_subjects(train: Images, test: Images) -> None:
    """Refuse real images that do not say whose they are.

    Slices of one head are near copies of each other: without subjects, the limits would be theirs.

    Raises:
        DataError: An image has no subject, or there are too few subjects.
    """
    for name, images in (("training", train), ("test", test)):
        nameless = sum(not row.get("subject") for row in images.table)
        if nameless:
            raise DataError(
                f"{nameless} of {len(images)} {name} images have no subject; expected one each.",
                "Prepare them with brainzoo data, or add the column subject to table.csv.",
            )
        found = len(images.subjects())
        if found < LEAST_SUBJECTS:
            raise DataError(
                f"the {name} images are of {found} subjects; expected {LEAST_SUBJECTS} or more.",
                "Add subjects.",
            )
