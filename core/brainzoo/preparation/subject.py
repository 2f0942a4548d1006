"""One scan to its images: what a worker process does."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import BrainzooError, DataError, DiskError, NetworkError
from brainzoo.data.pixels import from_floats
from brainzoo.data.subjects import Subject
from brainzoo.data.volumes import Volume, read_volume
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.grid import Made, Row, make_images
from brainzoo.preparation.head import find_head, in_head
from brainzoo.preparation.pictures import fit_picture, read_picture
from brainzoo.preparation.scan import Scan

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


def prepare_subject(subject: Subject, config: PrepareConfig) -> Prepared:
    """Make the images of one scan; never raises for what is wrong with the scan."""
    try:
        if is_picture(subject):
            return _from_picture(subject, config)
        return _from_volumes(subject, config)
    except (DiskError, NetworkError):
        raise  # no fault of the scan: without it the data set would silently be another
    except BrainzooError as error:
        return _failed(subject, error.message)
    except MemoryError:
        return _failed(subject, "not enough memory for this scan.")
    except Exception as error:  # one odd scan is not to end the work on all others
        return _failed(subject, f"it cannot be prepared: {type(error).__name__}: {error}.")


def nothing() -> Volume:
    """Stand for a channel or label map that a scan does not have."""
    raise DataError("it is missing.")


def _from_volumes(subject: Subject, config: PrepareConfig) -> Prepared:
    """Bring all channels and labels of a scan onto one grid, by their affines."""
    there = {name: source for name, source in subject.images.items() if source is not nothing}
    volumes = {name: _read(source) for name, source in there.items()}
    if not volumes:
        raise DataError("it has none of the channels.")
    first, *others = volumes.values()
    warnings = tuple(line for volume in volumes.values() for line in volume.warnings)
    scan = Scan.of(first, config.axes)
    mask = _mask(subject, scan, config)
    head = find_head(scan, config.percentiles, mask)
    layers = [(scan, head)]
    for name, volume in zip(list(volumes)[1:], others, strict=True):
        with _about(name):
            channel = Scan.beside(volume, scan)
            layers.append((channel, in_head(channel, head, config.percentiles)))
    if mask is not None:
        layers.append((mask, dataclasses.replace(head, black=0.0, white=1.0)))
    if subject.labels is not None:
        with _about("its label map"):
            label_volume = _label_volume(subject)
            labels = Scan.beside(label_volume, scan, nearest=True)
            warnings = (*warnings, *label_volume.warnings)
        layers.append((labels, dataclasses.replace(head, black=0.0, white=1.0)))
    made = make_images(layers, config, subject)
    pixels, maps = made.pixels[:, : len(volumes)], None
    if mask is not None:
        pixels = pixels * (made.pixels[:, len(volumes), None] > 0.5)
    if subject.labels is not None:
        maps = _kept(made.pixels[:, -1].astype(np.uint16), config)
    missing = [name for name in subject.images if name not in volumes]
    if missing:
        order = [list(volumes).index(name) if name in volumes else -1 for name in subject.images]
        black = np.zeros_like(pixels[:, :1])
        pixels = np.concatenate([pixels, black], axis=1)[:, order]
    rows = [{**row, "missing": "+".join(missing)} if missing else row for row in made.rows]
    made = dataclasses.replace(made, pixels=pixels, rows=rows)
    return dataclasses.replace(_stored(made, config, warnings), labels=maps)


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
    if isinstance(source, Path):
        volume = read_volume(source)
    else:
        try:
            volume = source()
        except BrainzooError:
            raise
        except Exception as error:
            raise DataError(f"it could not be made: {type(error).__name__}: {error}.") from error
    if min(volume.data.shape) < 2:
        raise DataError(
            f"it has shape {' × '.join(map(str, volume.data.shape))}; expected a whole head."
        )
    return volume


def _label_volume(subject: Subject) -> Volume:
    """Read a label map: whole numbers from 0 to 65535."""
    assert subject.labels is not None
    if subject.labels is nothing:
        raise DataError("it is missing.", "Without label maps: --no-data.labels")
    volume = _read(subject.labels)
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


def _kept(labels: NDArray[np.uint16], config: PrepareConfig) -> NDArray[np.uint16]:
    """Return label maps with those values that were asked for; the others become background."""
    if not config.label_values:
        return labels
    return np.where(np.isin(labels, config.label_values), labels, 0).astype(np.uint16)


def _failed(subject: Subject, message: str) -> Prepared:
    """Name the scan by its file, never by its folder, which may name a person."""
    if isinstance(subject.source, Path):
        message = message.replace(str(subject.source), subject.source.name)
        if message.startswith("it "):
            message = f"{subject.source.name} {message.removeprefix('it ')}"
    return Prepared(np.zeros(0), [], failure=message)


def is_picture(subject: Subject) -> bool:
    """Return whether this is a picture of one slice, not a volume."""
    return isinstance(subject.source, Path) and not subject.source.name.lower().endswith(
        (".nii", ".nii.gz", ".mgz", ".mgh")
    )


def _mask(subject: Subject, scan: Scan, config: PrepareConfig) -> Scan | None:
    """Read the brain mask, in whatever voxel order it lies on the scan's grid."""
    if not config.mask:
        return None
    if subject.mask is None:
        raise DataError("it has no brain mask.", "Without masks: --no-data.mask")
    with _about(f"its mask {subject.mask.name}"):
        volume = read_volume(subject.mask)
        inside = dataclasses.replace(volume, data=(volume.data != 0).astype(np.uint8))
        return Scan.beside(inside, scan, nearest=True).on_grid_of(scan)


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
    return Prepared(pixels, made.rows, pixel_mm=made.pixel_mm, warnings=warnings)
