"""Which heads the segmentation makes sense of: their volumes lie where those of real heads do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Value
from brainzoo_anatomy.measured import Measured
from brainzoo_anatomy.regions import NAMES

WIDTH = 4.0
"""Standard deviations on either side, estimated robustly: one real head in 16,000 were they
Gaussian; people are not, which is why the share of real test heads stands beside."""

LEAST_DEVIATION = 0.05  # of a logarithm: few heads may happen to be alike
MAD = 1.4826  # a Gaussian's standard deviation over its median absolute deviation
WHOLE = "in one piece"


class Limits:
    """What is plausible: learned from real training heads.

    Args:
        heads: Of people trained on.
    """

    def __init__(self, heads: Measured) -> None:
        values = _values(heads)
        middle = np.median(values, 0)
        deviation = np.maximum(MAD * np.median(np.abs(values - middle), 0), LEAST_DEVIATION)
        self.low, self.high = middle - WIDTH * deviation, middle + WIDTH * deviation

    def outside(self, heads: Measured) -> NDArray[np.bool_]:
        """Return which values of each head lie outside: ``(image, region and wholeness)``."""
        values = _values(heads)
        return np.asarray((values < self.low) | (values > self.high))

    def rows(self, **sets: Measured) -> list[dict[str, Value]]:
        """Return the limits, and how many heads of each set lie outside."""
        outside = {name: self.outside(heads).sum(0) for name, heads in sets.items()}
        found: list[dict[str, Value]] = []
        for i, name in enumerate((*NAMES, WHOLE)):
            low, high = np.exp((self.low[i], self.high[i]))
            unit = "percent" if name == WHOLE else "ml"
            scale = 100 if name == WHOLE else 1
            row: dict[str, Value] = {
                "what": name,
                "unit": unit,
                "least": float(f"{scale * low:.3g}"),
                "most": float(f"{scale * high:.3g}"),
            }
            counts = {f"{of} outside": int(counts[i]) for of, counts in outside.items()}
            found.append(row | counts)
        return found


def _values(heads: Measured) -> NDArray[np.float64]:
    """Return logarithms: of two hippocampi, one of half the volume is as odd as one of twice."""
    return np.log(np.maximum(np.column_stack([heads.ml, heads.whole]), 1e-3))
