"""Voxels and affines: what was scanned, as dcm2niix sees it."""

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
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.pixels.decoders.base import JPEGLSLosslessDecoder
from pydicom.uid import JPEGLSLossless, RLELossless

from brainzoo.api import DataError, Volume
from brainzoo_dicom.config import DicomConfig
from brainzoo_dicom.dataset import Dicom
from brainzoo_dicom.volume import Piece, SeriesVolume

PLANES = ("axial", "sagittal", "coronal", "oblique")
KINDS = ("classic", "enhanced", "mosaic")
nib: Any = nibabel  # typed in part only


def volume(root: Path, **options: Any) -> Volume:
    """Read the only series below a folder."""
    (subject,) = Dicom(DicomConfig(root=root, **options)).subjects()
    (source,) = subject.images.values()
    assert callable(source)
    return source()


def upright(data: NDArray[Any], affine: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return voxels and affine in the order nearest to RAS+, whatever order they were stored in."""
    kind = np.float64 if data.dtype.kind == "f" else np.int32
    turned = nib.as_closest_canonical(nib.Nifti1Image(data.astype(kind), affine))
    return np.asarray(turned.dataobj), turned.affine


def scan(scanner: Any, kind: str, plane: str, folder: Path) -> None:
    if kind == "classic":
        scanner.series(folder, plane)
    else:
        getattr(scanner, "enhanced" if kind == "enhanced" else "mosaic")(folder / "x.dcm", plane)


def converted(root: Path, out: Path) -> Any:
    """Return what dcm2niix makes of a series."""
    if shutil.which("dcm2niix") is None:
        if os.environ.get("BRAINZOO_REQUIRE_DICOM_TOOLS"):
            pytest.fail("dcm2niix is not installed")
        pytest.skip("dcm2niix is not installed")
    out.mkdir()
    command = ["dcm2niix", "-z", "n", "-b", "n", "-f", "x", "-o", str(out), str(root)]
    subprocess.run(command, check=True, capture_output=True)
    (file,) = out.glob("*.nii")
    return nib.load(file)


def corners_mm(shape: tuple[int, ...], affine: NDArray[Any]) -> NDArray[Any]:
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in shape], 1)).reshape(4, -1)
    return np.asarray((affine @ ends)[:3])


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_volume_is_what_was_scanned(scanner: Any, tmp_path: Path, kind: str, plane: str) -> None:
    scan(scanner, kind, plane, tmp_path / "in")
    found = volume(tmp_path / "in")
    data, affine = upright(found.data, found.affine)
    wanted, wanted_affine = upright(scanner.head(), scanner.ras(plane))
    np.testing.assert_array_equal(data, wanted)
    np.testing.assert_allclose(affine, wanted_affine, atol=1e-5)


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_volume_is_that_of_dcm2niix(scanner: Any, tmp_path: Path, kind: str, plane: str) -> None:
    scan(scanner, kind, plane, tmp_path / "in")
    check_like_dcm2niix(tmp_path / "in", tmp_path / "out")


def test_a_real_series_is_that_of_dcm2niix(real_series: Path, tmp_path: Path) -> None:
    check_like_dcm2niix(real_series, tmp_path / "out")


def check_like_dcm2niix(root: Path, out: Path) -> None:
    other, found = converted(root, out), volume(root)
    data, affine = upright(found.data, found.affine)
    theirs, their_affine = upright(np.asarray(other.dataobj), other.affine)
    np.testing.assert_array_equal(data, theirs)
    apart = corners_mm(data.shape, affine) - corners_mm(data.shape, their_affine)
    assert abs(apart).max() < 0.01, "millimetres"


def test_slopes_and_intercepts_of_each_slice_are_applied(scanner: Any, tmp_path: Path) -> None:
    images = scanner.images()
    for i, one in enumerate(images):
        one.RescaleSlope, one.RescaleIntercept = 1 + i / 8, -i
    scanner_write(images, tmp_path)
    found = volume(tmp_path)
    slopes = 1 + np.arange(scanner.shape[2]) / 8
    wanted = scanner.head() * slopes - np.arange(scanner.shape[2])
    np.testing.assert_allclose(found.data, wanted, rtol=1e-6)


def test_where_low_is_white_it_is_turned_round(scanner: Any, tmp_path: Path) -> None:
    images = scanner.images()
    for one in images:
        turned = 4095 - one.pixel_array
        one.PhotometricInterpretation = "MONOCHROME1"
        one.PixelData = turned.astype("<u2").tobytes()
    scanner_write(images, tmp_path)
    np.testing.assert_array_equal(volume(tmp_path).data, scanner.head())


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless], ids=["RLE", "JPEG-LS"])
def test_compressed_series_are_read(scanner: Any, tmp_path: Path, syntax: Any) -> None:
    if syntax is JPEGLSLossless:
        pytest.importorskip("jpeg_ls")
    images = scanner.images()
    for one in images:
        one.compress(syntax)
    scanner_write(images, tmp_path)
    np.testing.assert_array_equal(volume(tmp_path).data, scanner.head())


@pytest.mark.parametrize("kind", ["bigendian", "implicit", "RLE", "jp2klossless"])
def test_the_ways_in_which_pixels_are_stored_give_the_same(kind: str) -> None:
    """Read the same slice as pydicom's wheel brings it in several transfer syntaxes."""
    if kind == "jp2klossless":
        pytest.importorskip("gdcm")
    wanted = pydicom.dcmread(str(get_testdata_file("MR_small.dcm"))).pixel_array
    path = Path(str(get_testdata_file(f"MR_small_{kind}.dcm", download=False)))
    here = tuple(tuple(row) for row in np.eye(4).tolist())
    read = SeriesVolume("series 1", (Piece(path, -1, -1, 1, 1.0, 0.0),), wanted.shape, here)
    np.testing.assert_array_equal(read().data[:, :, 0].T, wanted)


def test_what_nothing_installed_decompresses_says_what_to_install(
    scanner: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("jpeg_ls")
    images = scanner.images()
    for one in images:
        one.compress(JPEGLSLossless)
    scanner_write(images, tmp_path)
    monkeypatch.setattr(type(JPEGLSLosslessDecoder), "is_available", False)
    with pytest.raises(DataError, match="JPEG-LS") as caught:
        volume(tmp_path)
    assert "pip install 'brainzoo-dicom[compressed]'" in str(caught.value)


def test_files_without_preamble_are_read(scanner: Any, tmp_path: Path) -> None:
    for path in scanner.series(tmp_path):
        path.write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(volume(tmp_path).data, scanner.head())


def scanner_write(images: list[Any], folder: Path) -> None:
    for i, one in enumerate(images):
        one.save_as(folder / f"{i * 7919 % 1009:04d}.dcm", enforce_file_format=True)
