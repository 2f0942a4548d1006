"""What leaves as DICOM: valid, the same volume again, and plainly nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest

from brainzoo.api import DataError, Images
from brainzoo.testing import ExporterContract, make_images
from brainzoo_dicom import segmentation as module
from brainzoo_dicom.config import DicomConfig, ExportConfig
from brainzoo_dicom.dataset import Dicom
from brainzoo_dicom.exporter import DicomExporter

nib: Any = nibabel  # typed in part only
CHECKPOINT = "ab" * 32
SHAPES = ((24, 32), (14, 18, 10))

UNKNOWN = "(0008,001c)"
"""Synthetic Data is younger than Debian's dciodvfy, which therefore doubts it."""


class TestContract(ExporterContract):
    name = "dicom"


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("BRAINZOO_REQUIRE_DICOM_TOOLS"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


def errors(path: Path) -> list[str]:
    """Return what dciodvfy says is wrong with a file."""
    found = subprocess.run([tool("dciodvfy"), "-new", str(path)], capture_output=True, text=True)
    lines = [line for line in found.stderr.splitlines() if line.startswith("Error")]
    return [line for line in lines if UNKNOWN not in line]


def synthetic(folder: Path, shape: tuple[int, ...], *, labels: bool = False, **more: Any) -> Images:
    """Return images as if a checkpoint had made them."""
    made = make_images(folder, spatial=shape, subjects=2, synthetic=True, **more)
    pixels = made.floats()
    maps = (pixels[:, 0] > 0.5).astype(np.uint8) + (pixels[:, 0] > 0.8)
    info = {**made.info, "checkpoint_sha256": CHECKPOINT, "seed": 7}
    if more.get("channels") == 2:
        info["channels"] = ["T1w", "FLAIR"]
    if labels:
        info["labels"] = {"1": "grey", "2": "white"}
    return Images(made.read(), made.table, info, labels=maps if labels else None)


def export(images: Images, folder: Path, **options: Any) -> list[Path]:
    return DicomExporter(ExportConfig(**options)).export(images, folder)


every_shape = pytest.mark.parametrize("shape", SHAPES, ids=["slice", "volume"])
both_kinds = pytest.mark.parametrize("enhanced", [False, True], ids=["classic", "enhanced"])


@both_kinds
@every_shape
def test_dciodvfy_finds_no_error(tmp_path: Path, shape: tuple[int, ...], enhanced: bool) -> None:
    images = synthetic(tmp_path / "images", shape, channels=2)
    for path in export(images, tmp_path / "out", limit=1, enhanced=enhanced):
        assert errors(path) == []


@both_kinds
@every_shape
def test_dcm2niix_returns_the_same_volume(
    tmp_path: Path, shape: tuple[int, ...], enhanced: bool
) -> None:
    images = synthetic(tmp_path / "images", shape, channels=2)
    export(images, tmp_path / "out", limit=1, enhanced=enhanced)
    for channel, name in enumerate(("T1w", "FLAIR")):
        (tmp_path / f"{name}-nii").mkdir()
        command = [tool("dcm2niix"), "-z", "n", "-f", "x", "-o", str(tmp_path / f"{name}-nii")]
        place = tmp_path / "out" / "000000" / (f"{name}.dcm" if enhanced else name)
        single = ["-s", "y"] if enhanced else []
        subprocess.run([*command, *single, str(place)], check=True, capture_output=True)
        (file,) = (tmp_path / f"{name}-nii").glob("*.nii")
        assert "Bruker" not in file.with_suffix(".json").read_text()
        data = images.read([0])[0, channel].reshape(*shape, *([1] * (3 - len(shape))))
        wanted = nib.Nifti1Image(data.astype(np.int32), np.array(images.info["affine"], float))
        wanted, found = map(nib.as_closest_canonical, (wanted, nib.load(file)))
        np.testing.assert_array_equal(np.asarray(found.dataobj), np.asarray(wanted.dataobj))
        np.testing.assert_allclose(found.affine, wanted.affine, atol=1e-4)


@both_kinds
def test_the_dataset_reads_the_same_volume(tmp_path: Path, enhanced: bool) -> None:
    """Once the files claim to be a scanner's, which exports never do."""
    images = synthetic(tmp_path / "images", SHAPES[1], channels=2)
    for path in export(images, tmp_path / "out", limit=1, enhanced=enhanced):
        found = pydicom.dcmread(path)
        found.SyntheticData = "NO"
        for element in found.iterall():
            if element.keyword in ("ImageType", "FrameType"):
                element.value = ["ORIGINAL", "PRIMARY", "M", "NONE"]
        found.save_as(path)
    (subject,) = Dicom(DicomConfig(root=tmp_path / "out")).subjects()
    for channel, name in enumerate(("T1w", "FLAIR")):
        read = subject.images[name]
        assert callable(read)
        volume = read()
        wanted = nib.Nifti1Image(
            images.read([0])[0, channel].astype(np.int32), np.array(images.info["affine"], float)
        )
        found = nib.Nifti1Image(volume.data.astype(np.int32), volume.affine)
        wanted, found = map(nib.as_closest_canonical, (wanted, found))
        np.testing.assert_array_equal(np.asarray(found.dataobj), np.asarray(wanted.dataobj))
        np.testing.assert_allclose(found.affine, wanted.affine, atol=1e-4)


@both_kinds
def test_a_file_says_what_it_is_in_every_place(tmp_path: Path, enhanced: bool) -> None:
    images = synthetic(tmp_path / "images", SHAPES[0])
    found = pydicom.dcmread(export(images, tmp_path / "out", enhanced=enhanced)[0])
    assert found.SyntheticData == "YES"
    assert found.ImageType[0] == "DERIVED"
    assert "SYNTHETIC" in str(found.PatientName)
    assert "NOBODY" in str(found.PatientName)
    assert found.PatientID.startswith("SYNTHETIC")
    assert "Not for diagnosis" in found.ImageComments
    (equipment,) = found.ContributingEquipmentSequence
    assert CHECKPOINT in equipment.ContributionDescription
    assert "seed 7" in equipment.ContributionDescription
    assert found.PatientSex == images.table[0]["sex"]
    assert found.PatientAge == f"{int(float(str(images.table[0]['age']))):03d}Y"
    dates = {str(e.value) for e in found.iterall() if e.VR in ("DA", "TM", "DT") and e.value}
    assert dates == ({"19000101", "000000"} if enhanced else set())


def test_real_images_tell_nothing_of_people(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", subjects=2)
    images.table[0]["image_id"], images.table[1]["image_id"] = "a", "b"
    found = pydicom.dcmread(export(images[:2], tmp_path / "out")[0])
    assert found.SyntheticData == "NO"
    assert "SYNTHETIC" not in str(found.PatientName)
    assert not found.PatientSex
    assert "PatientAge" not in found


def test_identifiers_are_those_of_the_image(tmp_path: Path) -> None:
    images = synthetic(tmp_path / "images", SHAPES[1], channels=2)
    first, again = export(images, tmp_path / "1"), export(images, tmp_path / "2")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in again]
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in first]
    slices, series = SHAPES[1][2], 2 * len(images)
    assert len({one.SOPInstanceUID for one in headers}) == len(headers) == slices * series
    assert len({one.SeriesInstanceUID for one in headers}) == series
    for name in ("StudyInstanceUID", "PatientID", "FrameOfReferenceUID"):
        assert len({one[name].value for one in headers}) == len(images)
    images.info["seed"] = 8
    other = pydicom.dcmread(export(images, tmp_path / "3")[0])
    assert other.StudyInstanceUID not in {one.StudyInstanceUID for one in headers}
    assert other.PatientID not in {one.PatientID for one in headers}


