"""A made-up scanner: series of made-up heads, with made-up people in their headers."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from brainzoo.testing import make_head

DIRECTIONS = {
    "axial": ([1, 0, 0], [0, 1, 0]),
    "sagittal": ([0, 1, 0], [0, 0, -1]),
    "coronal": ([1, 0, 0], [0, 0, -1]),
    "oblique": ([0.96, 0.28, 0.0], [-0.224, 0.768, 0.6]),
}
CLASSIC, ENHANCED = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"


class Scanner:
    """Writes series, and knows what a reader must find in them."""

    def __init__(self, shape: tuple[int, int, int] = (20, 24, 18)) -> None:
        self.shape = shape  # columns, rows, slices
        self.spacing = (9.0, 8.0, 10.0)

    def head(self, seed: int = 0) -> NDArray[np.uint16]:
        """Return voxels (column, row, slice) of 12 bits."""
        return np.rint(make_head(self.shape, seed=seed) * 4000).astype(np.uint16)

    def affine(self, plane: str) -> NDArray[np.float64]:
        """Return what maps (column, row, slice) to DICOM's patient axes in mm."""
        along_row, along_column = map(np.array, DIRECTIONS[plane])
        affine = np.eye(4)
        for axis, way in enumerate((along_row, along_column, np.cross(along_row, along_column))):
            affine[:3, axis] = way * self.spacing[axis]
        affine[:3, 3] = -affine[:3, :3] @ (np.array(self.shape) - 1) / 2 + (3, -5, 7)
        return affine

    def ras(self, plane: str) -> NDArray[np.float64]:
        """Return the affine in RAS+."""
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ self.affine(plane)

    def images(
        self, plane: str = "axial", seed: int = 0, tags: Mapping[str, Any] | None = None
    ) -> list[Dataset]:
        """Return the images of a series of classic files, in order."""
        affine, head = self.affine(plane), self.head(seed)
        series = generate_uid()
        made = []
        for i in range(self.shape[2]):
            one = Dataset()
            one.file_meta = FileMetaDataset()
            one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            one.SOPClassUID, one.SOPInstanceUID = CLASSIC, generate_uid()
            one.StudyInstanceUID, one.SeriesInstanceUID = "1.2.3.4", series
            one.FrameOfReferenceUID = "1.2.3.5"
            one.PatientName, one.PatientID, one.PatientBirthDate = (
                "Doe^Jane",
                "MRN-0042",
                "19510203",
            )
            one.PatientAge, one.PatientSex = "039Y", "F"
            one.InstitutionName, one.ReferringPhysicianName = "General Hospital", "Physician^A"
            one.StudyDate = one.SeriesDate = one.ContentDate = "20100723"
            one.StudyTime = one.SeriesTime = one.ContentTime = "081500"
            one.StudyDescription, one.AccessionNumber, one.StudyID = "Doe^brain", "", "1"
            one.Modality, one.Manufacturer, one.MagneticFieldStrength = "MR", "SIEMENS", 3
            one.SeriesDescription = one.ProtocolName = "t1_mprage_sag"
            one.SeriesNumber, one.InstanceNumber, one.AcquisitionNumber = 5, i + 1, 1
            one.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
            one.ScanningSequence, one.SequenceVariant, one.ScanOptions = ["GR", "IR"], "MP", ""
            one.MRAcquisitionType = "3D"
            one.RepetitionTime, one.EchoTime, one.InversionTime = 2300, 2.9, 900
            one.EchoTrainLength, one.FlipAngle, one.PatientPosition = 1, 9, "HFS"
            one.ImagePositionPatient = [f"{x:.6f}" for x in (affine @ [0, 0, i, 1])[:3]]
            one.ImageOrientationPatient = [*DIRECTIONS[plane][0], *DIRECTIONS[plane][1]]
            one.PixelSpacing = [self.spacing[1], self.spacing[0]]
            one.SliceThickness = one.SpacingBetweenSlices = self.spacing[2]
            set_pixels(one, head[:, :, i].T)
            for name, value in (tags or {}).items():
                setattr(one, name, value)
            made.append(one)
        return made

    def series(self, folder: Path, plane: str = "axial", seed: int = 0, **tags: Any) -> list[Path]:
        """Write a series of classic files whose names say nothing of their order."""
        return write(self.images(plane, seed, tags), folder)

    def enhanced(self, path: Path, plane: str = "axial", seed: int = 0) -> Path:
        """Write a series as one enhanced file, its frames in another order than in space."""
        images = self.images(plane, seed)
        one, order = images[0], [*range(1, len(images), 2), *range(0, len(images), 2)]
        pixels = np.stack([images[i].pixel_array for i in order])
        orientation, measures, frame_type = Dataset(), Dataset(), Dataset()
        orientation.ImageOrientationPatient = one.ImageOrientationPatient
        measures.PixelSpacing, measures.SliceThickness = one.PixelSpacing, one.SliceThickness
        measures.SpacingBetweenSlices = one.SpacingBetweenSlices
        frame_type.FrameType = one.ImageType
        shared, echo = Dataset(), Dataset()
        echo.EffectiveEchoTime = 2.9
        shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
        shared.MREchoSequence, shared.MRImageFrameTypeSequence = [echo], [frame_type]
        frames = []
        for i in order:
            frame, place, content, values = Dataset(), Dataset(), Dataset(), Dataset()
            place.ImagePositionPatient = images[i].ImagePositionPatient
            content.DimensionIndexValues = [1, i + 1]
            content.InStackPositionNumber, content.StackID = i + 1, "1"
            values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, 0, "US"
            frame.PlanePositionSequence, frame.FrameContentSequence = [place], [content]
            frame.PixelValueTransformationSequence = [values]
            frames.append(frame)
        for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "EchoTime"):
            del one[name]
        one.SOPClassUID, one.NumberOfFrames = ENHANCED, len(frames)
        one.SharedFunctionalGroupsSequence = [shared]
        one.PerFrameFunctionalGroupsSequence = frames
        one.PixelData = pixels.astype("<u2").tobytes()
        return write([one], path.parent, path.name)[0]

    def mosaic(self, path: Path, plane: str = "axial", seed: int = 0, **tags: Any) -> Path:
        """Write a series as one mosaic of Siemens, with its private header."""
        head, affine = self.head(seed), self.affine(plane)
        columns, rows, count = self.shape
        side = int(np.ceil(np.sqrt(count)))
        picture = np.zeros((side * rows, side * columns), np.uint16)
        for i in range(count):
            top, left = i // side * rows, i % side * columns
            picture[top : top + rows, left : left + columns] = head[:, :, i].T
        one = self.images(plane, seed, tags)[0]
        one.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
        middle = np.array([(side - 1) * columns / 2, (side - 1) * rows / 2, 0, 0])
        corner = affine[:3, 3] - (affine @ middle)[:3]
        one.ImagePositionPatient = [f"{x:.6f}" for x in corner]
        set_pixels(one, picture)
        normal = affine[:3, 2] / self.spacing[2]
        fields = {"NumberOfImagesInMosaic": [count], "SliceNormalVector": normal.tolist()}
        block = one.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x10, "OB", private_header(fields))
        return write([one], path.parent, path.name)[0]


