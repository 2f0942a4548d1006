"""Which class each sample is of: given by the user, or drawn from the training distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.errors import OptionError
from brainzoo.interfaces import Value
from brainzoo.options import nearest


def draw_classes(
    classes: Sequence[str],
    shares: Sequence[float],
    seed: int,
    start: int,
    count: int,
    condition: Mapping[str, Value] | None,
) -> NDArray[np.int64]:
    """Return the class indices of the samples ``start`` to ``start + count - 1`` of a seed.

    Args:
        classes: The model's classes; empty if it has none.
        shares: How much of the training images each class was.
        seed: Seed of the samples; a sample's class depends on it and the index only.
        start: Index of the first sample.
        count: How many.
        condition: ``{"class": name}`` fixes the class; ``None`` draws from ``shares``.

    Returns:
        ``(count,)`` indices; all 0 if the model has no classes.

    Raises:
        OptionError: The condition names something that the model does not know.
    """
    unknown = sorted(set(condition or {}) - {"class"})
    if unknown or (condition and not classes):
        name = unknown[0] if unknown else "class"
        known = "its condition is the class" if classes else "it was trained without classes"
        raise OptionError(f"this model takes no condition {name!r}: {known}.")
    if condition:
        wanted = str(condition["class"])
        if wanted not in classes:
            raise OptionError(f"there is no class {wanted!r}.", nearest(wanted, list(classes)))
        return np.full(count, list(classes).index(wanted), np.int64)
    if not classes:
        return np.zeros(count, np.int64)
    edges = np.cumsum(shares) / np.sum(shares)
    draws = [
        np.random.default_rng(np.random.SeedSequence([seed, index, 1])).random()
        for index in range(start, start + count)
    ]
    return np.minimum(np.searchsorted(edges, draws, side="right"), len(classes) - 1)
