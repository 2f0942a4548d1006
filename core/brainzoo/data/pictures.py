"""Pictures of images for people: grids and single tiles, in grey, crisp and without metadata.

Every picture shows [0, 1] as black to white, so that two of them can be compared by eye.
"""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from brainzoo.common.errors import DataError
from brainzoo.data.pixels import from_floats

LEAST_TILE_PIXELS = 64
GAP_PIXELS = 2
GAP_GREY = 40
TEXT_GREY = 235
TEXT_PIXELS = 13
PLAIN = str.maketrans({"–": "-", "—": "-", "−": "-", "×": "x", "ß": "ss", "≥": ">=", "≤": "<="})


def grid(
    pixels: NDArray[Any] | Sequence[Image.Image],
    *,
    columns: int = 8,
    scale: int | None = None,
    labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    row_labels: Sequence[str] = (),
) -> bytes:
    """Lay images out in rows, as a PNG file without any metadata.

    Args:
        pixels: ``(image, channel, *spatial)`` in [0, 1]; values outside are clipped. A 3-D image
            shows its central axial, coronal and sagittal planes side by side, as do channels. Or
            tiles of one size and mode, as they are.
        columns: Images a row; fewer images make a narrower picture.
        scale: Every pixel becomes ``scale × scale``; by default the least that makes a tile at
            least 64 pixels wide or high.
        labels: A caption above each image.
        column_labels: A heading above each column.
        row_labels: A heading left of each row.
    """
    if isinstance(pixels, np.ndarray) and (pixels.ndim not in (4, 5) or not len(pixels)):
        raise DataError(
            f"cannot make a picture of pixels of shape {pixels.shape}; expected one image or more "
            "as (image, channel, *spatial)."
        )
    tiles = [image if isinstance(image, Image.Image) else tile(image, scale) for image in pixels]
    columns = max(1, min(columns, len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    width, height = tiles[0].size
    line = TEXT_PIXELS + 5
    caption, top = line if labels else 0, line if column_labels else 0
    labels, column_labels, row_labels = (
        [_plain(text) for text in texts] for texts in (labels, column_labels, row_labels)
    )
    left = 10 + max(map(_text_width, row_labels)) if row_labels else 0
    across, down = width + GAP_PIXELS, caption + height + GAP_PIXELS
    mode = tiles[0].mode
    size = (left + columns * across - GAP_PIXELS, top + rows * down - GAP_PIXELS)
    picture = Image.new(mode, size, GAP_GREY if mode == "L" else (GAP_GREY,) * 3)
    draw = ImageDraw.Draw(picture)
    for i, image in enumerate(tiles):
        row, column = divmod(i, columns)
        x, y = left + column * across, top + row * down
        picture.paste(image, (x, y + caption))
        _write(draw, labels[i : i + 1], x + width / 2, y + caption / 2, width)
        if row == 0:
            _write(draw, column_labels[column : column + 1], x + width / 2, top / 2, width)
        if column == 0:
            _write(draw, row_labels[row : row + 1], left / 2, y + caption + height / 2, left)
    return png_bytes(picture)


def tile(image: NDArray[Any], scale: int | None = 1) -> Image.Image:
    """Return one image, ``(channel, *spatial)`` in [0, 1], as a grey picture; see :func:`grid`."""
    if scale is None:
        scale = math.ceil(LEAST_TILE_PIXELS / max(image.shape[1:]))
    grey = from_floats(flat(image), "uint8").repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(grey)


def flat(image: NDArray[Any]) -> NDArray[Any]:
    """Return one image, ``(channel, *spatial)``, as the array (height, width) that is shown."""
    panels = [plane for channel in image for plane in _planes(channel)]
    missing = [max(panel.shape[0] for panel in panels) - panel.shape[0] for panel in panels]
    padding = [((more // 2, more - more // 2), (0, 0)) for more in missing]
    return np.hstack([np.pad(panel, pad) for panel, pad in zip(panels, padding, strict=True)])


def png_bytes(picture: Image.Image) -> bytes:
    """Return a picture as a small PNG file without any metadata."""
    out = io.BytesIO()
    Image.frombytes(picture.mode, picture.size, picture.tobytes()).save(out, "PNG")
    return out.getvalue()


def _planes(channel: NDArray[Any]) -> list[NDArray[Any]]:
    if channel.ndim == 2:
        return [channel]
    x, y, z = (size // 2 for size in channel.shape)
    # RAS+ to what radiologists see: the patient's right at the left, anterior or superior on top.
    axial = channel[::-1, ::-1, z].T
    coronal = channel[::-1, y, ::-1].T
    sagittal = channel[x, ::-1, ::-1].T
    return [axial, coronal, sagittal]


def _plain(text: str) -> str:
    """Return a text in letters of Pillow's own font, which would draw boxes for dashes and ü."""
    parts = unicodedata.normalize("NFKD", text.translate(PLAIN))
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=TEXT_PIXELS)


def _text_width(text: str) -> int:
    return math.ceil(_font().getlength(text))


def _write(draw: ImageDraw.ImageDraw, texts: Sequence[str], x: float, y: float, width: int) -> None:
    """Write a text, if there is one, centred on a point and shortened to fit a width."""
    for text in texts:
        shown = text
        while shown and _text_width(shown) > width:
            text = text[:-1]
            shown = f"{text}…" if text else ""
        fill = (TEXT_GREY,) * 3 if draw.mode == "RGB" else TEXT_GREY
        draw.text((x, y), shown, fill=fill, font=_font(), anchor="mm")
