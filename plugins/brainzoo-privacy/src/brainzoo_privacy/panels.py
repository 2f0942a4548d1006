"""The picture that people want: each suspicious image beside its nearest training image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from brainzoo.api import EvaluationSets, Value, grid
from brainzoo_privacy.audit import Audit
from brainzoo_privacy.pose import Array, mirror_axis
from brainzoo_privacy.search import Individuality, Vectors

HEADINGS = ("synthetic", "nearest training", "3 x difference", "nearest unseen")
AMPLIFIED = 3


def panels(
    individuality: Individuality,
    found: Audit,
    sets: EvaluationSets,
    shown: Sequence[Mapping[str, Value]],
) -> bytes:
    """Return a PNG with a row for each of the most suspicious images, all in the common pose."""
    chosen = found.synthetic.order[: len(shown)]
    made, trained, others = (
        individuality.pose.register(images.floats(places))
        for images, places in (
            (sets.synthetic, chosen),
            (sets.train, found.synthetic.nearest[chosen]),
            (sets.test, found.to_unseen.nearest[chosen]),
        )
    )
    trained = turned_alike(individuality, made, trained)
    others = turned_alike(individuality, made, others)
    difference = np.abs(made - trained) * AMPLIFIED
    rows = [image for row in zip(made, trained, difference, others, strict=True) for image in row]
    scale = max(1, round(128 / max(sets.synthetic.spatial)))
    labels = [f"{row['image_id']} {row['similarity']:.2f}" for row in shown]
    return grid(
        np.clip(np.stack(rows), 0, 1),
        columns=len(HEADINGS),
        scale=scale,
        column_labels=HEADINGS,
        row_labels=labels,
    )


def turned_alike(individuality: Individuality, made: Array, real: Array) -> Array:
    """Return real images, mirrored where their mirror image is the more similar."""
    a: Vectors = individuality.of_posed(made)
    b: Vectors = individuality.of_posed(real)
    mirrored = (a.odd * b.odd).sum(axis=1) < 0
    turned = real.copy()
    turned[mirrored] = np.flip(real[mirrored], axis=2 + mirror_axis(real.ndim - 2))
    return turned
