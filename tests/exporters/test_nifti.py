from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import nibabel as nib
import numpy as np
import pytest

from brainzoo.common.errors import DataError, ExistsError
from brainzoo.exporters.nifti import Nifti
from brainzoo.exporters.plugin import NiftiConfig

from .conftest import AXIAL, SECRET, Make


def export(images, folder: Path, **options) -> list[Path]:
    return Nifti(NiftiConfig(**options)).export(images, folder)


def test_a_slice_becomes_a_one_slice_volume_where_it_was_cut(make: Make, tmp_path: Path) -> None:
    images = make()
    export(images, tmp_path / "out")
    volume = nib.load(tmp_path / "out" / "000001.nii.gz")
    assert volume.shape == (10, 12, 1)
    assert nib.aff2axcodes(volume.affine) == ("R", "A", "S")
    assert volume.header.get_zooms() == pytest.approx((3.0, 3.0, 2.0))
    # The pixel in row 0, column 0 (anterior, the patient's right) lies where images.json puts it.
    expected = images.floats([1])[0, 0, 0, 0]
    voxel = np.linalg.inv(volume.affine) @ np.array(AXIAL) @ [0, 0, 0, 1]
    assert voxel[:3] == pytest.approx([9, 11, 0])
    assert volume.get_fdata()[9, 11, 0] == pytest.approx(expected, abs=1e-4)


def test_every_pixel_stays_at_its_place_in_space(make: Make, tmp_path: Path) -> None:
    images = make()
    export(images, tmp_path / "out")
    volume = nib.load(tmp_path / "out" / "000002.nii.gz")
    data = volume.get_fdata()
    pixels = images.floats([2])[0, 0]
    to_voxel = np.linalg.inv(volume.affine) @ np.array(AXIAL)
    for row, column in [(0, 9), (11, 0), (5, 4)]:
        x, y, z, _ = np.rint(to_voxel @ [row, column, 0, 1]).astype(int)
        assert data[x, y, z] == pytest.approx(pixels[row, column], abs=1e-4)


def test_a_real_slice_is_shifted_along_its_normal_by_its_position(
    make: Make, tmp_path: Path
) -> None:
    export(make(synthetic=False), tmp_path / "out")
    heights = [nib.load(tmp_path / "out" / f"{i:06d}.nii.gz").affine[2, 3] for i in range(3)]
    assert heights == pytest.approx([10.0, 12.0, 14.0])


def test_a_volume_keeps_its_grid(make: Make, tmp_path: Path) -> None:
    images = make((8, 10, 6))
    export(images, tmp_path / "out")
    volume = nib.load(tmp_path / "out" / "000000.nii.gz")
    assert volume.affine == pytest.approx(np.array(images.info["affine"]))
    assert volume.get_fdata() == pytest.approx(images.floats([0])[0, 0], abs=1e-4)
    assert volume.header["sform_code"] > 0


@pytest.mark.parametrize(
    ("plane", "shape"),
    [("axial", (10, 12, 1)), ("coronal", (10, 1, 12)), ("sagittal", (1, 10, 12))],
)
def test_without_an_affine_the_plane_and_spacing_make_one(
    make: Make, tmp_path: Path, plane: str, shape: tuple[int, ...]
) -> None:
    export(make(affine=None, plane=plane), tmp_path / "out")
    volume = nib.load(tmp_path / "out" / "000000.nii.gz")
    assert volume.shape == shape
    assert nib.aff2axcodes(volume.affine) == ("R", "A", "S")
    centre = volume.affine @ [*((np.array(shape) - 1) / 2), 1]
    assert centre[:3] == pytest.approx([0, 0, 0])
    about = json.loads((tmp_path / "out" / "000000.json").read_text())
    assert "where in the head the image lies is unknown" in about["affine"]


