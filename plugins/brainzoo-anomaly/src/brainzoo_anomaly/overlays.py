"""A picture of what was found: lesions outlined in green, findings in red, beside score maps."""

# ruff: noqa: TID253 (imported by the evaluator only)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from brainzoo.api import grid
from brainzoo_anomaly.cases import Cases
from brainzoo_anomaly.measures import found_at
from brainzoo_anomaly.regions import Bools, Floats
from brainzoo_anomaly.scoring import Maps
from brainzoo_anomaly.study import Scored

GREEN, RED = (90, 220, 90), (240, 70, 60)
TILE_PIXELS = 160
WIDTH_SHOWN = 0.5
"""Of the kinds' widths, in their order: the middle one is shown."""


def overlays(cases: Cases, maps: Maps, shown: Sequence[Scored], least: int) -> bytes:
    """Return a PNG: a row for each kind of lesion and a healthy one.

    Columns are the image with the lesion, and for each score its map and what it finds at its
    threshold from other subjects. Volumes show the axial plane through the lesion.
    """
    chosen = _examples(cases)
    whites = {s.name: float(np.quantile(maps[s.name][cases.regions], 0.999)) for s in shown}
    blacks = {s.name: float(np.quantile(maps[s.name][cases.regions], 0.2)) for s in shown}
    rows, labels = [], []
    for i in chosen:
        level = _level(cases.masks[i])
        grey = _plane(cases.pixels[i].mean(0), level)
        mask, region = _plane(cases.masks[i], level), _plane(cases.regions[i], level)
        tiles = [_outlined(grey, mask, GREEN)]
        for s in shown:
            own = maps[s.name][i]
            found = found_at(own[None], cases.regions[i][None], s.threshold, least)[0]
            span = max(whites[s.name] - blacks[s.name], 1e-9)
            heat = np.clip((_plane(own, level) - blacks[s.name]) / span, 0, 1) * region
            tiles += [_outlined(heat, mask, GREEN), _outlined(grey, _plane(found, level), RED)]
        rows.append(tiles)
        labels.append(str(cases.kinds[i]) or "healthy")
    headings = ["lesion"]
    for s in shown:
        headings += [s.name, "found"]
    tiles = [tile for row in rows for tile in row]
    return grid(tiles, columns=len(headings), column_labels=headings, row_labels=labels)


def _examples(cases: Cases) -> list[int]:
    """Return a case of each kind, of middle width, of different subjects, and a healthy one."""
    widths = sorted(set(cases.widths[~cases.healthy].tolist()))
    middle = widths[int(WIDTH_SHOWN * len(widths))]
    chosen = []
    for number, kind in enumerate(sorted(set(cases.kinds.tolist()), reverse=True)):
        own = np.flatnonzero(cases.kinds == kind)
        alike = own[cases.widths[own] == middle]
        some = alike if len(alike) else own
        chosen.append(int(some[(number * 5) % len(some)]))
    return chosen


def _level(mask: Bools) -> int:
    """Return the axial plane of a volume with most of the lesion, or the middle one."""
    if mask.ndim == 2 or not mask.any():
        return int(mask.shape[-1] // 2)
    return int(mask.sum((0, 1)).argmax())


def _plane(values: NDArray[Any], level: int) -> NDArray[Any]:
    """Return what is shown of a slice or volume: the patient's right at the left, front on top."""
    return values if values.ndim == 2 else values[::-1, ::-1, level].T


def _outlined(grey: Floats, part: Bools, colour: tuple[int, int, int]) -> Image.Image:
    scale = max(1, TILE_PIXELS // max(grey.shape))
    large = np.clip(grey, 0, 1).repeat(scale, 0).repeat(scale, 1)
    picture = np.round(255 * large[..., None].repeat(3, 2)).astype(np.uint8)
    area = part.repeat(scale, 0).repeat(scale, 1)
    picture[area & ~ndimage.binary_erosion(area, iterations=1 if scale < 3 else 2)] = colour
    return Image.fromarray(picture)
