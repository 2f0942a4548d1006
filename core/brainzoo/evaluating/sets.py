"""The sets that evaluators compare: folders of images, or plain folders of pictures or volumes.

Who has images from elsewhere can have them measured as they are: nothing is resampled or cut.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from brainzoo.common import console
from brainzoo.common.errors import DataError, NotFoundError
from brainzoo.data.images import Images
from brainzoo.data.pixels import from_floats
from brainzoo.data.tables import Row
from brainzoo.data.volumes import read_volume
from brainzoo.datasets.config import subject_regex
from brainzoo.datasets.known import find_table
from brainzoo.datasets.names import STUDY_IDS, read_part
from brainzoo.datasets.people import by_pattern
from brainzoo.datasets.tree import PICTURES, VOLUMES, files_below, stem
from brainzoo.preparation.pictures import grey_values

_nibabel: Any = nibabel  # typed in part only

SYNTHETIC = "synthetic"
OVERSHOOT = 0.05  # of a network or of interpolation, beyond [0, 1]
FAR = 1e-3  # of the values may lie farther out still
LEFT_OUT = ("grid.png", "grid_real.png")
"""Pictures of many images that brainzoo's own exports hold beside those of one."""

PERCENTILES = (1.0, 99.5)
"""What becomes black and white where values have no known range, as in preparing scans."""


def open_sets(
    folders: Mapping[str, Path], *, subject_pattern: str | None = None
) -> dict[str, Images]:
    """Open folders of images, a run's samples, or plain folders of pictures or NIfTI files.

    In a plain folder every file is one image: volumes (``.nii``, ``.nii.gz``; one slice thick is a
    slice) if there are any, else pictures (``.png``, ``.jpg``, ``.tif``, ``.npy``), of one size.
    What is black and white is decided once, for all plain folders alike: 8 and 16 bits and floats
    in [0, 1] are taken as they are (single values beyond are cut off); if any folder holds other
    values, all are scaled image by image, and a warning says so. The subject of a real image is:

    1. what the group of ``subject_pattern`` finds in the path below the folder;
    2. ``sub-XXX`` or ``IXI123`` in that path;
    3. the name of the sub-folder that the file lies in, unless sub-folders are classes: the same
       names in several of the folders;
    4. the file's name without slices (``_slice-12``, ``_z012``), runs, visits and contrasts.

    The first sub-folder is the class where it is not the subject's. ``participants.tsv`` or
    ``.csv`` in the folder may tell class, age, sex and more. Those named ``synthetic`` hold images
    of a generator, and have no subjects.
    """
    found: dict[str, Images] = {}
    plain: dict[str, list[Path]] = {}
    for name, folder in folders.items():
        if name == SYNTHETIC and (folder / "samples" / "images.json").is_file():
            folder = folder / "samples"
        if any((folder / file).is_file() for file in ("images.json", "pixels.npy")):
            found[name] = Images.open(folder)
        else:
            plain[name] = _image_files(folder)
    if subject_pattern is not None:
        subject_regex(subject_pattern, "--subject-pattern")
    places = {name: _below_the_top(files) for name, files in plain.items()}
    above = [{p.parts[-2] for p in of if len(p.parts) == 2} for of in places.values()]
    above = [names for names in above if names]
    classes = set.intersection(*above) if len(above) > 1 else set()
    read = {name: _read_all(folders[name], files) for name, files in plain.items()}
    known = all(_range_is_known(pixels) for pixels, _ in read.values())
    if not known:
        console.warn(
            "values have no known range: every image of these folders is scaled by its own "
            f"percentiles {PERCENTILES[0]:g} and {PERCENTILES[1]:g}."
        )
    for name, (values, spacing_mm) in read.items():
        synthetic = name == SYNTHETIC
        rows = _rows(folders[name], places[name], subject_pattern, classes, synthetic=synthetic)
        pixels = _scaled(values)
        if known:
            pixels = values if values.dtype.kind == "u" else values.clip(0, 1).astype(np.float32)
        info = {
            "dims": pixels.ndim - 1,
            "plane": None,
            "spacing_mm": spacing_mm,
            "affine": None,
            "value_range": [0, 1],
            "source": {"name": folders[name].name, "license": "unknown", "simulated": False},
            "classes": sorted({str(row["class"]) for row in rows if row["class"]}),
            "synthetic": synthetic,
        }
        images = Images(pixels[:, None], rows, info)
        images.info["fingerprint"] = describe_set(images)["fingerprint"]
        found[name] = images
        of = "" if synthetic else f" of {len(images.subjects())} subjects"
        kinds = ", ".join(images.classes) or "none"
        console.note(f"{folders[name]}: {len(images)} images{of}, classes: {kinds}")
    return {name: found[name] for name in folders}


