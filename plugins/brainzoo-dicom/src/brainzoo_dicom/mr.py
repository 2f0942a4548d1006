"""Images as DICOM MR Image Storage (PS3.3 A.4): one file a slice, one series a channel.

Files depend on the images alone: no clock, no random number. They say in several places what they
are: Synthetic Data (0008,001C), image type, patient, descriptions, and the equipment that made them
with the SHA-256 of its checkpoint.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

from brainzoo.api import Images, Value

MR_IMAGE = UID("1.2.840.10008.5.1.4.1.1.4")
WHITE = 65535
"""The stored value of 1.0, so that images of 16 bits leave as they are."""

MAKER = "the brainzoo authors"
"""Not plain ``brainzoo``: dcm2niix takes what begins with "br" for Bruker."""

WARNING = "Synthetic image made by a generative model. Not for diagnosis."
REAL = "Real image, resampled by brainzoo. Not for diagnosis."

PLANES = {
    "axial": ([0, -1, 0], [-1, 0, 0], [0, 0, 1]),
    "coronal": ([0, 0, -1], [-1, 0, 0], [0, 1, 0]),
    "sagittal": ([0, 0, -1], [0, -1, 0], [1, 0, 0]),
}
"""Directions in RAS+ of a slice's rows, columns and normal, where images have no affine."""


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where slices lie: ``(slice, row, column)`` to RAS+ millimetres.

    Attributes:
        affine: 4 × 4, of (row, column, slice) indices.
    """

    affine: NDArray[np.float64]

    @classmethod
    def of(cls, images: Images, row: Mapping[str, Value]) -> Grid:
        """Return the grid of an image; slices of a volume are axial, the patient's right is left.

        Without an affine (patches), the image is centred on the origin.
        """
        affine = images.info.get("affine")
        matrix = np.array(affine if affine is not None else _centred(images), np.float64)
        position = row.get("position_mm")
        if images.dims == 2:
            if isinstance(position, float | int):
                matrix[:3, 3] += position * matrix[:3, 2] / np.linalg.norm(matrix[:3, 2])
            return cls(matrix)
        turned = np.eye(4)  # rows to the back, columns to the patient's left, slices to the top
        x, y, _ = images.spatial
        turned[:3, :3] = [[0, -1, 0], [-1, 0, 0], [0, 0, 1]]
        turned[:2, 3] = [x - 1, y - 1]
        return cls(matrix @ turned)

    def spacing_mm(self) -> list[float]:
        """Distances of rows, of columns, and of slices."""
        return [float(mm) for mm in np.linalg.norm(self.affine[:3, :3], axis=0)]

    def orientation(self) -> list[float]:
        """Directions of a row and of a column in DICOM's axes."""
        directions = self.affine[:3, :3] / self.spacing_mm()
        lps = np.diag([-1.0, -1.0, 1.0]) @ directions
        return [*lps[:, 1].tolist(), *lps[:, 0].tolist()]

    def position(self, i: int) -> list[float]:
        """Where the first pixel of a slice lies, in DICOM's axes."""
        x, y, z = (self.affine @ [0, 0, i, 1])[:3].tolist()
        return [-x, -y, z]


def slices_of(image: NDArray[Any]) -> NDArray[Any]:
    """Return one channel, (height, width) or (x, y, z), as (slice, row, column)."""
    return image[None] if image.ndim == 2 else image[::-1, ::-1].transpose(2, 1, 0)


def _centred(images: Images) -> NDArray[np.float64]:
    spacing = [float(mm) for mm in images.info.get("spacing_mm") or [1.0] * images.dims]
    directions = np.eye(3)
    if images.dims == 2:
        directions = np.array(PLANES.get(str(images.info.get("plane")), PLANES["axial"])).T
        spacing.append(max(spacing))
    affine = np.eye(4)
    affine[:3, :3] = directions * np.array(spacing)
    affine[:3, 3] = -affine[:3, :3] @ (np.array((*images.spatial, 1)[:3]) - 1) / 2
    return affine


def study_seed(images: Images, i: int) -> str:
    """Return what all identifiers of an image are made of: what drew it, and its pixels."""
    info, row = images.info, images.table[i]
    told = {
        "checkpoint": info.get("checkpoint_sha256"),
        "seed": info.get("seed"),
        "condition": info.get("condition"),
        "sampling": info.get("sampling"),
        "image": row.get("image_id"),
        "synthetic": images.synthetic,
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode())
    digest.update(np.ascontiguousarray(images.read([i])).tobytes())
    return digest.hexdigest()


def uid(*parts: object) -> UID:
    """Return an identifier made of a hash: a UUID below 2.25 (PS3.5 B.2)."""
    digest = hashlib.sha256(" ".join(map(str, parts)).encode()).digest()
    return UID(f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}")


def series(images: Images, i: int, channel: int) -> list[Dataset]:
    """Return one channel of an image as the data sets of a series."""
    seed, grid = study_seed(images, i), Grid.of(images, images.table[i])
    made = []
    for number, values in enumerate(stored(images, i, channel)):
        one = common(images, i, seed)
        describe(one, images, seed, channel)
        _acquisition(one, images.dims)
        one.SOPClassUID = MR_IMAGE
        one.SOPInstanceUID = uid(seed, "image", channel, number)
        one.InstanceNumber = number + 1
        one.AcquisitionNumber = None
        one.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
        _place(one, grid, number)
        set_pixels(one, values)
        one.WindowCenter, one.WindowWidth = numbers([WHITE / 2, WHITE])
        made.append(one)
    return made


