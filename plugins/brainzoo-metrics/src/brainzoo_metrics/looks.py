"""The pictures: histograms, coverage of ages and sexes, who is far, segmentations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainzoo.api import Row, grid
from brainzoo_metrics.anatomy import segment, spacing_of
from brainzoo_metrics.charts import curves, shaded_table
from brainzoo_metrics.pixels import histograms
from brainzoo_metrics.sets import Sets

SHOWN = 8


def intensities(seen: Sequence[NDArray[np.float32]]) -> Image.Image:
    """Draw how often each intensity occurs in test, synthetic and training images.

    Half of all pixels are background; the axis is cut above what the tissues need.
    """
    names = ("test", "synthetic", "train")
    lines = {
        name: 100 * histograms(part).mean(axis=0).reshape(-1, 4).sum(axis=1)
        for name, part in zip(names, seen, strict=True)
    }
    top = max(float(values[6:].max()) for values in lines.values()) * 1.2 or 1.0
    return curves(
        {name: np.minimum(values, top) for name, values in lines.items()},
        ends=(0, 1),
        x_label="intensity",
        y_label="% of pixels",
    )


def regions(rows: Sequence[Row]) -> Image.Image:
    """Draw decades of age by sex (or classes): how many test subjects were reached, of how many."""
    kind = "age and sex" if any(row["kind"] == "age and sex" for row in rows) else "class"
    cells: dict[tuple[str, str], tuple[float | None, str]] = {}
    columns, sexes = [], []
    for row in rows:
        if row["kind"] != kind:
            continue
        words = str(row["region"]).split()
        sex = words[-1] if kind == "age and sex" and words[-1].isalpha() else "all"
        column = " ".join(w for w in words if w != sex) or "any age"
        columns.append(column)
        sexes.append(sex)
        tested, reached = int(row["test subjects"] or 0), int(row["reached"] or 0)
        text = f"{reached} of {tested}\n{row['training subjects']} in train"
        cells[sex, column] = (reached / tested if tested else None, text)
    return shaded_table(
        sorted(set(columns)) or ["all"],
        sorted(set(sexes)) or ["all"],
        cells,
        title="Test subjects that a synthetic image comes near; below, training subjects",
    )


def farthest(
    seen: Sequence[NDArray[np.float32]], far: NDArray[np.float64], sets: Sets
) -> Image.Image:
    """Draw the test images that are farthest from any synthetic one, each above its nearest."""
    nearest = far.min(axis=1)
    order: list[int] = []
    subjects = sets.test_subjects
    for i in np.argsort(-nearest):  # one image a subject
        if subjects[i] not in {subjects[j] for j in order}:
            order.append(int(i))
    order = order[:SHOWN]
    pairs = np.concatenate([seen[0][order], seen[1][far[order].argmin(axis=1)]])
    return grid(
        pairs,
        columns=len(order),
        column_labels=[f"{nearest[i]:.2f}" for i in order],
        row_labels=["test", "nearest"],
        scale=max(1, -(-96 // max(pairs.shape[2:]))),
    )


def anatomy(sets: Sets, white: float) -> Image.Image:
    """Draw test and synthetic images above what the segmentation makes of them.

    CSF dark, ventricles black on it, grey matter grey, white matter white.
    """
    rows = []
    for images in (sets.test, sets.synthetic):
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
        scale=max(1, -(-96 // max(rows[0].shape[2:]))) if sets.test.dims == 2 else 1,
    )
