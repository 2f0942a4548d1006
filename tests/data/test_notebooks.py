"""Images in a notebook, and as what other libraries take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import brainzoo
from brainzoo.data.images import Images
from brainzoo.testing.heads import make_images


@pytest.fixture
def images(tmp_path: Path) -> Images:
    return make_images(tmp_path / "images", spatial=(8, 8, 8), subjects=3, per_subject=1)


def test_a_notebook_shows_pictures_and_says_what_they_are(images: Images) -> None:
    page = images._repr_html_()
    assert "data:image/png;base64," in page
    assert "8 × 8 × 8" in page
    real = Images(images.read(), images.table, {**images.info, "source": {"name": "<b>x"}})
    assert "real people" in real._repr_html_()
    assert "<b>x" not in real._repr_html_()
    made = Images(images.read(), images.table, {**images.info, "synthetic": True})
    assert "Synthetic" in made._repr_html_()


def test_an_empty_set_is_shown_without_a_picture(images: Images) -> None:
    assert "<img" not in images[:0]._repr_html_()


def test_an_image_keeps_its_place_and_values_in_nibabel(images: Images) -> None:
    volume = images.to_nibabel(1)
    assert np.asarray(volume.dataobj) == pytest.approx(images.floats([1])[0, 0], abs=1e-6)
    assert volume.affine == pytest.approx(np.asarray(images.info["affine"]))


def test_the_table_in_pandas(images: Images) -> None:
    pytest.importorskip("pandas")
    frame = images.to_pandas()
    assert len(frame) == 3
    assert list(frame["age"]) == images.column("age")


def test_images_export_themselves(images: Images, tmp_path: Path) -> None:
    files = images.export("nifti", tmp_path / "out", limit=2)
    assert len([path for path in files if path.name.endswith(".nii.gz")]) == 2


def test_the_package_lists_what_it_offers() -> None:
    assert {"load", "Images", "as_torch", "synthetic"} <= set(dir(brainzoo))