def stored(images: Images, i: int, channel: int) -> NDArray[np.uint16]:
    """Return one channel of an image as it is stored, (slice, row, column)."""
    values: NDArray[np.uint16] = np.rint(slices_of(images.floats([i])[0, channel]) * WHITE).astype(
        "<u2"
    )
    return values


def common(images: Images, i: int, seed: str) -> Dataset:
    """Return what all files of an image say: patient, study, equipment."""
    one, row = Dataset(), images.table[i]
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    synthetic = images.synthetic
    one.SpecificCharacterSet = "ISO_IR 192"
    one.SyntheticData = "YES" if synthetic else "NO"
    one.StudyInstanceUID = uid(seed, "study")
    one.FrameOfReferenceUID = uid(seed, "frame of reference")
    one.PositionReferenceIndicator = ""
    for name in ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"):
        setattr(one, name, "")
    one.StudyID = "1"
    who = "SYNTHETIC" if synthetic else "REAL"
    number = re.sub(r"[^A-Za-z0-9._-]+", "-", str(row.get("image_id") or i))[:40]
    one.PatientName = f"{who}^NOBODY {number}" if synthetic else f"{who}^ANONYMOUS {number}"
    one.PatientID = f"{who}-{seed[:16]}"
    one.PatientBirthDate = ""
    one.PatientSex = row["sex"] if synthetic and row.get("sex") in ("F", "M") else ""
    age = row.get("age")
    if synthetic and isinstance(age, float | int) and 0 <= age < 1000:
        one.PatientAge = f"{int(age):03d}Y"
    one.PatientComments = WARNING if synthetic else REAL
    one.StudyDescription = f"brainzoo: {'synthetic' if synthetic else 'real'} MR, not for diagnosis"
    one.Manufacturer = MAKER
    one.ManufacturerModelName = str(_generator(images).get("name") or "brainzoo")
    one.SoftwareVersions = _version(images)
    one.ContributingEquipmentSequence = [_equipment(images)]
    return one


def _equipment(images: Images) -> Dataset:
    """Return what made the image: PS3.3 C.12.1.1.5."""
    purpose = Dataset()
    purpose.CodeValue = "109102"
    purpose.CodingSchemeDesignator = "DCM"
    purpose.CodeMeaning = "Processing Equipment"
    one = Dataset()
    one.PurposeOfReferenceCodeSequence = [purpose]
    one.Manufacturer = MAKER
    one.ManufacturerModelName = str(_generator(images).get("name") or "brainzoo")
    one.SoftwareVersions = _version(images)
    info = images.info
    drawn = {"checkpoint SHA-256": info.get("checkpoint_sha256"), "seed": info.get("seed")}
    told = ", ".join(f"{name} {value}" for name, value in drawn.items() if value is not None)
    what = "Drawn by a generative model" if images.synthetic else "Prepared"
    one.ContributionDescription = f"{what}: {told}" if told else what
    return one


def _generator(images: Images) -> Mapping[str, Any]:
    return images.info.get("generator") or {}


def _version(images: Images) -> str:
    generator = _generator(images)
    parts = (generator.get("distribution"), generator.get("version"))
    return " ".join(str(part) for part in parts if part)[:64] or "brainzoo"


def describe(one: Dataset, images: Images, seed: str, channel: int) -> None:
    """Fill in the series, and what kind of image it is."""
    name = images.channel_names[channel]
    one.Modality = "MR"
    one.SeriesInstanceUID = uid(seed, "series", channel)
    one.SeriesNumber = channel + 1
    one.SeriesDescription = f"{name} {'synthetic' if images.synthetic else 'prepared'}"[:64]
    one.ProtocolName = name[:64]
    one.BodyPartExamined = "BRAIN"
    one.PatientPosition = "HFS"
    one.ImageComments = WARNING if images.synthetic else REAL
    one.DerivationDescription = (
        "Drawn by a generative model" if images.synthetic else "Resampled, intensities scaled"
    )
    one.BurnedInAnnotation = "NO"
    one.LossyImageCompression = "00"


def _acquisition(one: Dataset, dims: int) -> None:
    """Say that no sequence of a scanner made it."""
    one.ScanningSequence = "RM"
    one.SequenceVariant = "NONE"
    one.ScanOptions = ""
    one.MRAcquisitionType = f"{dims}D"
    for empty in ("EchoTime", "EchoTrainLength", "RepetitionTime"):
        setattr(one, empty, None)


def _place(one: Dataset, grid: Grid, number: int) -> None:
    rows, columns, step = grid.spacing_mm()
    one.ImagePositionPatient = numbers(grid.position(number))
    one.ImageOrientationPatient = numbers(grid.orientation())
    one.PixelSpacing = numbers([rows, columns])
    one.SliceThickness, one.SpacingBetweenSlices = numbers([step, step])


def set_pixels(one: Dataset, values: NDArray[np.uint16]) -> None:
    """Store ``(row, column)``, or ``(frame, row, column)``."""
    one.SamplesPerPixel = 1
    one.PhotometricInterpretation = "MONOCHROME2"
    one.Rows, one.Columns = values.shape[-2:]
    one.BitsAllocated = one.BitsStored = 16
    one.HighBit = 15
    one.PixelRepresentation = 0
    one.PixelData = values.tobytes()


def numbers(values: Sequence[float]) -> list[str]:
    """Return numbers as decimal strings of at most 16 characters; never ``-0``."""
    return [format_number_as_ds(round(value, 12) + 0.0) for value in values]