@both_kinds
@every_shape
def test_label_maps_become_segments(tmp_path: Path, shape: tuple[int, ...], enhanced: bool) -> None:
    pytest.importorskip("highdicom")
    images = synthetic(tmp_path / "images", shape, labels=True)
    files = export(images, tmp_path / "out", limit=1, enhanced=enhanced)
    again = export(images, tmp_path / "again", limit=1, enhanced=enhanced)
    assert [p.read_bytes() for p in files] == [p.read_bytes() for p in again]
    (path,) = (path for path in files if path.name == "labels.dcm")
    found = pydicom.dcmread(path)
    assert [segment.SegmentLabel for segment in found.SegmentSequence] == ["grey", "white"]
    assert found.SyntheticData == "YES"
    labels = images.labels([0])
    assert labels is not None
    frames = found.pixel_array.reshape(2, -1)
    assert [int(frame.sum()) for frame in frames] == [int((labels == v).sum()) for v in (1, 2)]
    assert errors(path) == []


def test_without_highdicom_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = synthetic(tmp_path / "images", SHAPES[0], labels=True)
    monkeypatch.setitem(__import__("sys").modules, "highdicom", None)
    with pytest.raises(DataError, match="highdicom") as caught:
        export(images, tmp_path / "out")
    assert module.MISSING in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert export(images, tmp_path / "out", labels=False)


@both_kinds
def test_exports_are_not_taken_for_scans_of_people(tmp_path: Path, enhanced: bool) -> None:
    images = synthetic(tmp_path / "images", SHAPES[1])
    export(images, tmp_path / "out", enhanced=enhanced)
    with pytest.raises(DataError, match="4 synthetic"):
        list(Dicom(DicomConfig(root=tmp_path / "out")).subjects())
    real = make_images(tmp_path / "real", spatial=SHAPES[1], subjects=2)
    export(real, tmp_path / "prepared", enhanced=enhanced)
    with pytest.raises(DataError, match="derived"):
        list(Dicom(DicomConfig(root=tmp_path / "prepared")).subjects())
