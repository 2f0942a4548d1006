from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brainzoo.common.errors import DataError, ExistsError
from brainzoo.data.pictures import GAP_PIXELS
from brainzoo.exporters.plugin import PngConfig
from brainzoo.exporters.png import Png

from .conftest import SECRET, Make


def export(images, folder: Path, **options) -> list[Path]:
    return Png(PngConfig(**options)).export(images, folder)


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.load()
        return picture


def test_single_files_hold_the_pixels_at_their_own_size(make: Make, tmp_path: Path) -> None:
    images = make()
    export(images, tmp_path / "out")
    shown = np.asarray(opened(tmp_path / "out" / "images" / "000002.png"))
    assert shown.shape == images.spatial
    assert shown / 255 == pytest.approx(images.floats([2])[0, 0], abs=0.5 / 255 + 1e-6)


def test_sixteen_bits_lose_nothing(make: Make, tmp_path: Path) -> None:
    images = make()
    export(images, tmp_path / "out", bits="16")
    shown = np.asarray(opened(tmp_path / "out" / "images" / "000001.png"))
    assert np.array_equal(shown, images.read([1])[0, 0])


def test_the_grid_shows_all_images(make: Make, tmp_path: Path) -> None:
    export(make(), tmp_path / "out", columns=2)
    picture = opened(tmp_path / "out" / "grid.png")
    step = 60 + GAP_PIXELS  # 10 wide, six times enlarged
    assert picture.width == 2 * step - GAP_PIXELS
    assert picture.height == 2 * (72 + GAP_PIXELS) - GAP_PIXELS


def test_a_volume_is_shown_in_three_planes(make: Make, tmp_path: Path) -> None:
    export(make((8, 10, 6)), tmp_path / "out")
    assert opened(tmp_path / "out" / "images" / "000000.png").size == (8 + 8 + 10, 10)


@pytest.mark.parametrize("synthetic", [True, False])
def test_pictures_have_no_metadata_and_nothing_names_a_subject(
    make: Make, tmp_path: Path, synthetic: bool
) -> None:
    written = export(make(synthetic=synthetic), tmp_path / "out")
    for path in written:
        assert SECRET.encode() not in path.read_bytes()
        if path.suffix == ".png":
            assert opened(path).info == {}
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    assert about["synthetic"] is synthetic


def test_classes_can_be_folders(make: Make, tmp_path: Path) -> None:
    images = make()
    images.table[0]["class"] = "../young"
    images.table[1]["class"] = None
    export(images, tmp_path / "out", by_class=True)
    folders = sorted(path.name for path in (tmp_path / "out" / "images").iterdir())
    assert folders == ["metadata.csv", "no-class", "old", "young"]


def test_the_limit_and_the_grid_can_be_set(make: Make, tmp_path: Path) -> None:
    export(make(), tmp_path / "out", limit=2, grid_images=0)
    files = sorted(p.name for p in (tmp_path / "out").rglob("*.png"))
    assert files == ["000000.png", "000001.png"]


def test_the_list_of_files_is_complete(make: Make, tmp_path: Path) -> None:
    written = export(make(), tmp_path / "out")
    assert written == sorted(p for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert len(written) == 6


def test_what_is_there_is_never_overwritten(make: Make, tmp_path: Path) -> None:
    images = make()
    export(images, tmp_path / "out")
    with pytest.raises(ExistsError):
        export(images, tmp_path / "out")


def test_no_images_are_an_error(make: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images"):
        export(make()[:0], tmp_path / "out")