def test_sidecars_of_synthetic_slices_call_position_and_thickness_nominal(
    make: Make, tmp_path: Path
) -> None:
    export(make(), tmp_path / "out")
    about = json.loads((tmp_path / "out" / "000000.json").read_text())
    assert "position and slice thickness are nominal" in about["affine"]


@pytest.mark.parametrize("real", [True, False])
def test_sidecars_of_real_slices_and_of_volumes_doubt_nothing(
    make: Make, tmp_path: Path, real: bool
) -> None:
    export(make(synthetic=False) if real else make((8, 10, 6)), tmp_path / "out")
    assert "affine" not in json.loads((tmp_path / "out" / "000000.json").read_text())


def test_the_sidecar_says_what_made_a_synthetic_image(make: Make, tmp_path: Path) -> None:
    export(make(), tmp_path / "out")
    about = json.loads((tmp_path / "out" / "000001.json").read_text())
    assert about["synthetic"] is True
    assert about["generator"]["name"] == "dcgan"
    assert about["checkpoint_sha256"] == "ab" * 32
    assert about["seed"] == 7
    assert about["condition"] == {"class": "old", "age": 71.0}
    assert about["spacing_mm"] == [3.0, 3.0]
    assert about["trained_on"]["license"] == "CC BY-SA 3.0"
    assert "Not for diagnosis" in about["Description"]


@pytest.mark.parametrize("synthetic", [True, False])
def test_no_file_names_a_subject(make: Make, tmp_path: Path, synthetic: bool) -> None:
    for path in export(make(synthetic=synthetic), tmp_path / "out"):
        content = path.read_bytes()
        if path.name.endswith(".nii.gz"):
            content = bytes(nib.load(path).header.binaryblock)
        assert SECRET.encode() not in content
        assert SECRET not in path.name


def test_the_sidecar_of_a_real_image_says_so_and_little_else(make: Make, tmp_path: Path) -> None:
    export(make(synthetic=False), tmp_path / "out")
    about = json.loads((tmp_path / "out" / "000001.json").read_text())
    assert about["synthetic"] is False
    assert about["image_id"] == "000001"
    assert not {"age", "sex", "subject", "condition", "seed"} & set(about)


def test_bids_programs_find_a_description(make: Make, tmp_path: Path) -> None:
    export(make(), tmp_path / "out")
    about = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert about["DatasetType"] == "derivative"
    assert about["GeneratedBy"][0]["Name"] == "brainzoo"
    assert about["License"] == "CC BY-SA 3.0"


def test_channels_become_volumes(make: Make, tmp_path: Path) -> None:
    export(make(channels=2), tmp_path / "out", limit=1)
    names = sorted(path.name for path in (tmp_path / "out").glob("*.nii.gz"))
    assert names == ["000000_channel-1.nii.gz", "000000_channel-2.nii.gz"]


def test_what_is_there_is_never_overwritten(make: Make, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ExistsError):
        export(make(), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_failure_leaves_nothing_behind(make: Make, tmp_path: Path) -> None:
    images = make()
    with (
        mock.patch("brainzoo.exporters.nifti.write_json", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        export(images, tmp_path / "deep" / "out")
    assert list((tmp_path / "deep").iterdir()) == []


def test_no_images_are_an_error(make: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images"):
        export(make()[:0], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_hostile_image_ids_stay_inside_the_folder(make: Make, tmp_path: Path) -> None:
    images = make()
    for row, name in zip(images.table, ["../../up", "a b/c", "ok"], strict=True):
        row["image_id"] = name
    written = export(images, tmp_path / "out")
    assert {path.parent for path in written} == {tmp_path / "out"}
    assert (tmp_path / "out" / "a-b-c.nii.gz").is_file()


def test_ids_that_would_collide_are_refused(make: Make, tmp_path: Path) -> None:
    images = make()
    images.table[1]["image_id"] = images.table[0]["image_id"]
    with pytest.raises(DataError, match="000000"):
        export(images, tmp_path / "out")