def describe_set(images: Images) -> dict[str, Any]:
    """Return what a set of images is known by: fingerprint, and numbers of images and subjects.

    The fingerprint is of the pixels, subjects and classes of these very images only.
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
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}.", "Check its name.")
    files, _, _ = files_below(folder)
    for endings in (VOLUMES, PICTURES):
        found = [p for p in files if p.name.lower().endswith(endings) and p.name not in LEFT_OUT]
        if found:
            return found
    raise DataError(
        f"{folder} holds no images: {len(files)} files, none a {', '.join((*VOLUMES, *PICTURES))}.",
        "Give a folder that brainzoo prepared or sampled, or one of pictures or NIfTI files.",
    )


def _below_the_top(files: Sequence[Path]) -> list[Path]:
    """Return files below the folder in which they begin to differ: not ``images`` of an export."""
    top = os.path.commonpath([path.parent for path in files])
    return [path.relative_to(top) for path in files]


def _rows(
    folder: Path,
    places: Sequence[Path],
    pattern: str | None,
    classes: set[str],
    *,
    synthetic: bool,
) -> list[Row]:
    table = find_table(folder, None)
    rows: list[Row] = []
    for place in places:
        name = stem(place)
        subject, of_folder = ("", False) if synthetic else _subject(place, pattern, classes)
        above = place.parts[: -2 if of_folder else -1]
        known = (table.find(subject or name, name) if table else None) or {}
        own_class = known.pop("class", None) or next(iter(above), None)
        row: Row = {
            "image_id": place.with_name(name).as_posix(),
            "class": str(own_class) if own_class else None,
            **known,
        }
        rows.append(row if synthetic else row | {"subject": subject})
    return rows


def _subject(place: Path, pattern: str | None, classes: set[str]) -> tuple[str, bool]:
    """Return the subject of a file, and whether its folder is named after it."""
    above = place.parent.name
    if pattern is not None:
        [file] = by_pattern({place.as_posix(): place}, pattern)
        return file.name.person, file.name.person in above
    match = STUDY_IDS.search(stem(place)) or STUDY_IDS.search(place.as_posix())
    if match:
        return match[0], match[0] in above
    if above and above not in classes:
        return above, True
    return read_part(stem(place)).person or stem(place), False


def _read_all(folder: Path, files: Sequence[Path]) -> tuple[NDArray[Any], list[float] | None]:
    """Return the values of all files as stored, ``(image, *spatial)``, and the spacing in mm."""
    found: list[NDArray[Any]] = []
    spacing_mm: list[float] | None = None
    with console.progress(f"reading {folder.name}", len(files)) as advance:
        for path in files:
            if path.name.lower().endswith(VOLUMES):
                values, spacing_mm = _volume(path)
            else:
                values = grey_values(path)
            if found and values.shape != found[0].shape:
                sizes = " and ".join(" × ".join(map(str, v.shape)) for v in (found[0], values))
                raise DataError(
                    f"images below {folder} differ in size: {sizes} ({files[0].name}, "
                    f"{path.name}); expected one size.",
                    "Prepare them alike, for example with: brainzoo data folder --data.root DIR",
                )
            found.append(values)
            advance(1)
    return np.stack(found), spacing_mm


def _volume(path: Path) -> tuple[NDArray[Any], list[float] | None]:
    """Return a volume in RAS+ order and its spacing; one voxel thick, it is the slice seen."""
    volume = read_volume(path)
    data: NDArray[Any] = np.asarray(
        _nibabel.apply_orientation(volume.data, _nibabel.io_orientation(volume.affine))
    )
    thin = [axis for axis, length in enumerate(data.shape) if length == 1]
    if not thin:
        return data, [round(mm, 3) for mm in volume.spacing_mm]
    # As slices are stored: rows go down from anterior or superior, columns from the right or front.
    return np.take(data, 0, axis=thin[-1]).T[::-1, ::-1], None


def _range_is_known(values: NDArray[Any]) -> bool:
    """Return whether black and white are known: by the type, or since floats lie in [0, 1]."""
    if values.dtype == np.uint16:
        return bool(values.max() > np.iinfo(np.uint16).max // 2)
    if values.dtype.kind == "f":
        far = (values < -OVERSHOOT) | (values > 1 + OVERSHOOT)
        return bool(far.mean() <= FAR)
    return values.dtype == np.uint8


def _scaled(values: NDArray[Any]) -> NDArray[Any]:
    axes = tuple(range(1, values.ndim))
    low, high = np.percentile(values, PERCENTILES, axis=axes, keepdims=True).astype(np.float32)
    return from_floats((values - low) / np.maximum(high - low, 1e-12), "uint16")
