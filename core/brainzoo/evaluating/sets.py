"""The sets that evaluators compare: folders of images, or plain folders of pictures or volumes.

Who has images from elsewhere can have them measured as they are: nothing is resampled or cut.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainzoo.common import console
from brainzoo.common.errors import DataError, NotFoundError, OptionError
from brainzoo.data.images import Images
from brainzoo.data.pixels import from_floats
from brainzoo.data.tables import Row
from brainzoo.data.volumes import read_volume
from brainzoo.datasets.folder import SLICE, SUBJECT, find_table
from brainzoo.datasets.tree import PICTURES, VOLUMES, files_below, stem

_nibabel: Any = nibabel  # typed in part only

LEFT_OUT = ("grid.png", "grid_real.png")
"""Pictures of many images that brainzoo's own exports hold beside those of one."""

PERCENTILES = (1.0, 99.5)
"""What becomes black and white where values have no known range, as in preparing scans."""


def open_images(
    folder: Path, *, synthetic: bool = False, subject_pattern: str | None = None
) -> Images:
    """Open a folder of images, a run's samples, or a plain folder of pictures or NIfTI files.

    In a plain folder every file is one image: volumes (``.nii``, ``.nii.gz``; one slice thick is a
    slice) if there are any, else pictures (``.png``, ``.jpg``, ``.tif``, ``.npy``). All must have
    the same size. 8 and 16 bits and floats in [0, 1] are taken as they are; other values are scaled
    scan by scan, and that is said. The subject of a real image is, in this order:

    1. what the group of ``subject_pattern`` finds in the path below the folder;
    2. ``sub-XXX`` or ``IXI123`` in that path;
    3. the name of the sub-folder that the file lies in;
    4. the file's name without a slice number that is called one (``_slice-12``, ``_z012``).

    The first sub-folder is the class where it is not the subject's. ``participants.tsv`` or
    ``.csv`` in the folder may tell class, age, sex and more. Synthetic images have no subjects.

    Args:
        folder: The folder.
        synthetic: Whether a generator made them.
        subject_pattern: Regular expression with one group.

    Raises:
        NotFoundError: There is no such folder.
        OptionError: The pattern is none, or has no group.
        DataError: There are no files to read, one cannot be read, or sizes differ.
    """
    if synthetic and (folder / "samples" / "images.json").is_file():
        folder = folder / "samples"
    if any((folder / name).is_file() for name in ("images.json", "pixels.npy")):
        return Images.open(folder)
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}.")
    files = _image_files(folder)
    rows = _rows(folder, files, synthetic, _compiled(subject_pattern))
    pixels, spacing_mm = _read_all(folder, files)
    info: dict[str, Any] = {
        "modality": "",
        "dims": pixels.ndim - 2,
        "plane": None,
        "spacing_mm": spacing_mm,
        "affine": None,
        "value_range": [0, 1],
        "source": {"name": folder.name, "license": "unknown", "simulated": False},
        "classes": sorted({str(row["class"]) for row in rows if row.get("class")}),
        "synthetic": synthetic,
    }
    images = Images(pixels, rows, info)
    images.info["fingerprint"] = describe_set(images)["fingerprint"]
    return images


def describe_set(images: Images) -> dict[str, Any]:
    """Return what a set of images is known by: fingerprint, and numbers of images and subjects.

    The fingerprint is of the pixels, subjects and classes of these very images, so that the same
    test subjects are known again whatever else the folders hold.
    """
    digest = hashlib.sha256(f"{images.dtype} {images.channels} {images.spatial}".encode())
    for row in images.table:
        digest.update(repr((row.get("subject"), row.get("class"))).encode())
    for start in range(0, len(images), 256):
        part = images.read(np.arange(start, min(start + 256, len(images))))
        digest.update(np.ascontiguousarray(part).tobytes())
    return {
        "fingerprint": digest.hexdigest(),
        "images": len(images),
        "subjects": len(images.subjects()),
    }


def _image_files(folder: Path) -> list[Path]:
    files, _ = files_below(folder)
    for endings in (VOLUMES, PICTURES):
        found = [p for p in files if p.name.lower().endswith(endings) and p.name not in LEFT_OUT]
        if found:
            return found
    raise DataError(
        f"{folder} holds no images: {len(files)} files, none a {', '.join((*VOLUMES, *PICTURES))}.",
        "Give a folder that brainzoo prepared or sampled, or one of pictures or NIfTI files.",
    )


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        found = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise OptionError(
            f"--subject-pattern {pattern!r} is no regular expression: {error}."
        ) from error
    if found.groups != 1:
        raise OptionError(
            f"--subject-pattern {pattern!r} has {found.groups} groups; expected one, for the "
            "subject.",
            "Put the id into parentheses, for example '^(P[0-9]+)_'.",
        )
    return found


