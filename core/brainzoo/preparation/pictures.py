"""Pictures of slices (PNG, JPEG, TIFF, NPY) as sources of images."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainzoo.common.errors import DataError
from brainzoo.preparation.grid import centred
from brainzoo.preparation.scan import Floats, area_weights

MOST_PIXELS = 64_000_000
"""The largest picture that is read."""


def read_picture(path: Path, percentiles: tuple[float, ...]) -> Floats:
    """Read a picture as grey values ``(height, width)`` in [0, 1].

    8 bits are taken as they are; anything deeper is scaled by the percentiles, as a scan is.
    """
    values = grey_values(path)
    if values.ndim != 2 or min(values.shape) < 2:
        raise DataError(
            f"{path.name} has shape {' × '.join(map(str, values.shape))}; expected one grey slice."
        )
    if values.min() == values.max():
        raise DataError(f"{path.name} holds the same value everywhere; expected a slice.")
    if values.dtype == np.uint8:
        return np.asarray(values, dtype=np.float32) / np.float32(255)
    low = np.percentile(values, percentiles[0])
    bright = values[values > values.mean()]
    high = np.percentile(bright, percentiles[1]) if bright.size else values.max()
    if not high > low:
        low, high = values.min(), values.max()
    scaled: Floats = (values.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    return np.clip(scaled, 0, 1)


def grey_values(path: Path) -> NDArray[Any]:
    """Read a picture, or an array of finite numbers, as stored; anything else is a DataError."""
    try:
        values = _read_npy(path) if path.suffix.lower() == ".npy" else _read_image(path)
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise anything on damaged files
        raise DataError(f"{path.name} cannot be read as a picture: {error}.") from error
    if not np.isfinite(values).all():
        raise DataError(f"{path.name} holds NaN or infinite values; expected numbers.")
    return values


def fit_picture(values: Floats, size: int) -> Floats:
    """Shrink or enlarge a picture to fill a square as far as its aspect allows, centred on black.

    From ``(height, width)`` to ``(1, 1, size, size)``, in [0, 1].
    """
    scale = max(values.shape) / size
    rows, columns = (
        area_weights(count, (count - 1) / 2 + centred(size, scale), scale) for count in values.shape
    )
    return np.asarray(rows @ values @ columns.T, dtype=np.float32)[None, None]


def _read_npy(path: Path) -> NDArray[Any]:
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "uifb":
        raise DataError(f"{path.name} holds no numbers; expected a grey slice.")
    _check_size(path, values.size)
    small = values.dtype.itemsize == 8 or values.dtype == bool
    return np.array(values.squeeze(), np.float32 if small else values.dtype)


def _read_image(path: Path) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path) as picture:
            _check_size(path, picture.width * picture.height)
            deep = picture.mode.startswith(("I", "F"))
            return np.asarray(picture if deep else picture.convert("L"))


def _check_size(path: Path, pixels: int) -> None:
    if pixels > MOST_PIXELS:
        raise DataError(f"{path.name} has {pixels:,} pixels; at most {MOST_PIXELS:,} are read.")
