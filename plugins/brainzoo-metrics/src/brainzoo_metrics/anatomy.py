"""An anatomy check: shares of CSF, grey and white matter, and the size of the ventricles.

A simple segmentation of T1-weighted heads, the same for real and synthetic images, so its errors
fall on both:

- head: brighter than a tenth of the range, holes filled, the largest piece;
- brain: deeper than 16 mm below the head's surface (scalp, skull and the outermost cortex lie
  above); in volumes only the upper 90 mm of the head, which skull base and airways do not reach;
- CSF: darker than 0.7 of the brain's median, since a mixture finds no class where ventricles are
  small; the rest is grey and white matter: a Gaussian mixture of two intensities, relative to each
  brain's 90th percentile so that a scan's brightness does not count, is fitted to real training
  images, and its boundary serves all;
- ventricles: CSF deeper than 35 mm.

What it finds on 121 real heads of IXI follows age as anatomy does (Spearman's rank correlation over
subjects, 7 axial slices of 3.5 mm / volumes of 7 mm): ventricles 0.57 / 0.61, CSF 0.58 / 0.37, grey
matter −0.53 / −0.49. This is not clinical volumetry.
"""

# ruff: noqa: TID253 (imported by the evaluator and by scripts only)

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.mixture import GaussianMixture

from brainzoo.api import Evaluation, Images, MetricValue, Value, console, grid
from brainzoo_metrics.measure import POSITIVE, Draws, Floats, View, Weights, mean_of

HEAD = 0.1  # of the range
BRAIN_MM = 16.0
UPPER_MM = 90.0
CSF_PART = 0.7  # of the brain's median: the part at which ventricles follow age best on IXI
VENTRICLES_MM = 35.0
FITTED_IMAGES, FITTED_VOXELS = 100, 20_000
BRIGHT = 90  # percentile of the brain: white matter
FIELD_MM = 224.0  # assumed across images of unknown spacing
LEAST_VOXELS = 30
CLASSES = ("CSF", "GM", "WM")
BATCH = 32
SEGMENTED = 1000  # images of each set
SHOWN = 8


def compute(view: View) -> Evaluation:
    """Return effect sizes of tissue shares and ventricles, and a table of their distributions."""
    if not view.first:  # it looks at whole images: of volumes, at all planes at once
        return Evaluation()
    modality = view.images[0].channel_names[0]
    if not modality.startswith("T1"):
        said = f"The anatomy check reads T1w intensities; these images are {modality}."
        return Evaluation(notes=[said])
    white = fit(view.sets.train, view.sets.seed)
    if white is None:
        return Evaluation(notes=["The anatomy check found no brains in the training images."])
    rng = np.random.default_rng(view.sets.seed)
    chosen = np.sort(rng.choice(view.n, min(view.n, SEGMENTED), replace=False))
    measured = [measure(images[chosen], white) for images in view.images]
    weights = [of[:, chosen] for of in view.weights]
    values, rows = [], []
    for name in measured[0]:
        parts = [one[name] for one in measured]
        signed, floor = view.both(effect_draws, parts, weights)
        unit = "percent" if name != "ventricles" else "cm²" if view.images[0].dims == 2 else "ml"
        row: dict[str, Value] = {"what": name, "unit": unit}
        for who, part in zip(("test", "synthetic", "train"), parts, strict=True):
            low, middle, high = np.quantile(part, [0.05, 0.5, 0.95])
            row[f"{who} median"] = round(float(middle), 2)
            row[f"{who} 5 to 95 %"] = f"{low:.2f} to {high:.2f}"
        rows.append(row | {"d": round(float(signed[0]), 3)})
        values.append(
            MetricValue.of(
                f"{name} |d|",
                signed * np.sign(signed[0] or 1.0),
                len(chosen),
                abs(float(floor[0])),
                f"effect size of {name} in {unit}, synthetic against test "
                f"(d = {signed[0]:+.2f}); intensity classes, not clinical volumetry",
                normal=True,
                bounds=POSITIVE,
            )
        )
    return Evaluation(values, {"anatomy": rows}, {"anatomy": _picture(view.images[:2], white)})


