"""What the headers of DICOM files say: a :class:`Slice` for each image, wherever it is stored.

Classic files hold one image, enhanced files many frames with functional groups, Siemens mosaics the
tiles of a volume in one picture. Names, dates and ids stay in memory: they decide who is who and in
which order visits were, and nothing that this package writes or says holds them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from brainzoo_dicom.quiet import quiet
from brainzoo_dicom.values import (
    age_between,
    age_of,
    number_of,
    text_of,
    texts_of,
    whole_of,
)

Vector = tuple[float, float, float]

TAGS = re.findall(
    r"\w+",
    "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID PatientID "
    "PatientBirthDate PatientAge PatientSex StudyDate StudyTime Modality Manufacturer "
    "MagneticFieldStrength ImageType SeriesDescription ProtocolName SeriesNumber "
    "InstanceNumber ScanningSequence SequenceVariant SequenceName PulseSequenceName "
    "MRAcquisitionType RepetitionTime EchoTime InversionTime FlipAngle ContrastBolusAgent "
    "BurnedInAnnotation SyntheticData ImagePositionPatient ImageOrientationPatient PixelSpacing "
    "SliceThickness SpacingBetweenSlices Rows Columns NumberOfFrames "
    "PhotometricInterpretation RescaleSlope RescaleIntercept SamplesPerPixel "
    "SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence",
)
"""What is read of a header, and nothing else."""

MR_IMAGES = tuple(f"1.2.840.10008.5.1.4.1.1.4{ending}" for ending in ("", ".1", ".4"))
"""The classes of classic, enhanced, and converted enhanced images."""

NO_AGENT = ("", "NO", "NONE", "N", "N/A", "NA")


@dataclasses.dataclass(frozen=True, repr=False)
class Header:
    """What a file says of its series, study and person; none of it leaves this package as it is.

    ``number`` is the series' own, ``when`` sorts studies, times are in milliseconds, ``age`` is in
    years.
    """

    sop: str
    series: str
    study: str
    patient: str
    number: int | None
    description: str
    image_type: tuple[str, ...]
    modality: str
    when: str
    born: str
    age: float | None
    sex: str | None
    manufacturer: str
    field_t: float | None
    sequence: tuple[str, ...]
    three_d: bool
    repetition: float | None
    inversion: float | None
    contrast_agent: bool
    burned_in: bool
    synthetic: bool


@dataclasses.dataclass(frozen=True, repr=False)
class Slice:
    """One image: where it is stored, and where it lies in the patient (LPS, millimetres).

    ``frame`` counts those of an enhanced file, ``tile`` those of a mosaic; -1 where there are none.
    """

    header: Header
    path: Path
    frame: int
    tile: int
    instance: int
    position: Vector
    along_row: Vector
    along_column: Vector
    spacing: tuple[float, float]
    shape: tuple[int, int]
    slope: float
    intercept: float
    echo: float | None
    frame_type: tuple[str, ...]


def read_slices(path: Path) -> list[Slice] | None:
    """Read the headers of the images in a file.

    Returns:
        ``None`` if it is no DICOM file of images; an empty list if they have no place in a patient.

    Raises:
        ValueError: It is a DICOM file, and damaged.
    """
    named = path.suffix.lower() in (".dcm", ".ima", ".dicom")
    try:
        with path.open("rb") as file:
            marked = file.read(132)[128:] == b"DICM"
    except OSError:
        raise ValueError("it cannot be read") from None
    if not marked and not named:
        return None
    with quiet():
        try:
            found = pydicom.dcmread(
                path, stop_before_pixels=True, specific_tags=list(TAGS), force=not marked
            )
            kind = found.file_meta.get("MediaStorageSOPClassUID") or found.get("SOPClassUID")
            if "Rows" not in found:
                if kind in MR_IMAGES or (marked and not kind):
                    raise ValueError  # it is cut off
                return None
            return list(_slices(found, path))
        except Exception:  # whatever pydicom says of it may hold values of the header
            raise ValueError("it is damaged") from None


def _slices(found: Dataset, path: Path) -> Iterator[Slice]:
    header = _header(found)
    if text_of(found, "PhotometricInterpretation") not in ("MONOCHROME1", "MONOCHROME2"):
        return
    if "PerFrameFunctionalGroupsSequence" in found:
        yield from _frames(found, header, path)
    elif "ImagePositionPatient" in found and "ImageOrientationPatient" in found:
        one = _slice(found, header, path)
        tiles = _tiles(path) if "MOSAIC" in header.image_type else None
        yield from _of_mosaic(one, found, *tiles) if tiles else [one]


def _header(found: Dataset) -> Header:
    kinds = [texts_of(found, name) for name in ("ScanningSequence", "SequenceVariant")]
    names = [text_of(found, name) for name in ("SequenceName", "PulseSequenceName")]
    words = [text_of(found, name) for name in ("SeriesDescription", "ProtocolName")]
    groups = _merged(found, 0)
    born, study = text_of(found, "PatientBirthDate"), text_of(found, "StudyDate")
    age = age_of(text_of(found, "PatientAge"))
    sex = text_of(found, "PatientSex").upper()
    inversion = number_of(found, "InversionTime")
    if inversion is None:
        inversion = number_of(groups, "InversionTimes")
    kinds.append(("IR",) if text_of(groups, "InversionRecovery") == "YES" else ())
    kinds.append((text_of(groups, "EchoPulseSequence"),))
    repetition = number_of(found, "RepetitionTime")
    return Header(
        sop=text_of(found, "SOPInstanceUID"),
        series=text_of(found, "SeriesInstanceUID"),
        study=text_of(found, "StudyInstanceUID"),
        patient=text_of(found, "PatientID").strip(),
        number=whole_of(found, "SeriesNumber"),
        description=" | ".join(dict.fromkeys(word for word in words if word)),
        image_type=tuple(value.upper() for value in texts_of(found, "ImageType")),
        modality=text_of(found, "Modality"),
        when=f"{study} {text_of(found, 'StudyTime')}",
        born=born,
        age=age if age is not None else age_between(born, study),
        sex=sex if sex in ("F", "M") else None,
        manufacturer=text_of(found, "Manufacturer"),
        field_t=number_of(found, "MagneticFieldStrength"),
        sequence=tuple(value.upper() for value in (*sum(kinds, ()), *names) if value),
        three_d=text_of(found, "MRAcquisitionType") == "3D",
        repetition=repetition if repetition is not None else number_of(groups, "RepetitionTime"),
        inversion=inversion,
        contrast_agent=text_of(found, "ContrastBolusAgent").strip().upper() not in NO_AGENT,
        burned_in=text_of(found, "BurnedInAnnotation").upper() == "YES",
        synthetic=text_of(found, "SyntheticData").upper() == "YES",
    )


def _slice(found: Dataset, header: Header, path: Path, frame: int = -1) -> Slice:
    """Read where an image lies; of an enhanced file, ``found`` is what holds for the frame."""
    orientation = [float(value) for value in found.ImageOrientationPatient]
    rows, columns = (float(value) for value in found.PixelSpacing)
    x, y, z = (float(value) for value in found.ImagePositionPatient)
    if len(orientation) != 6 or not np.isfinite([*orientation, rows, columns, x, y, z]).all():
        raise ValueError
    slope, intercept = number_of(found, "RescaleSlope"), number_of(found, "RescaleIntercept")
    echo = number_of(found, "EffectiveEchoTime")
    return Slice(
        header=header,
        path=path,
        frame=frame,
        tile=-1,
        instance=(whole_of(found, "InstanceNumber") or 0) if frame < 0 else frame + 1,
        position=(x, y, z),
        along_row=(orientation[0], orientation[1], orientation[2]),
        along_column=(orientation[3], orientation[4], orientation[5]),
        spacing=(rows, columns),
        shape=(int(found.Rows), int(found.Columns)),
        slope=slope or 1.0,
        intercept=intercept or 0.0,
        echo=echo if echo is not None else number_of(found, "EchoTime"),
        frame_type=tuple(v.upper() for v in texts_of(found, "FrameType")) or header.image_type,
    )


def _frames(found: Dataset, header: Header, path: Path) -> Iterator[Slice]:
    for frame in range(len(found.PerFrameFunctionalGroupsSequence)):
        merged = _merged(found, frame)
        if "ImagePositionPatient" in merged and "ImageOrientationPatient" in merged:
            yield _slice(merged, header, path, frame)


def _merged(found: Dataset, frame: int) -> Dataset:
    """Return a frame's elements: those of its own groups, of the shared ones, of the file."""
    merged = Dataset()
    for name in ("Rows", "Columns", "EchoTime", "RescaleSlope", "RescaleIntercept"):
        if name in found:
            setattr(merged, name, found[name].value)
    for owner, index in (
        ("SharedFunctionalGroupsSequence", 0),
        ("PerFrameFunctionalGroupsSequence", frame),
    ):
        for group in found[owner].value[index : index + 1] if owner in found else []:
            for element in group:
                if element.VR == "SQ" and element.value:
                    merged.update(element.value[0])
    return merged