def _rows(
    folder: Path, files: Sequence[Path], synthetic: bool, pattern: re.Pattern[str] | None
) -> list[Row]:
    table = find_table(folder, None)
    rows: list[Row] = []
    top = Path(os.path.commonpath([path.parent for path in files]))  # not "images" of an export
    for path in files:
        place = path.relative_to(top)
        row: Row = {"image_id": place.with_name(stem(path)).as_posix()}
        subject, of_folder = ("", False) if synthetic else _subject(place, pattern)
        known = (table.find(subject or stem(path), stem(path)) if table else None) or {}
        parents = place.parts[: -2 if of_folder else -1]
        own_class = known.pop("class", None) or (parents[0] if parents else None)
        row |= {"class": str(own_class) if own_class else None, **known}
        rows.append(row if synthetic else row | {"subject": subject})
    return rows


def _subject(place: Path, pattern: re.Pattern[str] | None) -> tuple[str, bool]:
    """Return the subject of a file, and whether its folder told it."""
    if pattern is not None:
        match = pattern.search(place.name) or pattern.search(place.as_posix())
        if not match or not match[1]:
            raise DataError(
                f"--subject-pattern {pattern.pattern!r} finds no subject in {place.as_posix()!r}.",
                "Every real image needs a subject, so that no person is in train and in test.",
            )
        return match[1], len(place.parts) > 1 and match[1] in place.parts[-2]
    match = SUBJECT.search(stem(place)) or SUBJECT.search(place.as_posix())
    if match:
        subject = str(match[1] or match[2])
        return subject, len(place.parts) > 1 and subject in place.parts[-2]
    if len(place.parts) > 1:
        return place.parts[-2], True
    return SLICE.sub("", stem(place)) or stem(place), False


def _read_all(folder: Path, files: Sequence[Path]) -> tuple[NDArray[Any], list[float] | None]:
    """Read every file as ``(image, 1, *spatial)`` and return the spacing of the first volume."""
    volumes = files[0].name.lower().endswith(VOLUMES)
    read: Callable[[Path], NDArray[Any]] = _volume if volumes else _picture
    found: list[NDArray[Any]] = []
    with console.progress(f"reading {folder.name}", len(files)) as advance:
        for path in files:
            values = read(path)
            if found and values.shape != found[0].shape:
                sizes = " and ".join(" × ".join(map(str, v.shape)) for v in (found[0], values))
                raise DataError(
                    f"images below {folder} differ in size: {sizes} ({files[0].name}, "
                    f"{path.name}); expected one size.",
                    "Prepare them alike, for example with: brainzoo data folder --data.root DIR",
                )
            found.append(values)
            advance(1)
    spacing = [round(mm, 3) for mm in read_volume(files[0]).spacing_mm] if volumes else None
    if spacing and found[0].ndim == 2:
        spacing = None  # which of the three it is depends on how the slice lies
    return _as_pixels(folder, found)[:, None], spacing


def _as_pixels(folder: Path, found: Sequence[NDArray[Any]]) -> NDArray[Any]:
    low, high = min(v.min() for v in found), max(v.max() for v in found)
    kinds = {v.dtype for v in found}
    if kinds == {np.dtype(np.uint8)}:
        return np.stack(found)
    if kinds == {np.dtype(np.uint16)} and high > np.iinfo(np.uint16).max // 2:
        return np.stack(found)
    if all(kind.kind == "f" for kind in kinds) and low >= 0 and high <= 1:
        return np.stack([v.astype(np.float32) for v in found])
    console.warn(
        f"values below {folder} go from {low:g} to {high:g}: each image is scaled by its own "
        f"percentiles {PERCENTILES[0]:g} and {PERCENTILES[1]:g}. All three sets must be alike."
    )
    return np.stack([_scaled(values) for values in found])


def _scaled(values: NDArray[Any]) -> NDArray[Any]:
    low, high = (float(p) for p in np.percentile(values, PERCENTILES))
    scaled = (values.astype(np.float32) - low) / max(high - low, 1e-12)
    return from_floats(scaled, "uint16")


def _volume(path: Path) -> NDArray[Any]:
    """Return a volume in RAS+ order; one that is one voxel thick as the slice that is seen."""
    volume = read_volume(path)
    data: NDArray[Any] = np.asarray(
        _nibabel.apply_orientation(volume.data, _nibabel.io_orientation(volume.affine))
    )
    thin = [axis for axis, length in enumerate(data.shape) if length == 1]
    if not thin:
        return data
    axis = thin[-1]
    plane = np.take(data, 0, axis=axis)
    # As slices are stored: rows go down from anterior or superior, columns from the right or front.
    return np.ascontiguousarray(plane.T[::-1, ::-1])


def _picture(path: Path) -> NDArray[Any]:
    """Return a picture as grey values ``(height, width)``, as stored."""
    try:
        if path.suffix.lower() == ".npy":
            values: NDArray[Any] = np.load(path, allow_pickle=False).squeeze()
        else:
            with Image.open(path) as picture:
                deep = picture.mode.startswith(("I", "F"))
                values = np.asarray(picture if deep else picture.convert("L"))
    except Exception as error:  # Pillow's decoders raise anything on damaged files
        raise DataError(f"{path.name} cannot be read as a picture: {error}.") from error
    if values.ndim not in (2, 3) or values.dtype.kind not in "uif":
        shape = " × ".join(map(str, values.shape))
        raise DataError(f"{path.name} has shape {shape}; expected one grey slice or volume.")
    if not np.isfinite(values).all():
        raise DataError(f"{path.name} holds NaN or infinite values; expected numbers.")
    return values
