"""The picture that people want: each suspicious image beside its nearest training image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Images, grid
from brainzoo_privacy.pose import Array, mirror_axis
from brainzoo_privacy.search import Individuality, Vectors

HEADINGS = ("synthetic", "nearest training", "3 x difference", "nearest unseen")
AMPLIFIED = 3


def panels(
    individuality: Individuality,
    *,
    synthetic: Images,
    train: Images,
    unseen: Images,
    chosen: NDArray[np.intp],
    nearest_train: NDArray[np.intp],
    nearest_unseen: NDArray[np.intp],
    labels: Sequence[str],
) -> bytes:
    """Return a PNG with a row for each chosen image, all in the common pose."""
    pose = individuality.pose
    made = pose.register(synthetic.floats(chosen))
    trained = pose.register(train.floats(nearest_train[chosen]))
    others = pose.register(unseen.floats(nearest_unseen[chosen]))
    trained = turned_alike(individuality, made, trained)
    others = turned_alike(individuality, made, others)
    difference = np.abs(made - trained) * AMPLIFIED
    rows = [image for row in zip(made, trained, difference, others, strict=True) for image in row]
    shown = np.clip(np.stack(rows), 0, 1)
    scale = max(1, round(128 / max(synthetic.spatial)))
    return grid(
        shown, columns=len(HEADINGS), scale=scale, column_labels=HEADINGS, row_labels=labels
    )


def turned_alike(individuality: Individuality, made: Array, real: Array) -> Array:
    """Return real images, mirrored where their mirror image is the more similar."""
    a: Vectors = individuality.of_posed(made)
    b: Vectors = individuality.of_posed(real)
    mirrored = (a.odd * b.odd).sum(axis=1) < 0
    turned = real.copy()
    turned[mirrored] = np.flip(real[mirrored], axis=2 + mirror_axis(real.ndim - 2))
    return turned
