from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from phantom import (
    failure_of,
)
from PIL import Image

from brainzoo.data.subjects import Subject
from brainzoo.preparation.prepare import PrepareConfig
from brainzoo.preparation.subject import prepare_subject


def test_pictures_of_slices(tmp_path: Path) -> None:
    grey = np.zeros((40, 20), np.uint8)
    grey[:20] = 200
    pictures: dict[str, Callable[[Path], object]] = {
        "grey.png": lambda p: Image.fromarray(grey).save(p),
        "colour.png": lambda p: Image.fromarray(np.stack([grey] * 3, -1)).save(p),
        "clear.png": lambda p: Image.fromarray(np.dstack([grey] * 3 + [grey * 0 + 255])).save(p),
        "lossy.jpg": lambda p: Image.fromarray(grey).save(p, quality=95),
        "deep.tif": lambda p: Image.fromarray(grey.astype(np.uint16) * 20).save(p),
        "floats.tif": lambda p: Image.fromarray(grey.astype(np.float32) * 0.1).save(p),
        "deep.png": lambda p: Image.fromarray(grey.astype(np.uint16) * 20).save(p),
        "array.npy": lambda p: np.save(p, grey[None].astype(np.float64)),
    }
    for name, save in pictures.items():
        save(tmp_path / name)
        made = prepare_subject(Subject("s", {"T1w": tmp_path / name}), PrepareConfig(size=20))
        assert made.failure == "", name
        image = made.pixels[0, 0].astype(float) / 65535
        assert (image[:, :5] == 0).all(), name  # the aspect is kept, the rest black
        assert (image[:, 15:] == 0).all(), name
        assert image[:9, 6:14].min() > 0.75, name
        assert image[11:, 6:14].max() < 0.03, name


def test_bad_pictures_are_failures(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save(good)
    bad: dict[str, bytes] = {
        "cut.png": good.read_bytes()[:60],
        "text.png": b"no picture",
        "empty.npy": b"",
        "text.npy": b"\x93NUMPY" + b"x" * 50,
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        assert "cannot be read as a picture" in failure_of(tmp_path / name)
    np.save(tmp_path / "four.npy", np.random.default_rng(0).random((2, 3, 4, 5)))
    assert "expected one grey slice" in failure_of(tmp_path / "four.npy")
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "cannot be read" in failure_of(tmp_path / "object.npy")
    np.save(tmp_path / "nan.npy", np.full((9, 9), np.nan))
    assert "NaN" in failure_of(tmp_path / "nan.npy")
    Image.new("L", (9, 9), 7).save(tmp_path / "flat.png")
    assert "same value" in failure_of(tmp_path / "flat.png")
    assert "3 dimensions need scans" in failure_of(good, dims=3)
