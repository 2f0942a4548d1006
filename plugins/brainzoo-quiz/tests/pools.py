"""Pools of images to make studies of, and what spoils them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from brainzoo.data.images import Images
from brainzoo.data.pixels import from_floats
from brainzoo.testing.heads import make_images
from brainzoo_quiz.config import QuizConfig
from brainzoo_quiz.exporter import export_study

Plane = NDArray[np.float32]


def pool(folder: Path, subjects: int, *, created: bool = False, **more: Any) -> Images:
    """Return one image a subject of made-up heads, all alike but for the seed."""
    wanted = {"spatial": (32, 32), "per_subject": 1, "classes": (), "seed": 2 if created else 1}
    return make_images(folder, subjects=subjects, synthetic=created, **{**wanted, **more})


def spoiled(images: Images, spoil: Callable[[Plane, np.random.Generator], Any]) -> Images:
    """Return images that something was done to, as nobody wrote it into their description."""
    random = np.random.default_rng(3)
    pixels = [spoil(image[0], random) for image in images.floats()]
    return Images(from_floats(np.array(pixels)[:, None], "uint16"), images.table, images.info)


def jpeg(image: Plane, random: np.random.Generator) -> Any:
    out = io.BytesIO()
    Image.fromarray(from_floats(image, "uint8")).save(out, "JPEG", quality=90)
    return np.asarray(Image.open(out), dtype=np.float32) / 255


def noise_background(image: Plane, random: np.random.Generator) -> Any:
    return image + (image == 0) * np.abs(random.normal(0, 0.01, image.shape))


def resampled(image: Plane, random: np.random.Generator) -> Any:
    return ndimage.shift(image, 0.5, order=1)


def darker(image: Plane, random: np.random.Generator) -> Any:
    return 0.8 * image


def sharper(image: Plane, random: np.random.Generator) -> Any:
    return image + 0.5 * (image - ndimage.gaussian_filter(image, 1.0))


def study(folder: Path, real: Images, created: Images, **options: Any) -> dict[str, Any]:
    """Export a small study."""
    small = {"images": 12, "practice": 4, "readers": 3}
    return export_study(real, created, None, folder, QuizConfig(**{**small, **options}))
