"""Pictures of images for people: grids and single tiles, in grey, crisp and without metadata.

Every picture shows [0, 1] as black to white, so that two of them can be compared by eye.
"""

from __future__ import annotations

import io
import math
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


def grid(
    pixels: NDArray[Any] | Sequence[Image.Image],
    *,
    columns: int = 8,
    scale: int | None = None,
    labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    row_labels: Sequence[str] | None = None,
) -> bytes:
    """Lay images out in rows, as a PNG file without any metadata.

    Args:
        pixels: ``(image, channel, *spatial)`` in [0, 1]; values outside are clipped. A 3-D image
            shows its central axial, coronal and sagittal planes side by side, as do channels. Or
            tiles of one size and mode, as they are.
        columns: Images a row.
        scale: Every pixel becomes ``scale × scale``; by default the least that makes a tile at
            least 64 pixels wide or high.
        labels: A caption above each image.
        column_labels: A heading above each column.
        row_labels: A heading left of each row.

    Returns:
        The file's content; fewer images than columns make a narrower picture.

    Raises:
        DataError: No images, their shape is not that of images, or pixels are not finite.
    """
    tiles = (
        [tile(image, scale) for image in _checked(pixels)]
        if isinstance(pixels, np.ndarray)
        else list(pixels)
    )
    columns = max(1, min(columns, len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    width, height = tiles[0].size
    caption = TEXT_PIXELS + 5 if labels else 0
    top = TEXT_PIXELS + 5 if column_labels else 0
    left = 10 + max(_text_width(text) for text in row_labels) if row_labels else 0

    mode = tiles[0].mode
    picture = Image.new(
        mode,
        (
            left + columns * (width + GAP_PIXELS) - GAP_PIXELS,
            top + rows * (caption + height + GAP_PIXELS) - GAP_PIXELS,
        ),
        GAP_GREY if mode == "L" else (GAP_GREY,) * 3,
    )
    draw = ImageDraw.Draw(picture)
    for i, image in enumerate(tiles):
        row, column = divmod(i, columns)
        x = left + column * (width + GAP_PIXELS)
        y = top + row * (caption + height + GAP_PIXELS)
        picture.paste(image, (x, y + caption))
        if labels and i < len(labels):
            _write(draw, labels[i], x + width / 2, y + caption / 2, width)
        if column_labels and row == 0 and column < len(column_labels):
            _write(draw, column_labels[column], x + width / 2, top / 2, width)
        if row_labels and column == 0 and row < len(row_labels):
            _write(draw, row_labels[row], left / 2, y + caption + height / 2, left)
    return png_bytes(picture)


def tile(image: NDArray[Any], scale: int | None = 1) -> Image.Image:
    """Return one image, ``(channel, *spatial)`` in [0, 1], as a grey picture.

    Args:
        image: 2-D channels stand side by side; a 3-D channel (in RAS+) shows its central axial,
            coronal and sagittal planes.
        scale: Every pixel becomes ``scale × scale``; ``None`` as in :func:`grid`.
    """
    if scale is None:
        scale = math.ceil(LEAST_TILE_PIXELS / max(image.shape[1:]))
    grey = from_floats(flat(image), "uint8").repeat(scale, axis=0).repeat(scale, axis=1)
    return Image.fromarray(grey)


def flat(image: NDArray[Any]) -> NDArray[Any]:
    """Return one image, ``(channel, *spatial)``, as the array (height, width) that is shown."""
    panels = [plane for channel in image for plane in _planes(channel)]
    height = max(panel.shape[0] for panel in panels)
    return np.hstack([_padded(panel, height) for panel in panels])


def png_bytes(picture: Image.Image) -> bytes:
    """Return a picture as a small PNG file without any metadata."""
    out = io.BytesIO()
    Image.frombytes(picture.mode, picture.size, picture.tobytes()).save(out, "PNG")
    return out.getvalue()


def _checked(pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.ndim not in (4, 5) or not len(pixels):
        raise DataError(
            f"cannot make a picture of pixels of shape {pixels.shape}; expected one image or more "
            "as (image, channel, *spatial)."
        )
    return pixels


def _planes(channel: NDArray[Any]) -> list[NDArray[Any]]:
    if channel.ndim == 2:
        return [channel]
    x, y, z = (size // 2 for size in channel.shape)
    # RAS+ to what radiologists see: the patient's right at the left, anterior or superior on top.
    axial = channel[::-1, ::-1, z].T
    coronal = channel[::-1, y, ::-1].T
    sagittal = channel[x, ::-1, ::-1].T
    return [axial, coronal, sagittal]


def _padded(panel: NDArray[Any], height: int) -> NDArray[Any]:
    above = (height - panel.shape[0]) // 2
    return np.pad(panel, ((above, height - panel.shape[0] - above), (0, 0)))


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=TEXT_PIXELS)


def _text_width(text: str) -> int:
    return math.ceil(_font().getlength(text))


def _write(draw: ImageDraw.ImageDraw, text: str, x: float, y: float, width: int) -> None:
    """Write a text centred on a point, shortened to fit a width."""
    if _text_width(text) > width:
        while text and _text_width(text + "…") > width:
            text = text[:-1]
        text += "…"
    draw.text(
        (x, y),
        text,
        fill=(TEXT_GREY,) * 3 if draw.mode == "RGB" else TEXT_GREY,
        font=_font(),
        anchor="mm",
    )
