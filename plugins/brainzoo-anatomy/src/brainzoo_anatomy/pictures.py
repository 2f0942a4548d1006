"""Pictures: what was segmented, and regions along age."""

# ruff: noqa: TID253 (imported by the evaluator only)

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from brainzoo.api import Images, grid, interval
from brainzoo_anatomy.measured import Measured, t1_channel
from brainzoo_anatomy.regions import NAMES
from brainzoo_anatomy.statistics import Group
from brainzoo_report import charts

SHOWN = 6  # heads of each set
TILE_PIXELS = 150
OPACITY = 0.45
COLOURS = np.array(
    [
        (0, 0, 0), (235, 235, 235), (205, 62, 78), (40, 110, 255), (150, 90, 255),
        (220, 248, 164), (230, 148, 34), (0, 180, 90), (122, 186, 220), (236, 13, 176),
        (12, 48, 255), (0, 220, 220), (42, 204, 164), (119, 159, 176), (220, 216, 20),
        (103, 255, 255), (255, 165, 0), (165, 42, 42),
    ],
    np.float64,
)  # fmt: skip
AGED = ("ventricles", "grey matter", "hippocampus")
LEAST_OF_A_DECADE = 3
GROUPS = {"test": "test people", "train": "training people", "synthetic": "synthetic"}


def segmentation(drawn: Mapping[str, Images], heads: Mapping[str, Measured]) -> bytes:
    """Return a PNG: some test and synthetic heads, each above what was segmented in it."""
    tiles, labels = [], []
    for name in ("test", "synthetic"):
        images, found = drawn[name], heads[name]
        chosen = np.linspace(0, len(images) - 1, min(SHOWN, len(images))).astype(int)
        pairs = [_pair(images, found, int(i)) for i in chosen]
        tiles += [above for above, _ in pairs] + [below for _, below in pairs]
        labels += [name, ""]
    return grid(tiles, columns=len(tiles) // 4, row_labels=labels)


def ageing(groups: Mapping[str, Group]) -> dict[str, bytes]:
    """Return a chart of each of some regions: mean volumes by decade, with intervals."""
    found = {}
    for name in AGED:
        i = NAMES.index(name)
        lines = [line for key, said in GROUPS.items() if (line := _by_decade(groups[key], i, said))]
        if len(lines) < 2:
            return {}
        tens = sorted({int(x) for line in lines for x in line.x})
        places = {ten: place for place, ten in enumerate(range(tens[0], tens[-1] + 10, 10))}
        moved = [
            charts.Line(line.name, [places[int(x)] for x in line.x], line.y, line.low, line.high)
            for line in lines
        ]
        svg = charts.line_chart(
            moved,
            title=f"Volume of {name} by age, in ml",
            x_label=f"age in years, by decade; {name} in ml",
            x_names=[f"{ten}s" for ten in places],
        )
        found[f"{name} by age".replace(" ", "-")] = charts.as_picture(svg)
    return found


def _by_decade(group: Group, region: int, name: str) -> charts.Line | None:
    ages, ml = group.heads.ages, group.heads.ml[:, region]
    tens = np.where(np.isfinite(ages), ages // 10 * 10, -1)
    rows = []
    for ten in np.unique(tens[tens >= 0]):
        inside = tens == ten
        if inside.sum() >= LEAST_OF_A_DECADE:
            weights = group.weights[:, inside]
            total = weights.sum(1)
            draws = np.where(total > 0, weights @ ml[inside] / np.maximum(total, 1), np.nan)
            low, high = interval(draws) or (draws[0], draws[0])
            rows.append((float(ten), float(draws[0]), float(low), float(high)))
    if not rows:
        return None
    x, y, low_ends, high_ends = zip(*rows, strict=True)
    return charts.Line(name, x, y, low_ends, high_ends)


def _pair(images: Images, heads: Measured, i: int) -> tuple[Image.Image, Image.Image]:
    image = images.floats([i])[0, t1_channel(images) or 0]
    level = min(int(heads.levels[i] * image.shape[2]), image.shape[2] - 1)
    classes = heads.planes[i]
    grey = ndimage.zoom(
        image[:, :, level],
        [n / m for n, m in zip(classes.shape, image.shape, strict=False)],
        order=1,
        mode="nearest",
        grid_mode=True,
    )
    plain = 255 * np.clip(grey, 0, 1)[..., None].repeat(3, 2)
    painted = np.where(
        classes[..., None] > 0,
        (1 - OPACITY) * plain + OPACITY * COLOURS[classes % len(COLOURS)],
        plain,
    )
    return _tile(plain), _tile(painted)


def _tile(values: NDArray[np.float64]) -> Image.Image:
    # The patient's right at the left, front on top.
    picture = Image.fromarray(np.round(values[::-1, ::-1].transpose(1, 0, 2)).astype(np.uint8))
    scale = TILE_PIXELS / max(picture.size)
    size = [max(1, round(side * scale)) for side in picture.size]
    return picture.resize((size[0], size[1]), Image.Resampling.BILINEAR)
