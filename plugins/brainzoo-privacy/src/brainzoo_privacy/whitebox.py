# ruff: noqa: TID253 (imported by the audit only)
"""What somebody who has the weights can find out: does the model know people it was trained on?

Published weights can be asked more than samples can (Chen 2020, "GAN-Leaks", white box; Hayes 2019,
"LOGAN"). Training images are known by what the model says of them:

- a model with a score is asked for it, one that reconstructs for its error;
- any other is inverted (:mod:`brainzoo_privacy.inversion`): how well can it make this very image?

Some images are easy for every model, trained on them or not. What smoothness, contrast and place
explain is taken out first (Watson 2022, "On the importance of difficulty calibration in membership
inference attacks"; here by a regression on what can be seen in the image alone, its compressed size
among it: Serra 2020, "Input complexity and out-of-distribution detection"). All images of a person
are joined, as an attacker would, and so are several attacks: chance speaks for one of them or the
other, and a model that knows a person speaks for that one in each.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from brainzoo.api import Generator, Images, console, seen_by
from brainzoo_privacy.pose import Array

BATCH = 64
RIDGE = 1e-3
JOINED = "joined"


class Attack(NamedTuple):
    """What one attack (``name``) knows of each person: high for those whom the model knows."""

    name: str
    members: Array
    others: Array


def attacks(generator: Generator | None, train: Images, unseen: Images, seed: int) -> list[Attack]:
    """Return what can be asked of a model's weights; nothing if nothing can.

    The last of several joins the others.
    """
    if generator is None:
        return []
    model: Any = generator
    members, others = seen_by(generator, train), seen_by(generator, unseen)
    asked = {"score": ("score", score), "reconstruction": ("reconstruct", error)}
    found = []
    for name, (method, ask) in asked.items():
        if hasattr(model, method):
            values = [-by_batch(model, ask, images) for images in (members, others)]
            found.append(of_people(name, members, values[0], others, values[1]))
    if not found and hasattr(model, "draw") and hasattr(model, "known"):
        from brainzoo_privacy.inversion import inverted, some

        members, others = some(members, seed), some(others, seed)
        values = [-inverted(model, images, seed) for images in (members, others)]
        found = [of_people("inversion", members, values[0], others, values[1])]
    return [*found, joined(found)] if len(found) > 1 else found


def joined(found: Sequence[Attack]) -> Attack:
    """Return the mean of several attacks: each is in standard deviations of its own."""
    members: Array = np.mean([one.members for one in found], 0)
    others: Array = np.mean([one.others for one in found], 0)
    return Attack(JOINED, members, others)


def of_people(name: str, train: Images, members: Array, unseen: Images, others: Array) -> Attack:
    """Return an attack's values a person, after what makes images easy for any model."""
    difficulty = np.concatenate([difficulties(train), difficulties(unseen)])
    left = unexplained(np.concatenate([members, others]), difficulty)
    return Attack(
        name, per_person(train, left[: len(train)]), per_person(unseen, left[len(train) :])
    )


def per_person(images: Images, values: Array) -> Array:
    """Return the mean of the values of each person's images, in the order of their first ones."""
    names = [str(row.get("subject")) for row in images.table]
    order = {name: i for i, name in enumerate(dict.fromkeys(names))}
    person = np.array([order[name] for name in names])
    sums = np.bincount(person, values)
    means: Array = (sums / np.bincount(person)).astype(np.float32)
    return means


def unexplained(values: Array, difficulty: NDArray[np.float64]) -> Array:
    """Return what a ridge regression on difficulty leaves of values, in standard deviations."""
    standard = (values - values.mean()) / max(float(values.std()), 1e-12)
    columns = (difficulty - difficulty.mean(0)) / np.maximum(difficulty.std(0), 1e-9)
    columns = np.hstack([columns, columns**2 - 1])
    normal = columns.T @ columns + RIDGE * len(values) * np.eye(columns.shape[1])
    left: Array = (standard - columns @ np.linalg.solve(normal, columns.T @ standard)).astype(
        np.float32
    )
    return left


def difficulties(images: Images) -> NDArray[np.float64]:
    """Return what makes images hard for any model, ``(image, number)``."""
    found = []
    for i in range(len(images)):
        pixels = images.floats(np.array([i]))[0]
        fine = pixels - ndimage.gaussian_filter(pixels, (0.0, *[1.0] * (pixels.ndim - 1)))
        coded = zlib.compress((pixels * 63).astype(np.uint8).tobytes(), 1)
        place = images.table[i].get("position_mm")
        found.append(
            [
                np.log(np.square(fine).mean() + 1e-9),
                np.log(np.abs(fine).mean() + 1e-6),
                pixels.mean(),
                pixels.std(),
                np.log(len(coded)),
                float(place) if isinstance(place, int | float) else 0.0,
            ]
        )
    return np.asarray(found, np.float64)


def by_batch(model: Any, ask: Callable[[Any, Array, Any], Array], images: Images) -> Array:
    """Return what is asked of all images, a few at a time; ``ask`` gets pixels and rows."""
    parts = []
    with console.progress("asking the model about images", len(images)) as advance:
        for at in range(0, len(images), BATCH):
            rows = images.table[at : at + BATCH]
            parts.append(ask(model, images.floats(np.arange(at, at + len(rows))), rows))
            advance(len(rows))
    return np.concatenate(parts)


def score(model: Any, pixels: Array, rows: Any) -> Array:
    """Return a model's own score of images that it is told all about."""
    found: Array = model.score(pixels, conditions=known(model, rows))
    return found


def error(model: Any, pixels: Array, rows: Any) -> Array:
    """Return the root of the mean squared difference of images from their reconstructions."""
    try:
        made = model.reconstruct(pixels, conditions=known(model, rows)).mean
    except TypeError:  # most models are told nothing to reconstruct
        made = model.reconstruct(pixels).mean
    found: Array = np.sqrt(np.square(made - pixels).reshape(len(pixels), -1).mean(1))
    return found


def known(model: Any, rows: Any) -> Any:
    """Return what a model may be told of images; a category that it never saw is not."""
    return model.known.rows_of(rows) if hasattr(model, "known") else None
