"""Exports of several channels and label maps, and the tables beside them."""

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from brainzoo.data.images import Images
from brainzoo.exporters.nifti import Nifti
from brainzoo.exporters.plugin import NiftiConfig, PngConfig
from brainzoo.exporters.png import Png


@pytest.fixture(params=[(12, 10), (6, 7, 8)])
def images(request):
    rng, spatial = np.random.default_rng(0), request.param
    pixels = rng.random((3, 2, *spatial), dtype=np.float32)
    labels = rng.integers(0, 3, (3, *spatial)).astype(np.uint16) * 200
    info = {
        "channels": ["T1w", "FLAIR"],
        "labels": {"200": "oedema", "400": "core"},
        "spacing_mm": [2.0] * len(spatial),
        "plane": "axial",
        "synthetic": True,
    }
    rows = [{"image_id": f"{i:06d}", "age": 30.0 + i, "sex": "F", "split": "x"} for i in range(3)]
    return Images(pixels, rows, info, labels=labels)


def test_nifti_of_a_channel_each_and_the_label_map(images, tmp_path: Path) -> None:
    Nifti(NiftiConfig()).export(images, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").glob("000001*")}
    assert names == {
        "000001_T1w.nii.gz",
        "000001_FLAIR.nii.gz",
        "000001_dseg.nii.gz",
        "000001.json",
    }
    seen = nib.load(tmp_path / "out" / "000001_dseg.nii.gz")
    first = nib.load(tmp_path / "out" / "000001_T1w.nii.gz")
    assert np.array_equal(seen.affine, first.affine)
    assert set(np.unique(seen.dataobj)) == {0, 200, 400}
    assert np.asarray(seen.dataobj).dtype.kind == "u"


def test_bids_names_and_participants(images, tmp_path: Path) -> None:
    files = Nifti(NiftiConfig(bids=True)).export(images, tmp_path / "out")
    anat = tmp_path / "out" / "sub-000002" / "anat"
    assert anat / "sub-000002_FLAIR.nii.gz" in files
    assert anat / "sub-000002_dseg.nii.gz" in files
    table = (tmp_path / "out" / "participants.tsv").read_text().splitlines()
    assert table[0].split("\t") == ["participant_id", "age", "sex"]
    assert table[3].split("\t") == ["sub-000002", "32", "F"]


def test_png_has_a_table_that_imagefolder_reads(images, tmp_path: Path) -> None:
    Png(PngConfig()).export(images, tmp_path / "out")
    with (tmp_path / "out" / "images" / "metadata.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["age"] for row in rows] == ["30", "31", "32"]
    assert all((tmp_path / "out" / "images" / row["file_name"]).is_file() for row in rows)
    assert "split" not in rows[0]
    if images.dims == 2:
        labels = np.asarray(Image.open(tmp_path / "out" / "labels" / "000001.png"))
        assert np.array_equal(labels, images.labels()[1])
