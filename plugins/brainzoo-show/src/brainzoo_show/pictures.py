"""Images as the page shows them: PNG tiles, and volumes as eight-bit values."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainzoo.api import Images

COLOURS = np.array(
    [[0, 0, 0], [255, 176, 0], [100, 143, 255], [220, 38, 127], [120, 220, 120], [254, 97, 0]],
    np.float32,
)
"""Of labels, told apart by most people (IBM's palette); 0 is the background."""


def tile(images: Images, i: int, *, channel: int = 0, labels: bool = False) -> Image.Image:
    """Return one image as people see it: a slice, or the middle axial plane of a volume.

    Args:
        images: Of which one is shown.
        i: Its position.
        channel: Which contrast.
        labels: Whether its label map lies over it, in colours.
    """
    return _painted(images, i, channel, labels, _axial)


def planes(images: Images, i: int, *, channel: int = 0, labels: bool = False) -> Image.Image:
    """Return the three middle planes of a volume beside each other."""
    return _painted(images, i, channel, labels, _three)


def as_data(picture: Image.Image, format: str = "PNG") -> str:
    """Return a picture as a ``data:`` address."""
    out = io.BytesIO()
    picture.save(out, format, **({"quality": 88, "method": 4} if format == "WEBP" else {}))
    return f"data:image/{format.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"


def voxels(images: Images, i: int, channel: int = 0) -> bytes:
    """Return the eight-bit values of a volume in C order of (x, y, z)."""
    return _bytes(images.floats([i])[0, channel]).tobytes()


def _painted(images: Images, i: int, channel: int, labels: bool, cut: Any) -> Image.Image:
    grey = _bytes(cut(images.floats([i])[0, min(channel, images.channels - 1)]))
    maps = images.labels([i]) if labels else None
    if maps is None:
        return Image.fromarray(grey)
    values = cut(maps[0])
    colours = COLOURS[np.where(values > 0, (values - 1) % (len(COLOURS) - 1) + 1, 0)]
    over = (values > 0)[..., None] * 0.5
    return Image.fromarray((grey[..., None] * (1 - over) + colours * over).astype(np.uint8))


def _bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def _axial(values: NDArray[Any]) -> NDArray[Any]:
    if values.ndim == 2:
        return values
    return values[::-1, ::-1, values.shape[2] // 2].T  # the patient's right at the left, front up


def _three(values: NDArray[Any]) -> NDArray[Any]:
    x, y, _ = (size // 2 for size in values.shape)
    parts = [_axial(values), values[::-1, y, ::-1].T, values[x, ::-1, ::-1].T]
    high = max(part.shape[0] for part in parts)
    padded = [np.pad(part, ((0, high - len(part)), (0, 0))) for part in parts]
    return np.hstack(padded)
