"""One scan to its images: what a worker process does."""

from __future__ import annotations

import contextlib
import dataclasses
import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import BrainzooError, DataError, DiskError, NetworkError
from brainzoo.data.pixels import from_floats
from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import Volume, read_volume
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.grid import Row, make_images
from brainzoo.preparation.head import find_head, in_head
from brainzoo.preparation.pictures import fit_picture, read_picture
from brainzoo.preparation.scan import Scan
from brainzoo.preparation.steps import steps_of

MOST_LABEL = 65535
"""The largest value of a label map."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What became of one scan; ``failure`` says why if it has no images.

    ``pixels`` has the stored dtype; ``rows`` describe images, not subjects. ``labels`` are of
    ``(image, *spatial)`` where the scan has a label map.
    """

    pixels: NDArray[np.generic]
    rows: list[Row]
    labels: NDArray[np.uint16] | None = None
    pixel_mm: tuple[float, ...] = ()
    failure: str = ""
    warnings: tuple[str, ...] = ()


def picklable(subjects: Sequence[Subject]) -> bool:
    """Return whether other processes can be given these scans."""
    try:
        return not any(b"__main__" in pickle.dumps(subject) for subject in subjects)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False


def prepare_subject(subject: Subject, config: PrepareConfig) -> Prepared:
    """Make the images of one scan; never raises for what is wrong with the scan."""
    try:
        make = _from_picture if is_picture(subject) else _from_volumes
        return make(subject, config)
    except (DiskError, NetworkError):
        raise  # no fault of the scan: without it the data set would silently be another
    except BrainzooError as error:
        message = error.message
    except MemoryError:
        message = "not enough memory for this scan."
    except Exception as error:  # one odd scan is not to end the work on all others
        message = f"it cannot be prepared: {type(error).__name__}: {error}."
    if isinstance(subject.source, Path):  # named by its file: its folder may name a person
        message = message.replace(str(subject.source), subject.source.name)
        if message.startswith("it "):
            message = f"{subject.source.name} {message.removeprefix('it ')}"
    return Prepared(np.zeros(0), [], failure=message)


def nothing() -> Volume:
    """Stand for a channel or label map that a scan does not have."""
    raise DataError("it is missing.")


def is_picture(subject: Subject) -> bool:
    """Return whether this is a picture of one slice, not a volume."""
    return isinstance(subject.source, Path) and not subject.source.name.lower().endswith(
        (".nii", ".nii.gz", ".mgz", ".mgh")
    )


def _from_picture(subject: Subject, config: PrepareConfig) -> Prepared:
    assert isinstance(subject.source, Path)
    if config.dims == 3 or config.steps:
        what = " and ".join([*config.steps, *["3 dimensions"] * (config.dims == 3)])
        raise DataError(f"{subject.source.name} is a picture of one slice; {what} need scans.")
    pixels = fit_picture(read_picture(subject.source, config.percentiles), config.size)
    rows: list[Row] = [{"plane": config.plane, "position_mm": None}]
    return Prepared(from_floats(pixels, config.dtype), rows, pixel_mm=(config.pixel_mm,) * 2)


def _from_volumes(subject: Subject, config: PrepareConfig) -> Prepared:
    """Bring all channels and labels of a scan onto one grid, by their affines."""
    wanted = list(subject.images)
    there = {name: source for name, source in subject.images.items() if source is not nothing}
    if not there:
        raise DataError("it has none of the channels.")
    subject = dataclasses.replace(subject, images=there)
    for step in steps_of(config).values():
        subject = step(subject)
    volumes = {name: _read(source) for name, source in subject.images.items()}
    warnings = [line for volume in volumes.values() for line in volume.warnings]
    names = list(volumes)
    scan = Scan.of(volumes[names[0]], "world" if subject.extent_mm else config.axes)
    mask = _mask(subject, scan) if config.mask != "no" else None
    head = find_head(scan, config.percentiles, mask)
    if subject.extent_mm:
        low_mm, high_mm = (np.array(corner) - scan.affine[:3, 3] for corner in subject.extent_mm)
        head = dataclasses.replace(head, low_mm=low_mm, high_mm=high_mm)
    as_is = dataclasses.replace(head, black=0.0, white=1.0)
    layers = [(scan, head)]
    for name in names[1:]:
        with _about(name):
            channel = Scan.beside(volumes[name], scan)
            layers.append((channel, in_head(channel, head, config.percentiles)))
    if mask is not None:
        layers.append((mask, as_is))
    if subject.labels is not None:
        with _about("its label map"):
            label_volume = _label_volume(subject.labels)
            layers.append((Scan.beside(label_volume, scan, nearest=True), as_is))
            warnings += label_volume.warnings
    made = make_images(layers, config, subject)
    pixels, labels, rows = made.pixels[:, : len(names)], None, made.rows
    if mask is not None:
        pixels = pixels * (made.pixels[:, len(names), None] > 0.5)
    if subject.labels is not None:
        labels = made.pixels[:, -1].astype(np.uint16)
        if config.label_values:  # the others become background
            labels *= np.isin(labels, config.label_values)
    missing = [name for name in wanted if name not in names]
    if missing:
        black = np.zeros_like(pixels[:, 0])
        own = [pixels[:, names.index(n)] if n in names else black for n in wanted]
        pixels, rows = np.stack(own, axis=1), [{**r, "missing": "+".join(missing)} for r in rows]
    stored = from_floats(pixels, config.dtype)
    return Prepared(stored, rows, labels, made.pixel_mm, warnings=tuple(warnings))


@contextlib.contextmanager
def _about(name: str) -> Iterator[None]:
    """Say of which channel an error is."""
    try:
        yield
    except DataError as error:
        message = error.message.removeprefix("it ")
        raise DataError(f"{name} {message}", error.hint) from error


def _read(source: Path | Callable[[], Volume]) -> Volume:
    """Read a file or call a function; what it raises is the scan's failure."""
    try:
        volume = read_volume(source) if isinstance(source, Path) else source()
    except BrainzooError:
        raise
    except Exception as error:
        raise DataError(f"it could not be made: {type(error).__name__}: {error}.") from error
    if min(volume.data.shape) < 2:
        raise DataError(
            f"it has shape {' × '.join(map(str, volume.data.shape))}; expected a whole head."
        )
    return volume


def _label_volume(source: Path | Callable[[], Volume]) -> Volume:
    """Read a label map: whole numbers from 0 to 65535."""
    if source is nothing:
        raise DataError("it is missing.", "Without label maps: --data.no-labels")
    volume = _read(source)
    values, warnings = volume.data, volume.warnings
    if values.dtype.kind == "f":
        values = np.rint(values)
        if not np.allclose(values, volume.data):
            warnings = (*warnings, "its label map holds fractions: they are rounded")
    if values.min() < 0 or values.max() > MOST_LABEL:
        raise DataError(
            f"it holds values from {volume.data.min():g} to {volume.data.max():g}; expected whole "
            f"numbers from 0 to {MOST_LABEL}."
        )
    return Volume(values.astype(np.uint16), volume.affine, warnings)


def _mask(subject: Subject, scan: Scan) -> Scan:
    """Read the brain mask, in whatever voxel order it lies on the scan's grid."""
    if subject.mask is None:
        raise DataError("it has no brain mask.", "Without masks: --data.mask no")
    with _about(f"its mask {subject.mask.name if isinstance(subject.mask, Path) else ''}".strip()):
        volume = _read(subject.mask)
        inside = dataclasses.replace(volume, data=(volume.data != 0).astype(np.uint8))
        return Scan.beside(inside, scan, nearest=True).on_grid_of(scan)
