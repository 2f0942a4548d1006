"""Score maps: those of the model, and of the three baselines that any model must beat.

The baselines are those of Meissen et al. 2021 ("Challenging current semi-supervised anomaly
segmentation methods for brain MRI": thresholds on intensity) and two that are older than networks:
the deviation from the mean voxel by voxel, and from a linear subspace. Pre- and post-processing
(median filter, smoothing) are the same for all.
"""

# ruff: noqa: TID253 (imported by the evaluator only)

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.decomposition import PCA

from brainzoo.api import Images, Reconstructs, console
from brainzoo_anomaly.cases import Cases, places_of
from brainzoo_anomaly.config import AnomalyConfig
from brainzoo_anomaly.regions import Floats

Maps = Mapping[str, Floats]
"""Score maps ``(case, *spatial)`` by the score's name."""

CHUNK = 32
MOST_IMAGES = 2000
"""Training images that PCA is fitted to; more take time and add little."""
LEAST_STD = 0.02
"""Standard deviation of a voxel at least: air hardly varies, which does not make it a lesion."""

BRIGHT, DARK, GAUSSIAN, LINEAR = "intensity, bright", "intensity, dark", "voxelwise Gaussian", "PCA"


class Baselines:
    """What can be done without a network."""

    def __init__(self, train: Images, components: int, seed: int) -> None:
        places = places_of(train)
        count = int(places.max()) + 1
        shape = (count, train.channels, *train.spatial)
        total, squares, number = np.zeros(shape), np.zeros(shape), np.zeros(count)
        for start in range(0, len(train), 256):
            part = train.floats(np.arange(start, min(start + 256, len(train))))
            for image, place in zip(part, places[start : start + 256], strict=True):
                total[place] += image
                squares[place] += image.astype(float) ** 2
                number[place] += 1
        divisor = np.maximum(number, 1).reshape(-1, *[1] * (len(shape) - 1))
        self.mean = total / divisor
        variance = np.maximum(squares / divisor - self.mean**2, 0)
        self.std = np.maximum(np.sqrt(variance), LEAST_STD)
        chosen = np.random.default_rng(seed).permutation(len(train))[:MOST_IMAGES]
        pixels = train.floats(np.sort(chosen)).reshape(len(chosen), -1)
        most = min(components, len(pixels) - 1, pixels.shape[1])
        self.pca = PCA(most, svd_solver="randomized", random_state=seed).fit(pixels)

    def scores(self, pixels: Floats, places: NDArray[np.intp]) -> dict[str, Floats]:
        """Return maps of the shape of ``pixels``, of slices at these levels."""
        level = np.minimum(places, len(self.mean) - 1)
        flat = pixels.reshape(len(pixels), -1)
        projected = self.pca.inverse_transform(self.pca.transform(flat)).reshape(pixels.shape)
        return {
            BRIGHT: pixels,
            DARK: 1 - pixels,
            GAUSSIAN: np.abs(pixels - self.mean[level]) / self.std[level],
            LINEAR: np.abs(pixels - projected),
        }


def score(
    model: Reconstructs, baselines: Baselines, cases: Cases, config: AnomalyConfig, seed: int
) -> tuple[dict[str, Floats], list[str]]:
    """Return all score maps ``(case, *spatial)`` of images, and the names of the model's own."""
    parts: list[dict[str, Floats]] = []
    own: list[str] = []
    with console.progress("scoring images", len(cases)) as advance:
        for start in range(0, len(cases), CHUNK):
            pixels = cases.pixels[start : start + CHUNK]
            if config.median_pixels > 1:
                size = (1, 1, *[config.median_pixels] * (pixels.ndim - 2))
                pixels = ndimage.median_filter(pixels, size)
            seen = np.concatenate([pixels, cases.maps[start : start + CHUNK]], axis=1)
            found = model.anomaly_scores(
                seen, seed=seed + start, conditions=cases.rows[start : start + CHUNK]
            )
            found = {name: values[:, : pixels.shape[1]] for name, values in found.items()}
            own = list(found)
            maps = {**found, **baselines.scores(pixels, cases.places[start : start + CHUNK])}
            parts.append({name: values.mean(1, dtype=np.float32) for name, values in maps.items()})
            advance(len(pixels))
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {name: _smoothed(m, cases, config.smoothing_pixels) for name, m in joined.items()}, own


def _smoothed(maps: Floats, cases: Cases, sigma: float) -> Floats:
    """Smooth within the region: what lies outside counts neither there nor here."""
    if not sigma:
        return maps
    widths = (0.0, *[sigma] * (maps.ndim - 1))
    weights = cases.regions.astype(np.float32)
    summed = ndimage.gaussian_filter(maps * weights, widths)
    return np.asarray(summed / np.maximum(ndimage.gaussian_filter(weights, widths), 1e-6))
