"""Which classes the three sets have, and the refusal of those that no classifier can learn from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import DataError, Images, OptionError

LEAST = 2


def class_names(sets: Mapping[str, Images]) -> list[str]:
    """Return the names of the classes of ``train``, ``test`` and ``synthetic`` images, in order.

    Raises:
        DataError: A set has no classes, not all of them, or too few images or subjects of one.
    """
    for name, images in sets.items():
        if not any(images.column("class")):
            raise DataError(
                f"the {name} images have no classes; GAN-train learns to distinguish classes.",
                "Name some by what is known of people and samples: "
                "--class young='age < 35' --class old='age > 60'",
            )
    found = {str(c) for images in sets.values() for c in images.column("class") if c is not None}
    ordered = [name for name in sets["test"].classes if name in found]
    names = ordered + sorted(found - set(ordered))
    if len(names) < 2:
        raise DataError(
            f"all images are of the class {names[0]}; GAN-train needs two or more.",
            "Name another with --class NAME=EXPRESSION.",
        )
    for name, images in sets.items():
        for one in names:
            own = images.where(**{"class": one})
            made = name == "synthetic" or not len(own)
            count, what = (len(own), "images") if made else (len(own.subjects()), "subjects")
            if count < LEAST:
                raise DataError(
                    f"the {name} images of class {one} are of {count} {what}; expected {LEAST} or "
                    "more.",
                    "Sample more images (--samples), of the classes of the test images."
                    if name == "synthetic"
                    else "Add subjects, widen the class, or choose another --data.split-seed.",
                )
    return names


def in_classes(images: Images, names: list[str]) -> tuple[Images, NDArray[np.int64]]:
    """Return the images that are in a class, and the number of each one's class."""
    keep = [i for i, name in enumerate(images.column("class")) if name is not None]
    chosen = images[keep]
    return chosen, np.array([names.index(str(c)) for c in chosen.column("class")], np.int64)


def positive_class(wanted: str | None, names: list[str]) -> int:
    """Return the number of the class that sensitivity is about.

    Raises:
        OptionError: No such class.
    """
    if wanted is None:
        return len(names) - 1
    if wanted not in names:
        raise OptionError(
            f"positive is {wanted!r}, which is not a class.", f"Choose from {', '.join(names)}."
        )
    return names.index(wanted)
