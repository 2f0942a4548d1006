"""Label maps over their images, in colours that people who see few colours can tell apart."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainzoo.api import Images, grid
from brainzoo_report.looks import Pair, Picture, layout, read_picture, spread
from brainzoo_report.runfolder import RunFolder

# Okabe and Ito 2008, https://jfly.uni-koeln.de/color/.
COLOURS = (
    (213, 94, 0),
    (86, 180, 233),
    (240, 228, 66),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (0, 114, 178),
)
SHARE = 0.45
"""Of the colour; the rest is the image."""
MOST_NAMED = 12
LEAST_TILE_PIXELS = 64


@dataclasses.dataclass(frozen=True)
class Overlays:
    """Real and synthetic images under their label maps, and what the colours mean."""

    pair: Pair = dataclasses.field(default_factory=Pair)
    legend: tuple[tuple[str, Picture], ...] = ()
    more: int = 0
    channel: str = ""


def overlays(images: Images, run: RunFolder, most: int, real: bool) -> Overlays:
    """Return the first channel under the label maps, of the images that the report shows.

    Args:
        images: What the report is about.
        run: Knows the images that it learned from.
        most: Images of a grid at most.
        real: Whether real images may be shown.
    """
    names = images.label_names
    if not names or not len(images) or not (images.synthetic or real):
        return Overlays()
    trained_on = run.trained_on() if real and images.synthetic else None
    if trained_on is not None and trained_on.label_names is None:
        trained_on = None
    count, columns = layout(images, trained_on, most)
    made = _grid(images[:count], columns, names, f"the first {count}, with their label maps")
    pair = Pair(synthetic=made) if images.synthetic else Pair(real=made)
    if trained_on is not None and count:
        chosen = trained_on[spread(trained_on, count)]
        pair = Pair(_grid(chosen, columns, names, f"{count} of the images it learned from"), made)
    legend = [(name, _swatch(colour_of(i))) for i, name in enumerate(names.values())]
    shown = tuple((name, swatch) for name, swatch in legend[:MOST_NAMED] if swatch)
    return Overlays(pair, shown, len(legend) - len(shown), images.channel_names[0])


def colour_of(position: int) -> tuple[int, int, int]:
    """Return the colour of the label at a position of the list of labels."""
    return COLOURS[position % len(COLOURS)]


def painted(
    image: NDArray[np.float32], labels: NDArray[np.integer], names: Mapping[int, str]
) -> Image.Image:
    """Return one image under its label map; of a volume, the three central planes side by side.

    Args:
        image: ``spatial`` in [0, 1].
        labels: ``spatial``; 0 stays as it is.
        names: What the values mean; their order decides the colours.
    """
    grey, values = (np.hstack(_panels(part)) for part in (np.clip(image, 0, 1), labels))
    shown = np.repeat(grey[..., None] * 255.0, 3, axis=2)
    for position, value in enumerate(names):
        there = values == value
        shown[there] = (1 - SHARE) * shown[there] + SHARE * np.array(colour_of(position))
    scale = math.ceil(LEAST_TILE_PIXELS / max(image.shape))
    big = np.rint(shown).astype(np.uint8).repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(big)


def _panels(volume: NDArray[np.generic]) -> list[NDArray[np.generic]]:
    """Return what is shown of an image: itself, or planes as the report's other grids show them."""
    if volume.ndim == 2:
        return [volume]
    x, y, z = (length // 2 for length in volume.shape)
    # RAS+ to what radiologists see: the patient's right at the left, front or top up.
    planes = [volume[::-1, ::-1, z].T, volume[::-1, y, ::-1].T, volume[x, ::-1, ::-1].T]
    tall = max(len(plane) for plane in planes)
    padded = ((plane, tall - len(plane)) for plane in planes)
    return [np.pad(plane, ((more // 2, more - more // 2), (0, 0))) for plane, more in padded]


def _grid(images: Images, columns: int, names: Mapping[int, str], caption: str) -> Picture | None:
    labels = images.labels()
    assert labels is not None
    pixels = np.nan_to_num(images.floats()[:, 0])
    tiles = [painted(image, of, names) for image, of in zip(pixels, labels, strict=True)]
    return read_picture(io.BytesIO(grid(tiles, columns=columns)), caption, mode="RGB")


def _swatch(colour: tuple[int, int, int]) -> Picture | None:
    out = io.BytesIO()
    Image.new("RGB", (12, 12), colour).save(out, "PNG")
    return read_picture(io.BytesIO(out.getvalue()), mode="RGB")
