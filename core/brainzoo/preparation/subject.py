"""One scan to its images: what a worker process does."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import BrainzooError, DataError, DiskError, NetworkError
from brainzoo.data.pixels import from_floats
from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import Volume, read_volume, reordered
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.grid import Made, Row, make_images
from brainzoo.preparation.head import find_head
from brainzoo.preparation.pictures import fit_picture, read_picture
from brainzoo.preparation.scan import Scan


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What became of one scan; ``failure`` says why if it has no images.

    ``pixels`` has the stored dtype; ``rows`` describe images, not subjects.
    """

    pixels: NDArray[np.generic]
    rows: list[Row]
    pixel_mm: tuple[float, ...] = ()
    failure: str = ""
    warnings: tuple[str, ...] = ()


def prepare_subject(subject: Subject, config: PrepareConfig) -> Prepared:
    """Make the images of one scan; never raises for what is wrong with the scan."""
    try:
        if is_picture(subject):
            return _from_picture(subject, config)
        volume = read_volume(subject.source) if isinstance(subject.source, Path) else _made(subject)
        if min(volume.data.shape) < 2:
            raise DataError(
                f"it has shape {' × '.join(map(str, volume.data.shape))}; expected a whole head."
            )
        scan = Scan.of(volume, config.axes)
        mask = _mask(subject, volume, config)
        head = find_head(scan, config.percentiles, mask)
        if mask is not None:
            view = np.where(mask.view != 0, scan.view, np.asarray(head.black, scan.view.dtype))
            scan = dataclasses.replace(scan, view=view)
        made = make_images(scan, head, config, subject)
        return _stored(made, config, volume.warnings)
    except (DiskError, NetworkError):
        raise  # no fault of the scan: without it the data set would silently be another
    except BrainzooError as error:
        return _failed(subject, error.message)
    except MemoryError:
        return _failed(subject, "not enough memory for this scan.")
    except Exception as error:  # one odd scan is not to end the work on all others
        return _failed(subject, f"it cannot be prepared: {type(error).__name__}: {error}.")


def _failed(subject: Subject, message: str) -> Prepared:
    """Name the scan by its file, never by its folder, which may name a person."""
    if isinstance(subject.source, Path):
        message = message.replace(str(subject.source), subject.source.name)
        if message.startswith("it "):
            message = f"{subject.source.name} {message.removeprefix('it ')}"
    return Prepared(np.zeros(0), [], failure=message)


def is_picture(subject: Subject) -> bool:
    """Tell a picture of one slice from a volume."""
    return isinstance(subject.source, Path) and not subject.source.name.lower().endswith(
        (".nii", ".nii.gz", ".mgz", ".mgh")
    )


def _made(subject: Subject) -> Volume:
    """Call a source that makes its volume; what it raises is the scan's failure."""
    assert not isinstance(subject.source, Path)
    try:
        return subject.source()
    except BrainzooError:
        raise
    except Exception as error:
        raise DataError(f"it could not be made: {type(error).__name__}: {error}.") from error


def _mask(subject: Subject, volume: Volume, config: PrepareConfig) -> Scan | None:
    if not config.mask:
        return None
    if subject.mask is None:
        raise DataError("it has no brain mask.", "Leave --data.mask away.")
    mask = reordered(read_volume(subject.mask), volume.affine)
    if mask.data.shape != volume.data.shape or not np.allclose(
        mask.affine, volume.affine, atol=0.1
    ):
        raise DataError(f"its mask {subject.mask.name} lies on another grid.")
    return Scan.of(dataclasses.replace(mask, affine=volume.affine), config.axes)


def _from_picture(subject: Subject, config: PrepareConfig) -> Prepared:
    assert isinstance(subject.source, Path)
    if config.dims == 3:
        raise DataError(
            f"{subject.source.name} is a picture of one slice; 3 dimensions need scans."
        )
    pixels = fit_picture(read_picture(subject.source, config.percentiles), config.size)
    rows: list[Row] = [{"plane": config.plane, "position_mm": None}]
    return _stored(Made(pixels, rows, (config.pixel_mm,) * 2), config, ())


def _stored(made: Made, config: PrepareConfig, warnings: tuple[str, ...]) -> Prepared:
    pixels = from_floats(made.pixels, config.dtype)
    return Prepared(pixels, made.rows, made.pixel_mm, warnings=warnings)