def set_pixels(one: Dataset, pixels: NDArray[np.uint16]) -> None:
    """Put a picture (row, column) into an image."""
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.Rows, one.Columns = pixels.shape
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
    one.PixelData = pixels.astype("<u2").tobytes()


def write(images: list[Dataset], folder: Path, name: str = "") -> list[Path]:
    """Write images as files; their names are in no order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i, one in enumerate(images):
        paths.append(folder / (name or f"{i * 7919 % 1009:04d}-{len(list(folder.iterdir()))}.dcm"))
        one.save_as(paths[-1], enforce_file_format=True)
    return paths


def private_header(fields: Mapping[str, list[float]]) -> bytes:
    """Return Siemens's CSA header: https://nipy.org/nibabel/dicom/siemens_csa.html."""
    content = b"SV10\4\3\2\1" + struct.pack("<II", len(fields), 77)
    for name, values in fields.items():
        content += name.encode().ljust(64, b"\0")
        kind = b"IS\0\0" if name.startswith("Number") else b"FD\0\0"
        content += struct.pack("<i4siii", len(values), kind, 6, 6, 77)
        for i in range(6):
            text = f"{values[i]:.8f}".encode() + b"\0" if i < len(values) else b""
            if kind == b"IS\0\0" and text:
                text = f"{int(values[i])}".encode() + b"\0"
            content += struct.pack("<iiii", len(text), len(text), 77, len(text))
            content += text + b"\0" * (-len(text) % 4)
    return content


@pytest.fixture
def scanner() -> Scanner:
    """The scanner."""
    return Scanner()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep salt and caches out of the user's own folder."""
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def real_series() -> Path:
    """The series of a Siemens scanner in ../shared/data, where the machine has it."""
    places = [above / "shared" / "data" / "dicom-t1" for above in Path(__file__).parents]
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        pytest.skip("the real series is not on this machine")
    return found
