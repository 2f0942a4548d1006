"""An anatomy check: shares of CSF, grey and white matter, and the size of the ventricles.

A simple segmentation of T1-weighted heads, the same for real and synthetic images, so its errors
fall on both:

- head: brighter than a tenth of the range, holes filled, the largest piece;
- brain: deeper than 16 mm below the head's surface (scalp, skull and the outermost cortex lie
  above); in volumes only the upper 90 mm of the head, which skull base and airways do not reach;
- classes: a Gaussian mixture of three intensities with one variance, fitted to real training
  images, whose boundaries all images share;
- ventricles: CSF deeper than 35 mm. On IXI their size follows age (Spearman 0.58 in 7 axial slices
  of 3.5 mm, 0.64 in volumes of 7 mm), as it must.

No clinical volumetry: grey and white matter are told apart by intensity alone.
"""

# ruff: noqa: TID253 (imported by the evaluator and by scripts only)

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.mixture import GaussianMixture

from brainzoo import console
from brainzoo.images import Images
from brainzoo_metrics.resampling import Draws, Weights

HEAD = 0.1  # of the range
BRAIN_MM = 16.0
VENTRICLES_MM = 35.0
UPPER_MM = 90.0
FITTED_VOXELS = 50_000
FIELD_MM = 224.0  # assumed across images of unknown spacing
CLASSES = ("CSF", "GM", "WM")
BATCH = 32

Floats = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Segmentation:
    """The boundaries between CSF, grey and white matter, in [0, 1], and the size of a voxel."""

    boundaries: tuple[float, float]
    spacing_mm: tuple[float, ...]

    @classmethod
    def fit(cls, images: Images, seed: int) -> Segmentation | None:
        """Return the boundaries that fit real images, or nothing if no heads are in them."""
        spacing = spacing_of(images)
        rng = np.random.default_rng(seed)
        few = np.sort(rng.choice(len(images), min(len(images), 200), replace=False))
        inside = [image[depth_mm(image, spacing) > BRAIN_MM] for image in images.floats(few)[:, 0]]
        values = np.concatenate(inside)
        if len(np.unique(values)) < 100:
            return None
        values = rng.choice(values, min(len(values), FITTED_VOXELS), replace=False)[:, None]
        start = np.quantile(values, [0.1, 0.5, 0.85])[:, None]
        mixture = GaussianMixture(
            3, covariance_type="tied", means_init=start, max_iter=500, tol=1e-4, random_state=0
        ).fit(values)
        # One variance: posteriors of neighbours cross once, so boundaries are in order.
        order = np.argsort(mixture.means_[:, 0])
        mean, weight = mixture.means_[order, 0], mixture.weights_[order]
        shift = float(mixture.covariances_[0, 0]) * np.log(weight[:-1] / weight[1:])
        low, high = (mean[:-1] + mean[1:]) / 2 + shift / (mean[1:] - mean[:-1])
        return cls((float(min(low, high)), float(max(low, high))), spacing)

    def labels(self, image: Floats) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return classes (0 outside, 1 CSF, 2 GM, 3 WM) and ventricles of one ``(*spatial)``."""
        depth = depth_mm(image, self.spacing_mm)
        classes = np.where(depth > BRAIN_MM, 1 + np.digitize(image, self.boundaries), 0)
        return classes, (classes == 1) & (depth > VENTRICLES_MM)

    def measure(self, images: Images) -> Mapping[str, NDArray[np.float64]]:
        """Return per image the shares of classes in percent and the ventricles in cm² or ml."""
        unit = float(np.prod(self.spacing_mm)) / (100 if images.dims == 2 else 1000)
        rows = []
        with console.progress("anatomy", len(images)) as advance:
            for start in range(0, len(images), BATCH):
                pixels = images.floats(np.arange(start, min(start + BATCH, len(images))))
                for image in pixels[:, 0]:
                    classes, ventricles = self.labels(image)
                    counts = np.bincount(classes.ravel(), minlength=4)[1:]
                    shares = 100 * counts / max(1, counts.sum())
                    rows.append([*shares, ventricles.sum() * unit])
                advance(len(pixels))
        return dict(zip((*CLASSES, "ventricles"), np.array(rows).T, strict=True))


def spacing_of(images: Images) -> tuple[float, ...]:
    """Return the spacing in mm; where it is unknown, as if the longest side were 224 mm."""
    known: Sequence[float] = images.info.get("spacing_mm") or ()
    if len(known) == images.dims:
        return tuple(map(float, known))
    return (FIELD_MM / max(images.spatial),) * images.dims


def depth_mm(image: Floats, spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """Return how far below the head's surface each pixel of ``(*spatial)`` is; 0 outside."""
    margin = 3
    inner = (slice(margin, -margin),) * image.ndim
    # The edge of the image is an outside too.
    head = ndimage.binary_closing(np.pad(image > HEAD, margin), iterations=2)
    head = ndimage.binary_fill_holes(ndimage.binary_opening(head))
    pieces, count = ndimage.label(head)
    if count > 1:
        head = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    depth = np.asarray(ndimage.distance_transform_edt(head, sampling=spacing_mm))[inner]
    if image.ndim == 3:  # z points up
        occupied = np.flatnonzero(head[inner].any(axis=(0, 1)))
        top = occupied[-1] if len(occupied) else 0
        depth[:, :, : max(0, top - int(UPPER_MM / spacing_mm[2]))] = 0
    return depth


def effect_draws(
    real: NDArray[np.float64], other: NDArray[np.float64], of_real: Weights, of_other: Weights
) -> Draws:
    """Return Cohen's d, (other − real) over the pooled standard deviation, for each row."""
    moments = []
    for values, weights in ((real, of_real), (other, of_other)):
        total = weights.sum(1)
        mean = weights @ values / total
        moments.append((mean, np.maximum(weights @ values**2 / total - mean**2, 0)))
    pooled = np.sqrt((moments[0][1] + moments[1][1]) / 2)
    scale = np.abs(moments[0][0]) + np.abs(moments[1][0])
    # Of values that hardly vary, a difference is large but finite.
    return np.asarray(
        (moments[1][0] - moments[0][0]) / np.maximum(pooled, 1e-3 * scale + 1e-9), np.float64
    )