def fit(images: Images, seed: int) -> float | None:
    """Return where white matter begins, relative to a brain's 90th percentile of intensities.

    Returns:
        Nothing if no brains are in them.
    """
    rng = np.random.default_rng(seed)
    few = rng.choice(len(images), min(len(images), FITTED_IMAGES), replace=False)
    spacing, found = spacing_of(images), []
    for position in np.sort(few):  # one at a time: a hundred volumes may not fit into memory
        image = images.floats([position])[0, 0]
        brain = image[depth_mm(image, spacing) > BRAIN_MM]
        if len(brain) >= LEAST_VOXELS:
            found.append(_tissue(brain) / max(np.percentile(brain, BRIGHT), 1e-6))
    if not found:
        return None
    values = np.concatenate(found).astype(np.float64)
    values = rng.choice(values, min(len(values), FITTED_VOXELS), replace=False)[:, None]
    start = np.quantile(values, [0.3, 0.8])[:, None]
    if start[1] - start[0] < 1e-3:
        return None
    mixture = GaussianMixture(
        2,
        covariance_type="tied",
        weights_init=[0.5, 0.5],
        means_init=start,
        precisions_init=[[2 / values.var()]],
        max_iter=1000,
        random_state=0,
    ).fit(values)
    return float(mixture.means_.mean())


def measure(images: Images, white: float) -> Mapping[str, NDArray[np.float64]]:
    """Return what is measured of each image, of its first channel.

    Returns:
        ``CSF``, ``GM`` and ``WM`` in percent of the brain, and ``ventricles`` in cm² of a slice or
        ml of a volume: ``(image,)`` each. An image without a brain has 0 of all.
    """
    spacing = spacing_of(images)
    unit = float(np.prod(spacing)) / (100 if images.dims == 2 else 1000)
    rows = []
    with console.progress("anatomy", len(images)) as advance:
        for start in range(0, len(images), BATCH):
            pixels = images.floats(np.arange(start, min(start + BATCH, len(images))))
            for image in pixels[:, 0]:
                classes, ventricles = segment(image, spacing, white)
                counts = np.bincount(classes.ravel(), minlength=4)[1:]
                shares = 100 * counts / max(1, counts.sum())
                rows.append([*shares, ventricles.sum() * unit])
            advance(len(pixels))
    return dict(zip((*CLASSES, "ventricles"), np.array(rows).T, strict=True))


def segment(
    image: Floats, spacing_mm: Sequence[float], white: float
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return classes (0 outside, 1 CSF, 2 GM, 3 WM) and ventricles of one image ``(*spatial)``."""
    depth = depth_mm(image, spacing_mm)
    brain = depth > BRAIN_MM
    if brain.sum() < LEAST_VOXELS:
        return np.zeros(image.shape, np.intp), np.zeros(image.shape, np.bool_)
    darkest = CSF_PART * float(np.median(image[brain]))
    brightest = white * float(np.percentile(image[brain], BRIGHT))
    classes = np.where(brain, 1 + np.digitize(image, (darkest, max(brightest, darkest))), 0)
    return classes, (classes == 1) & (depth > VENTRICLES_MM)


def _picture(sets: Sequence[Images], white: float) -> bytes:
    """Draw images above what the segmentation makes of them.

    CSF dark, ventricles black on it, grey matter grey, white matter white.
    """
    rows = []
    for images in sets:
        some = images.floats(np.linspace(0, len(images) - 1, SHOWN).astype(np.intp))[:, :1]
        labels = np.zeros_like(some)
        for image, out in zip(some, labels, strict=True):
            classes, ventricles = segment(image[0], spacing_of(images), white)
            out[0] = np.array([0.15, 0.4, 0.7, 1.0])[classes]
            out[0][ventricles] = 0
        rows += [some, labels]
    return grid(
        np.concatenate(rows),
        columns=SHOWN,
        row_labels=["test", "classes", "synthetic", "classes"],
        scale=max(1, -(-96 // max(rows[0].shape[2:]))) if sets[0].dims == 2 else 1,
    )


def _tissue(brain: Floats) -> Floats:
    return brain[brain >= CSF_PART * np.median(brain)]


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
    (mean, squares), (middle, others) = (
        (mean_of(values, weights), mean_of(values**2, weights))
        for values, weights in ((real, of_real), (other, of_other))
    )
    variances = np.maximum(squares - mean**2, 0) + np.maximum(others - middle**2, 0)
    # Of values that hardly vary, a difference is large but finite.
    least = 1e-3 * (np.abs(mean) + np.abs(middle)) + 1e-9
    return np.asarray((middle - mean) / np.maximum(np.sqrt(variances / 2), least), np.float64)
