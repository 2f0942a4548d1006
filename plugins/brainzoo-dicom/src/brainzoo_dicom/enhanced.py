"""Images as Enhanced MR Image Storage (PS3.3 A.36): one file a channel, in it a frame a slice."""

from __future__ import annotations

from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import UID

from brainzoo.api import Images
from brainzoo_dicom import mr
from brainzoo_dicom.mr import Grid, numbers

ENHANCED_MR_IMAGE = UID("1.2.840.10008.5.1.4.1.1.4.1")
CONTRASTS = {
    "T1w": "T1",
    "T1ce": "T1",
    "T2w": "T2",
    "T2starw": "T2_STAR",
    "FLAIR": "FLUID_ATTENUATED",
    "PDw": "PROTON_DENSITY",
}
NEVER = ("19000101", "000000")
"""A date must be there, and none is true: the same image is always the same file."""
STACK = ("StackID", "InStackPositionNumber")


def enhanced(images: Images, i: int, channel: int) -> Dataset:
    """Return one channel of an image as one data set of many frames."""
    seed, grid = mr.study_seed(images, i), Grid.of(images, images.table[i])
    pixels = mr.stored(images, i, channel)
    one = mr.common(images, i, seed)
    mr.describe(one, images, seed, channel)
    del one.DerivationDescription  # of classic files; here the equipment says it
    one.SOPClassUID = ENHANCED_MR_IMAGE
    one.SOPInstanceUID = mr.uid(seed, "enhanced", channel)
    one.InstanceNumber = 1
    one.ContentDate, one.ContentTime = NEVER
    one.DeviceSerialNumber = "0"
    one.ContentQualification = "RESEARCH"
    one.AcquisitionContextSequence = []
    one.PresentationLUTShape = "IDENTITY"
    one.ApplicableSafetyStandardAgency = "NONE"  # nobody lay in a scanner; dciodvfy wants one
    derived = "NONE" if images.synthetic else "RESAMPLED"
    one.ImageType = kind = ["DERIVED", "PRIMARY", "VOLUME", derived]
    contrast = CONTRASTS.get(images.channel_names[channel], "UNKNOWN")
    _contrast(one, contrast)
    mr.set_pixels(one, pixels)
    one.NumberOfFrames = len(pixels)
    dimensions = mr.uid(seed, "dimensions")
    one.DimensionOrganizationSequence = [_group(DimensionOrganizationUID=dimensions)]
    one.DimensionOrganizationType = "3D"
    one.DimensionIndexSequence = [
        _group(
            DimensionOrganizationUID=dimensions,
            DimensionIndexPointer=tag_for_keyword(name),
            FunctionalGroupPointer=tag_for_keyword("FrameContentSequence"),
        )
        for name in STACK
    ]
    one.SharedFunctionalGroupsSequence = [_shared(grid, kind, contrast)]
    one.PerFrameFunctionalGroupsSequence = [
        _group(
            FrameContentSequence=[
                _group(StackID="1", InStackPositionNumber=n + 1, DimensionIndexValues=[1, n + 1])
            ],
            PlanePositionSequence=[_group(ImagePositionPatient=numbers(grid.position(n)))],
        )
        for n in range(len(pixels))
    ]
    return one


def _shared(grid: Grid, kind: list[str], contrast: str) -> Dataset:
    """Return what is true of all frames."""
    rows, columns, step = grid.spacing_mm()
    frame_type = _group(FrameType=kind)
    _contrast(frame_type, contrast)
    head = _group(CodeValue="12738006", CodingSchemeDesignator="SCT", CodeMeaning="Brain")
    return _group(
        PixelMeasuresSequence=[
            _group(
                PixelSpacing=numbers([rows, columns]),
                SliceThickness=numbers([step])[0],
                SpacingBetweenSlices=numbers([step])[0],
            )
        ],
        PlaneOrientationSequence=[_group(ImageOrientationPatient=numbers(grid.orientation()))],
        FrameAnatomySequence=[_group(FrameLaterality="U", AnatomicRegionSequence=[head])],
        MRImageFrameTypeSequence=[frame_type],
        PixelValueTransformationSequence=[
            _group(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")
        ],
        FrameVOILUTSequence=[
            _group(WindowCenter=numbers([mr.WHITE / 2])[0], WindowWidth=numbers([mr.WHITE])[0])
        ],
    )


def _contrast(one: Dataset, contrast: str) -> None:
    """Fill in PS3.3 C.8.13.3: what the numbers of frames are."""
    one.PixelPresentation = "MONOCHROME"
    one.VolumetricProperties = "VOLUME"
    one.VolumeBasedCalculationTechnique = "NONE"
    one.ComplexImageComponent = "MAGNITUDE"
    one.AcquisitionContrast = contrast


def _group(**elements: Any) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made
