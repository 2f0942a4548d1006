"""Label maps as DICOM SEG (PS3.3 A.51), by highdicom, which is an extra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from brainzoo.api import DataError, Images
from brainzoo_dicom import mr
from brainzoo_dicom.quiet import quiet

MISSING = "Install it: pip install 'brainzoo-dicom[segmentations]'; or give --no-dicom.labels."
CLOCK = ("ContentDate", "ContentTime", "InstanceCreationDate", "InstanceCreationTime")
NO_TIME = {"ContentDate": "19000101", "ContentTime": "000000"}
"""A date must be there, and none is true: the same image is always the same file."""


def segmentation(images: Images, i: int, series: Sequence[Dataset]) -> Dataset | None:
    """Return the label map of an image: a segment a value.

    Args:
        images: With label maps.
        i: Which image.
        series: Its first channel, on whose slices the segments lie.

    Returns:
        ``None`` where every label is background.

    Raises:
        DataError: highdicom is not installed.
    """
    try:
        with quiet():
            import highdicom
    except ImportError:
        raise DataError(
            "label maps become DICOM SEG by highdicom, which is not here.", MISSING
        ) from None
    labels = images.labels([i])
    assert labels is not None
    maps = mr.slices_of(labels[0])
    values = [int(value) for value in np.unique(maps) if value]
    if not values:
        return None
    names = images.label_names or {}
    segments = [
        _described(highdicom, number, names.get(value, f"label {value}"), images)
        for number, value in enumerate(values, start=1)
    ]
    masks = np.stack([maps == value for value in values], axis=-1).astype(np.uint8)
    seed = mr.study_seed(images, i)
    with quiet():
        made: Dataset = highdicom.seg.Segmentation(
            source_images=list(series),
            pixel_array=masks,
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=segments,
            series_instance_uid=mr.uid(seed, "labels"),
            series_number=images.channels + 1,
            sop_instance_uid=mr.uid(seed, "labels", "file"),
            instance_number=1,
            manufacturer=mr.MAKER,
            manufacturer_model_name=str(series[0].ManufacturerModelName),
            software_versions=str(series[0].SoftwareVersions),
            device_serial_number="0",
            content_label="LABELS",
            content_description=mr.WARNING[:64] if images.synthetic else mr.REAL[:64],
            series_description=f"labels {'synthetic' if images.synthetic else 'prepared'}",
            omit_empty_frames=False,
        )
    _without_clock(made, seed)
    for name in ("SyntheticData", "ContributingEquipmentSequence", "PatientComments"):
        setattr(made, name, getattr(series[0], name))
    return made


def _described(highdicom: Any, number: int, name: str, images: Images) -> Any:
    """Say what a segment is: its name, and codes that are true of any label."""
    code = highdicom.sr.CodedConcept
    generator = images.info.get("generator") or {}
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=name[:64],
        segmented_property_category=code("85756007", "SCT", "Tissue"),
        segmented_property_type=code("85756007", "SCT", "Tissue"),
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=str(generator.get("name") or "brainzoo"),
            version=str(generator.get("version") or "0"),
            family=code("123109", "DCM", "Artificial Intelligence"),
        ),
    )


def _without_clock(made: Dataset, seed: str) -> None:
    """Replace what highdicom takes from the clock or draws at random."""
    for name in CLOCK:
        if name in NO_TIME:
            setattr(made, name, NO_TIME[name])
        elif name in made:
            delattr(made, name)
    dimension = mr.uid(seed, "labels", "dimensions")
    for item in made.DimensionOrganizationSequence:
        item.DimensionOrganizationUID = dimension
    for item in made.DimensionIndexSequence:
        item.DimensionOrganizationUID = dimension
