"""Label maps over their images, in colours that people who see few colours can tell apart."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from brainzoo.api import Images, grid
from brainzoo_report.looks import Pair, Picture, layout, read_picture, spread
from brainzoo_report.runfolder import RunFolder

# Okabe and Ito 2008, https://jfly.uni-koeln.de/color/.
COLOURS = ("#d55e00", "#56b4e9", "#f0e442", "#009e73", "#cc79a7", "#e69f00", "#0072b2")
SHARE = 0.45
"""Of the colour; the rest is the image."""
MOST_NAMED = 12


@dataclasses.dataclass(frozen=True)
class Overlays:
    """Real and synthetic images under their label maps, and what the colours mean."""

    pair: Pair = dataclasses.field(default_factory=Pair)
    legend: tuple[tuple[str, str], ...] = ()
    more: int = 0
    channel: str = ""


def overlays(images: Images, run: RunFolder, most: int, real: bool) -> Overlays:
    """Return the first channel of the images that the report shows under their label maps."""
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
    legend = [(name, COLOURS[i % len(COLOURS)]) for i, name in enumerate(names.values())]
    more = max(0, len(legend) - MOST_NAMED)
    return Overlays(pair, tuple(legend[:MOST_NAMED]), more, images.channel_names[0])


def _grid(images: Images, columns: int, names: Mapping[int, str], caption: str) -> Picture | None:
    """Return images under their label maps: a grid of each of red, green and blue, joined."""
    labels = images.labels()
    assert labels is not None
    grey = np.clip(np.nan_to_num(images.floats()[:, :1]), 0, 1)
    bands = []
    for band in range(1, 7, 2):
        shown = grey.copy()
        for position, value in enumerate(names):
            colour = int(COLOURS[position % len(COLOURS)][band : band + 2], 16) / 255
            there = labels[:, None] == value
            shown[there] = (1 - SHARE) * shown[there] + SHARE * colour
        bands.append(Image.open(io.BytesIO(grid(shown, columns=columns))))
    out = io.BytesIO()
    Image.merge("RGB", bands).save(out, "PNG")
    return read_picture(io.BytesIO(out.getvalue()), caption, mode="RGB")
