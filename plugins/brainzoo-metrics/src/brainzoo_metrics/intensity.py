"""How often each intensity occurs: the Wasserstein distance of all pixels, and the histograms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Evaluation
from brainzoo_metrics.measure import POSITIVE, Draws, Floats, View, Weights
from brainzoo_report import charts

BINS = 256


def compute(view: View) -> Evaluation:
    """Return how far apart the intensities of all pixels are, and a picture of them."""
    parts = [histograms(pixels) for pixels in view.pixels]
    drawn = view.both(intensity_draws, parts)
    detail = "Wasserstein distance of all pixels' intensities, percent of the range"
    value = view.value("intensity distance", *drawn, bounds=POSITIVE, detail=detail)
    picture = charts.as_picture(_chart(parts))
    return Evaluation([value], pictures={f"intensities-{view.name}".rstrip("-"): picture})


def histograms(pixels: Floats) -> NDArray[np.float64]:
    """Return the share of pixels in each of 256 equal parts of [0, 1]: ``(image, bin)``."""
    flat = pixels.reshape(len(pixels), -1)
    bins = np.minimum((flat * BINS).astype(np.intp), BINS - 1)
    counts = [np.bincount(row, minlength=BINS) for row in bins]
    return np.stack(counts) / flat.shape[1]


def intensity_draws(
    a: NDArray[np.float64], b: NDArray[np.float64], of_a: Weights, of_b: Weights
) -> Draws:
    """Return the Wasserstein distance of histograms, in percent of the range, for each row."""
    mean_a, mean_b = of_a @ a / of_a.sum(1)[:, None], of_b @ b / of_b.sum(1)[:, None]
    apart = np.abs(np.cumsum(mean_a - mean_b, axis=1)).sum(axis=1)
    return np.asarray(100 * apart / BINS)


def _chart(parts: list[NDArray[np.float64]]) -> str:
    """Half of all pixels are background; the axis is cut above what the tissues need."""
    curves = [100 * part.mean(axis=0).reshape(-1, 4).sum(axis=1) for part in parts]
    top = max(float(values[6:].max()) for values in curves) * 1.2 or 1.0
    x = ((np.arange(len(curves[0])) + 0.5) / len(curves[0])).tolist()
    lines = [
        charts.Line(name, x, np.minimum(values, top).tolist())
        for name, values in zip(("test", "synthetic", "train"), curves, strict=True)
    ]
    title = "Percent of pixels by intensity, in test, synthetic and training images"
    return charts.line_chart(lines, title=title, x_label="intensity", y_range=(0.0, top))