def _tiles(path: Path) -> tuple[int, float] | None:
    """Return how many tiles a mosaic has, and whether slices go along their normal (1) or not (-1).

    Siemens says so in a private header.
    """
    from nibabel.nicom import csareader  # here, where its warning at import stays unsaid

    read: Any = csareader.get_csa_header
    found = pydicom.dcmread(path, stop_before_pixels=True)
    tags = (read(found, "image") or {}).get("tags", {})

    def items(name: str) -> list[float]:
        return [float(value) for value in tags.get(name, {}).get("items", [])]

    count = items("NumberOfImagesInMosaic")
    if not count and found.get((0x0019, 0x100A)) is not None:
        count = [float(found[0x0019, 0x100A].value)]
    if not count or not 1 < count[0] <= 1024:
        return None
    normal = items("SliceNormalVector")
    orientation = [float(value) for value in found.ImageOrientationPatient]
    way = np.dot(np.cross(orientation[:3], orientation[3:]), normal) if len(normal) == 3 else 1.0
    return int(count[0]), -1.0 if way < 0 else 1.0


def _of_mosaic(whole: Slice, found: Dataset, count: int, way: float) -> Iterator[Slice]:
    """Yield the tiles of a mosaic.

    Its position is the corner of a picture as large as the mosaic with the tile in its centre:
    https://nipy.org/nibabel/dicom/dicom_mosaic.html
    """
    side = int(np.ceil(np.sqrt(count)))
    rows, columns = (length // side for length in whole.shape)
    along_row, along_column = np.array(whole.along_row), np.array(whole.along_column)
    corner = np.array(whole.position)
    corner = corner + along_row * whole.spacing[1] * (whole.shape[1] - columns) / 2
    corner = corner + along_column * whole.spacing[0] * (whole.shape[0] - rows) / 2
    step = number_of(found, "SpacingBetweenSlices") or number_of(found, "SliceThickness") or 1.0
    normal = np.cross(along_row, along_column) * way
    for tile in range(count):
        x, y, z = (corner + tile * step * normal).tolist()
        yield dataclasses.replace(whole, tile=tile, position=(x, y, z), shape=(rows, columns))
