"""The comparisons of an audit: synthetic, unseen real and planted images with those trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import DataError, EvaluationSets, subjects_of
from brainzoo_privacy.blocks import Neighbours
from brainzoo_privacy.calibration import Limits, lead_of, limits
from brainzoo_privacy.pose import Array
from brainzoo_privacy.rules import COPY_RATE, DUPLICATE_ERROR
from brainzoo_privacy.search import Seen, search

LEAST_SUBJECTS = 3  # without a second other subject nothing can lead


@dataclasses.dataclass(frozen=True)
class Flagged:
    """Images compared with the training images.

    Attributes:
        nearest: Position of the most similar training image of each.
        similarity: To that one.
        lead: How far its nearest subject leads the second.
        excess: How far it is towards the limits of copies, 1 at either: the order of suspicion.
        copy: Whether it counts as a copy.
        duplicate: Whether it is nearer than chance allows any of all images to be.
    """

    nearest: NDArray[np.intp]
    similarity: Array
    lead: Array
    excess: Array
    copy: NDArray[np.bool_]
    duplicate: NDArray[np.bool_]

    @property
    def order(self) -> NDArray[np.intp]:
        """Positions of the images, the most suspicious first."""
        return np.argsort(-self.excess, kind="stable")

    @classmethod
    def of(cls, found: Neighbours, copies: Limits, duplicates: Limits) -> Flagged:
        """Judge what a search among training images found."""
        similarity, lead = found.similarity, lead_of(found.by_subject)
        return cls(
            found.nearest,
            similarity,
            lead,
            copies.excess(similarity, lead),
            copies.flags(similarity, lead),
            duplicates.flags(similarity, lead),
        )

    @classmethod
    def worst(cls, parts: Sequence[Flagged]) -> Flagged:
        """Return of each image what is most suspicious among several ways of looking at it."""
        most = np.argmax([part.excess for part in parts], axis=0)
        chosen = {
            name: np.choose(most, [getattr(part, name) for part in parts])
            for name in ("nearest", "similarity", "lead", "excess")
        }
        copy = np.any([part.copy for part in parts], axis=0)
        return cls(**chosen, copy=copy, duplicate=np.any([p.duplicate for p in parts], axis=0))


@dataclasses.dataclass(frozen=True)
class Audit:
    """All comparisons of one kind of vectors: of pixels, or of features.

    Attributes:
        to_train: The search of synthetic images among training images.
        to_unseen: The search of synthetic images among images of unseen people.
        among_train: Highest similarity of each training image to one of another subject.
        copies: The limits of copies.
        duplicates: The limits of duplicates.
        synthetic: Synthetic images, judged.
        unseen: Real images of people who were not trained on, judged.
        planted: Planted copies, judged.
    """

    to_train: Neighbours
    to_unseen: Neighbours
    among_train: Array
    copies: Limits
    duplicates: Limits
    synthetic: Flagged
    unseen: Flagged
    planted: Flagged


def audit(vectors: Mapping[str, Sequence[Seen]], sets: EvaluationSets) -> Audit:
    """Compare everything with everything, in each band.

    ``vectors`` are of ``train``, ``unseen``, ``synthetic`` and ``planted`` images: a list of bands.
    Of several, the first gives what is measured; an image counts as a copy if it does so in any,
    and each has its part of the error that is allowed.
    """
    bands, found = len(vectors["train"]), []
    train_subjects, unseen_subjects = map(subjects_of, (sets.train, sets.test))
    subjects = len(set(train_subjects))
    for band in range(bands):
        train, unseen, synthetic, planted = (
            vectors[name][band] for name in ("train", "unseen", "synthetic", "planted")
        )
        reference = train.reference
        among = search(
            train.query, reference, train_subjects, own=train_subjects, name="training subjects"
        )
        searches = {
            name: search(one.query, reference, train_subjects, name=f"{name} with training images")
            for name, one in (
                ("synthetic", synthetic),
                ("unseen", unseen),
                ("planted", planted),
            )
        }
        to_unseen = search(
            synthetic.query, unseen.reference, unseen_subjects, name="synthetic with unseen images"
        )
        leads = lead_of(among.by_subject)
        copies, duplicates = (
            limits(among.similarity, leads, subjects, rate / bands)
            for rate in (COPY_RATE, DUPLICATE_ERROR / max(len(synthetic.query), 1))
        )
        judged = {n: Flagged.of(one, copies, duplicates) for n, one in searches.items()}
        found.append(
            Audit(searches["synthetic"], to_unseen, among.similarity, copies, duplicates, **judged)
        )
    return dataclasses.replace(
        found[0],
        synthetic=Flagged.worst([one.synthetic for one in found]),
        unseen=Flagged.worst([one.unseen for one in found]),
        planted=Flagged.worst([one.planted for one in found]),
    )


def expect_subjects(sets: EvaluationSets) -> None:
    """Refuse real images that do not say whose they are.

    Slices of one head are near copies of each other: without subjects, the limits would be theirs.

    Raises:
        DataError: An image has no subject, or there are too few subjects.
    """
    for name, images in (("training", sets.train), ("test and validation", sets.test)):
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
